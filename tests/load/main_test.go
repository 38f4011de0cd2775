// Package load_test holds that mcpx load tells the truth: the real program
// measures real servers of which it is known what they do.
package load_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/tests/leak"
	"github.com/mcpx/mcpx/tests/testkit"
	"github.com/mcpx/mcpx/transport/workload"
)

func TestMain(m *testing.M) { leak.Main(m) }

// binary is the program under test.
func binary(t *testing.T) string {
	t.Helper()
	path, err := testkit.Binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// upstream is a running `mcpx null`.
type upstream struct {
	*testkit.Program
	URL string
}

// null runs `mcpx null` until the test ends.
func null(t *testing.T, args ...string) upstream {
	t.Helper()
	p, err := testkit.StartPiped(testkit.Command(binary(t), t.TempDir(), append([]string{"null"}, args...)...))
	if err != nil {
		t.Fatal(err)
	}
	line, err := p.Out.ReadString('\n')
	go func() { _, _ = io.Copy(io.Discard, p.Out) }() // ends with the program
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "Listening on ")
	t.Cleanup(func() {
		if err := p.End(p.Terminate); err != nil {
			t.Error(err)
		}
	})
	if !ok {
		t.Fatalf("mcpx null printed %q (%v)\n%s", line, err, p.Errs)
	}
	return upstream{p, url}
}

// measured is what a finished run of mcpx load left.
type measured struct {
	code     int
	out, err string
	result   // of --out
}

// result is what the tests look at of the JSON.
type result struct {
	Targets []struct {
		Name, Server, Protocol, Transport string
		Asks                              []string
	}
	Runs []struct {
		Target int `json:"target_index"`
		Round  int
		workload.Report
		Kills *struct {
			Killed []struct {
				Pid     int
				Command string
			}
		}
	}
	Comparison []workload.Ratio
}

// running is a `mcpx load` that runs.
type running struct {
	t   *testing.T
	p   *testkit.Program
	dir string
	out chan string
}

// start begins to measure.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	return startAs(t, binary(t), args...)
}

func startAs(t *testing.T, path string, args ...string) *running {
	t.Helper()
	dir := t.TempDir()
	// What stands behind -- is the target's.
	args = append([]string{"load", "--out", filepath.Join(dir, "load.json"), "--html", filepath.Join(dir, "load.html")}, args...)
	p, err := testkit.StartPiped(testkit.Command(path, dir, args...))
	if err != nil {
		t.Fatal(err)
	}
	r := &running{t: t, p: p, dir: dir, out: make(chan string, 1)}
	go func() {
		text, _ := io.ReadAll(p.Out)
		r.out <- string(text)
	}()
	t.Cleanup(p.Kill)
	return r
}

// await waits for a text on stderr.
func (r *running) await(text string) {
	r.t.Helper()
	if !testkit.Until(func() bool { return strings.Contains(r.p.Errs.String(), text) || r.p.Ended() }) || r.p.Ended() {
		r.t.Fatalf("it never said %q:\n%s", text, r.p.Errs)
	}
}

// end waits for the end.
func (r *running) end() measured {
	r.t.Helper()
	if !testkit.Until(r.p.Ended) {
		r.t.Fatalf("%s did not end:\n%s", r.p.Cmd, r.p.Errs)
	}
	m := measured{out: <-r.out, err: r.p.Errs.String()}
	var exit *exec.ExitError
	if err := r.p.Err(); errors.As(err, &exit) {
		m.code = exit.ExitCode()
	} else if err != nil {
		r.t.Fatal(err)
	}
	for _, sign := range []string{"DATA RACE", "panic: "} {
		if strings.Contains(m.err, sign) {
			r.t.Errorf("%s said %q:\n%s", r.p.Cmd, sign, m.err)
		}
	}
	text, err := os.ReadFile(filepath.Join(r.dir, "load.json"))
	if err == nil {
		err = json.Unmarshal(text, &m.result)
	} else if errors.Is(err, os.ErrNotExist) {
		err = nil // it never began
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

// load measures, and insists on an exit code.
func load(t *testing.T, code int, args ...string) measured {
	t.Helper()
	m := start(t, args...).end()
	if m.code != code {
		t.Fatalf("mcpx load %s: exit code %d, want %d\n%s\n%s", strings.Join(args, " "), m.code, code, m.out, m.err)
	}
	return m
}

// only is the one run that there was.
func (m *measured) only(t *testing.T) *workload.Report {
	t.Helper()
	if len(m.Runs) != 1 {
		t.Fatalf("%d runs\n%s\n%s", len(m.Runs), m.out, m.err)
	}
	return &m.Runs[0].Report
}

// warned tells whether a run doubts itself in these words, in the JSON, on
// stdout and on the page.
func (r *running) warned(m measured, words string) bool {
	r.t.Helper()
	page, err := os.ReadFile(filepath.Join(r.dir, "load.html"))
	if err != nil {
		r.t.Fatal(err)
	}
	inJSON := strings.Contains(strings.Join(m.only(r.t).Warnings, "\n"), words)
	return inJSON && strings.Contains(m.out, "warning: ") && strings.Contains(m.out, words) && strings.Contains(string(page), words)
}
