package dial

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
)

func TestProcess_EnvironmentIsMinimalAndWhatIsConfigured(t *testing.T) {
	ours := []string{
		"PATH=/bin", "HOME=/h", "USER=u", "LOGNAME=l", "SHELL=/s", "TERM=t", "LANG=C", "LC_ALL=C", "LC_TIME=de", "TMPDIR=/tmp", "TZ=UTC",
		"GITHUB_TOKEN=secret", "AWS_PROFILE=p", "SSH_AUTH_SOCK=/x", "LCX=no", "PATHX=no", "broken", "GOCOVERDIR=/c",
	}
	want := map[string]string{
		"PATH": "/mine", "HOME": "/h", "USER": "u", "LOGNAME": "l", "SHELL": "/s", "TERM": "t", "LANG": "C",
		"LC_ALL": "C", "LC_TIME": "de", "TMPDIR": "/tmp", "TZ": "UTC", "TOKEN": "t=1",
	}
	if got := environment(ours, map[string]string{"PATH": "/mine", "TOKEN": "t=1"}); !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if got := environment(nil, nil); !maps.Equal(got, map[string]string{"PATH": defaultPath}) {
		t.Errorf("without any of ours: %v", got)
	}
}

func TestProcess_ServerGetsEnvironmentDirectoryAndArguments(t *testing.T) {
	t.Setenv("MCPX_TEST_SECRET", "do not inherit")
	d := stdioTo("environment", "a b", "", "ü'\"")
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d.Request.Spec.Cwd = dir
	d.Request.Spec.Env["OWN"] = "x=y"
	c := d.legacy(t)
	type facts struct {
		Env, Args  []string
		Dir        string
		Group, Pid int
	}
	got := structured[facts](t, do(t, c, toolCall("environment", "{}")))
	if got.Dir != dir || !slices.Equal(got.Args, []string{"a b", "", "ü'\""}) || got.Pid != c.Pid() || got.Group != got.Pid {
		t.Errorf("%+v, our pid of it %d, want the directory %s", got, c.Pid(), dir)
	}
	wanted := environment(os.Environ(), d.Request.Spec.Env)
	for _, v := range got.Env {
		name, value, _ := strings.Cut(v, "=")
		if wanted[name] != value {
			t.Errorf("it has %s", v)
		}
		delete(wanted, name)
	}
	if len(wanted) != 0 {
		t.Errorf("it lacks %v", wanted)
	}
}

func TestProcess_ACommandThatCannotRunSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	plain := write("plain", "#!/bin/sh\n", 0o600)
	lost := write("lost", "#!/no/such/interpreter\n", 0o700)
	text := write("text", "just text", 0o700)
	for name, c := range map[string]struct {
		spec messages.ServerSpec
		says string
	}{
		"none":              {messages.ServerSpec{}, "no command is configured"},
		"not in PATH":       {messages.ServerSpec{Command: "no-such-program"}, `server "srv": command "no-such-program" not found in PATH; install it or give its full path`},
		"own PATH":          {messages.ServerSpec{Command: "sh", Env: map[string]string{"PATH": dir}}, `command "sh" not found in PATH`},
		"in PATH, no x":     {messages.ServerSpec{Command: "plain", Env: map[string]string{"PATH": dir}}, "not executable; chmod +x it"},
		"missing":           {messages.ServerSpec{Command: "./missing", Cwd: dir}, "does not exist (looked for " + dir + "/missing)"},
		"a directory":       {messages.ServerSpec{Command: dir}, "is a directory"},
		"not executable":    {messages.ServerSpec{Command: plain}, "is not executable; chmod +x it"},
		"below a file":      {messages.ServerSpec{Command: plain + "/x"}, "cannot be run"},
		"lost interpreter":  {messages.ServerSpec{Command: lost}, "interpreter"},
		"no program":        {messages.ServerSpec{Command: text}, "not a program for this system"},
		"cwd missing":       {messages.ServerSpec{Command: "sh", Cwd: dir + "/missing"}, "its cwd \"" + dir + "/missing\" does not exist"},
		"cwd a file":        {messages.ServerSpec{Command: "sh", Cwd: plain}, "is not a directory"},
		"cwd below a file":  {messages.ServerSpec{Command: "sh", Cwd: plain + "/x"}, "cannot be used"},
		"arguments too big": {messages.ServerSpec{Command: "sh", Args: []string{strings.Repeat("x", 1<<20)}}, "too long"},
		"NUL in arguments":  {messages.ServerSpec{Command: "sh", Args: []string{"a\x00b"}}, "NUL"},
		"= in a name":       {messages.ServerSpec{Command: "sh", Env: map[string]string{"A=B": "c"}}, `environment variable "A=B" cannot be set`},
	} {
		d := stdioTo("plain")
		d.Request.Spec.Command, d.Request.Spec.Args, d.Request.Spec.Env, d.Request.Spec.Cwd = c.spec.Command, c.spec.Args, c.spec.Env, c.spec.Cwd
		f := d.fails(t, within(t))
		if f.Kind != messages.KindUnavailable || f.Sent != messages.SentNo || !strings.Contains(f.Message, c.says) || !strings.HasPrefix(f.Message, `server "srv": `) {
			t.Errorf("%s: %v, %q says nothing of %q", name, f.Kind, f.Message, c.says)
		}
	}
}

func TestProcess_ACommandIsFoundByTheEffectivePath(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "bin", "tool-x"), 0o700); err != nil { // a directory is no program
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "sbin"), 0o700); err != nil {
		t.Fatal(err)
	}
	self, args, _ := puppet.Command("plain")
	if err := os.Symlink(self, filepath.Join(dir, "sbin", "tool-x")); err != nil {
		t.Fatal(err)
	}
	d := stdioTo("plain", args...)
	d.Request.Spec.Command = "tool-x"
	d.Request.Spec.Cwd = dir
	d.Request.Spec.Env["PATH"] = ":bin:" + filepath.Join(dir, "bin") + ":sbin" // relative entries count from its cwd
	serves(t, d.legacy(t))
}

func TestProcess_StartIsGivenUpWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if f := stdioTo("plain").fails(t, ctx); f.Kind != messages.KindCancelled || !strings.Contains(f.Message, "its start was cancelled") {
		t.Errorf("%v %q", f.Kind, f.Message)
	}
}

func TestStderr_LinesAreHandedOnAndTheirEndIsKept(t *testing.T) {
	d := stdioTo("plain")
	d.Request.Limits.StderrTailBytes = 40
	d.Request.Spec.Env["API_TOKEN"] = "sesame-open"
	c := d.legacy(t)
	say := func(text string) {
		wantText(t, do(t, c, toolCall("stderr", `{"text":"`+text+`"}`)), "said")
	}
	say("first line")
	say(`\u001b[31mred\u001b[0m\u0007 \u202etxt`)
	say("the key is sesame-open")
	say(strings.Repeat("y", 3*stderrLine))
	say("last line")
	eventually(t, "all lines", func() bool { return strings.Contains(d.stderr.all(), "last line") })
	lines := strings.Split(d.stderr.all(), "\n")
	want := []string{"first line", `red\u0007 \u202etxt`, "the key is " + messages.Mask, strings.Repeat("y", stderrLine), "last line"}
	if !slices.Equal(lines, want) {
		t.Errorf("got  %.100q\nwant %.100q", lines, want)
	}
	if quote := c.process.stderr.quote(); !strings.HasSuffix(quote, "ends with: last line") {
		t.Errorf("kept %q of 40 bytes", quote)
	}
}

func TestStderr_QuoteIsShortAndNewestLast(t *testing.T) {
	tail := newStderrTail(messages.ServerSpec{}, 1<<20, nil)
	if got := tail.quote(); got != "" {
		t.Errorf("nothing was said: %q", got)
	}
	for i := range 100 {
		tail.add(fmt.Sprintf("line %d", i))
		tail.add("")
	}
	if got := tail.quote(); got != "; its stderr ends with: line 92 | line 93 | line 94 | line 95 | line 96 | line 97 | line 98 | line 99" {
		t.Errorf("%q", got)
	}
	tail.add(strings.Repeat("ü", lastBytes))
	if got := tail.quote(); len(got) > lastBytes+100 || !strings.HasSuffix(got, "ü…") {
		t.Errorf("%d bytes", len(got))
	}
}

func TestHarmless_MakesForeignTextFitForATerminal(t *testing.T) {
	for text, want := range map[string]string{
		"plain \t text":           "plain \t text",
		"grüße 你好 🙂":              "grüße 你好 🙂",
		"\x1b[1;31mbold\x1b[0m":   "bold",
		"a\x1b]0;title\x07b":      `a\u001b]0;title\u0007b`,
		"over\rwritten":           `over\u000dwritten`,
		"broken \xff\xc3 utf-8":   `broken \xff\xc3 utf-8`,
		"a real \ufffd stays":     "a real \ufffd stays",
		"c1 \u0085, sep \u2028":   `c1 \u0085, sep \u2028`,
		"\u2066isolate\u2069 end": `\u2066isolate\u2069 end`,
	} {
		if got := harmless(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestDrainReader_EndsWithWhatIsThereThoughSomebodyHoldsThePipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = r.Close(), w.Close() }()
	reader := newDrainReader(r)
	got := make(chan string)
	go func() {
		var all []byte
		b := make([]byte, 3)
		for {
			n, err := reader.Read(b)
			if all = append(all, b[:n]...); err != nil {
				got <- string(all)
				return
			}
		}
	}()
	if _, err := w.WriteString("written before the end"); err != nil {
		t.Fatal(err)
	}
	reader.drain()
	reader.drain()
	select {
	case text := <-got:
		if text != "written before the end" {
			t.Errorf("read %q", text)
		}
	case <-time.After(patience):
		t.Fatal("still reading")
	}
}
