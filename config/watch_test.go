package config

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// patience is a cap for waits; nothing ever takes that long.
const patience = time.Minute

// watching is a watch whose patience the test holds: nothing counts as settled
// until it says so.
type watching struct {
	*watch
	t      *testing.T
	cancel context.CancelFunc
	armed  chan time.Duration
	fire   chan time.Time
}

// startWatch watches a file that was loaded with this text.
func startWatch(t *testing.T, path, text string) *watching {
	t.Helper()
	cfg, problems := Load(LoadOptions{Path: path, Data: []byte(text), Environ: []string{}})
	if cfg == nil {
		t.Fatal(problems)
	}
	w := &watching{t: t, armed: make(chan time.Duration, 1000), fire: make(chan time.Time)}
	w.watch = &watch{path: cfg.path, seen: cfg.text, changes: make(chan struct{}, 1), look: 20 * time.Millisecond}
	w.after = func(d time.Duration) <-chan time.Time {
		w.armed <- d
		return w.fire
	}
	ctx, cancel := context.WithCancel(t.Context())
	go w.run(ctx)
	w.cancel = cancel
	t.Cleanup(func() { w.end() })
	return w
}

// end ends the watch and returns how many changes nobody has fetched.
func (w *watching) end() (unread int) {
	w.cancel()
	for range w.changes { // closed when the watch has ended
		unread++
	}
	return unread
}

// stirred waits until a change has been noticed.
func (w *watching) stirred() {
	w.t.Helper()
	select {
	case <-w.armed:
	case <-time.After(patience):
		w.t.Fatal("the change was not noticed")
	}
}

// settle says that the file has been left alone.
func (w *watching) settle() {
	w.t.Helper()
	select {
	case w.fire <- time.Time{}:
	case <-time.After(patience):
		w.t.Fatal("nobody waits for the file to settle")
	}
}

// changed settles until the change is told; noticing may take several wakes. It
// leaves no look at the file behind that is not over: one that is told is, and
// there is no second one before the watch has begun to wait again.
func (w *watching) changed() {
	w.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case <-w.changes:
			return
		default:
		}
		for len(w.armed) > 0 {
			<-w.armed
		}
		select {
		case <-w.changes:
			return
		case w.fire <- time.Time{}:
		case <-deadline:
			w.t.Fatal("the change was not told")
		}
		select {
		case <-w.changes:
			return
		case <-w.armed:
		case <-deadline:
			w.t.Fatal("the change was not told after a look at the file")
		}
	}
}

const loadable = `{"mcpServers": {"a": {"command": "%s"}}}`

func content(n any) string { return fmt.Sprintf(loadable, fmt.Sprint(n)) }

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWatch_ABurstOfWritesIsOneChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mcpx.json")
	put(t, path, content(0))
	w := startWatch(t, path, content(0))
	put(t, path, content("first"))
	w.changed() // from here on it follows the file; its first look is over
	for i := range 20 {
		put(t, path, content(i+1))
	}
	w.stirred()
	w.settle()
	<-w.changes
	// The same text again is no change.
	put(t, path, content(20))
	put(t, path, content("end"))
	w.changed()
	if more := w.end(); more > 0 || w.seen != sha256.Sum256([]byte(content("end"))) {
		t.Errorf("two changes were told as more, or the last one was not: %d more", more)
	}
}

func TestWatch_HowTheFileIsReplacedMakesNoDifference(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, dir, path string)
		replace func(t *testing.T, dir, path string)
	}{
		"written in place": {replace: func(t *testing.T, _, path string) { put(t, path, content("new")) }},
		"renamed over, as editors do": {replace: func(t *testing.T, dir, path string) {
			put(t, filepath.Join(dir, ".mcpx.json.swp"), content("new"))
			must(t, os.Rename(filepath.Join(dir, ".mcpx.json.swp"), path))
		}},
		"moved away and written anew, as other editors do": {replace: func(t *testing.T, _, path string) {
			must(t, os.Rename(path, path+"~"))
			put(t, path, content("new"))
			must(t, os.Remove(path+"~"))
		}},
		"a link to the directory exchanged, as Kubernetes does": {
			prepare: func(t *testing.T, dir, path string) {
				must(t, os.Mkdir(filepath.Join(dir, "..1"), 0o700))
				must(t, os.Rename(path, filepath.Join(dir, "..1", "mcpx.json")))
				must(t, os.Symlink("..1", filepath.Join(dir, "..data")))
				must(t, os.Symlink(filepath.Join("..data", "mcpx.json"), path))
			},
			replace: func(t *testing.T, dir, _ string) {
				must(t, os.Mkdir(filepath.Join(dir, "..2"), 0o700))
				put(t, filepath.Join(dir, "..2", "mcpx.json"), content("new"))
				must(t, os.Symlink("..2", filepath.Join(dir, "..data_tmp")))
				must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
				must(t, os.RemoveAll(filepath.Join(dir, "..1")))
			},
		},
		"the target of a link written in place": {
			prepare: func(t *testing.T, dir, path string) {
				must(t, os.Mkdir(filepath.Join(dir, "real"), 0o700))
				must(t, os.Rename(path, filepath.Join(dir, "real", "target")))
				must(t, os.Symlink(filepath.Join(dir, "real", "target"), path))
			},
			replace: func(t *testing.T, dir, _ string) { put(t, filepath.Join(dir, "real", "target"), content("new")) },
		},
		"the directory exchanged": {replace: func(t *testing.T, dir, path string) {
			must(t, os.Rename(dir, dir+".old"))
			must(t, os.Mkdir(dir, 0o700))
			put(t, path, content("new"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "config")
			must(t, os.Mkdir(dir, 0o700))
			path := filepath.Join(dir, "mcpx.json")
			put(t, path, content("old"))
			if c.prepare != nil {
				c.prepare(t, dir, path)
			}
			w := startWatch(t, path, content("old"))
			c.replace(t, dir, path)
			w.changed()
			// And the watch goes on where the file is now. One change may be
			// left over from a moment without a file; not three.
			target, err := filepath.EvalSymlinks(path)
			must(t, err)
			for i := range 3 {
				put(t, target, content(i))
				w.changed()
			}
		})
	}
}

func TestWatch_TellsOfAFileThatGoesAndComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mcpx.json")
	put(t, path, content(1))
	w := startWatch(t, path, content(1))
	must(t, os.Remove(path))
	w.changed()
	put(t, path, content(1))
	w.changed()
}

func TestWatch_FindsWhatChangedBeforeItStood(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mcpx.json")
	put(t, path, content("new"))
	w := startWatch(t, path, content("old"))
	select {
	case <-w.changes:
	case <-time.After(patience):
		t.Fatal("the change was not told")
	}
}

func TestWatch_WithoutAFileThereIsNothingToWatch(t *testing.T) {
	cfg, _ := Load(LoadOptions{Environ: []string{}})
	if _, open := <-cfg.Watch(t.Context()); open {
		t.Error("a change of nothing was told")
	}
	// A pipe can be read once, and reading it again would wait forever.
	r, w, err := os.Pipe()
	must(t, err)
	defer r.Close()
	defer w.Close()
	cfg, _ = Load(LoadOptions{Path: fmt.Sprintf("/dev/fd/%d", r.Fd()), Data: []byte(content(1)), Environ: []string{}})
	if _, open := <-cfg.Watch(t.Context()); open {
		t.Error("a change of a pipe was told")
	}
}

// The real clock: what a program uses.
func TestWatch_OfAConfigurationWaitsByItself(t *testing.T) {
	t.Chdir(t.TempDir())
	put(t, "mcpx.json", content(1))
	cfg, problems := Load(LoadOptions{Path: "mcpx.json", Environ: []string{}})
	if cfg == nil {
		t.Fatal(problems)
	}
	ctx, cancel := context.WithCancel(t.Context())
	changes := cfg.Watch(ctx)
	put(t, "mcpx.json", content(2))
	select {
	case <-changes:
	case <-time.After(patience):
		t.Error("the change was not told")
	}
	cancel()
	for range changes {
		continue
	}
}

func TestStir_WaitsForQuietAndNotForever(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var s stir
	for _, c := range []struct{ at, want time.Duration }{
		{0, settleFor}, {settleFor / 2, settleFor}, {time.Second, settleFor}, {settleMost - settleFor/2, settleFor / 2}, {settleMost, 0}, {2 * settleMost, 0},
	} {
		if got := s.wait(start.Add(c.at)); got != c.want {
			t.Errorf("%s after the first change it waits %s, want %s", c.at, got, c.want)
		}
	}
}

func TestWay_ListsEveryDirectoryInWhichAChangeCounts(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	at := func(elem ...string) string { return filepath.Join(append([]string{root}, elem...)...) }
	for _, dir := range []string{"a/b", "c", "d"} {
		must(t, os.MkdirAll(at(dir), 0o700))
	}
	put(t, at("a", "b", "file"), "")
	for link, target := range map[string]string{"c/up": "../a", "d/abs": at("c", "up", "b"), "d/file": "abs/file", "d/broken": "../nowhere/x", "d/loop": "loop"} {
		must(t, os.Symlink(target, at(link)))
	}
	for path, want := range map[string][]string{
		"a/b/file":        {"a/b"},
		"a/./b/../b/file": {"a/b"},
		"c/up/b/file":     {"c", "a/b"},
		"d/file":          {"d", "c", "a/b"},
		"a/none":          {"a"},
		"none/x/y":        {""},
		"d/broken":        {"d", ""},
		"d/loop":          {"d"},
	} {
		var full []string
		for _, dir := range want {
			full = append(full, at(dir))
		}
		if got := way(root + "/" + path); !reflect.DeepEqual(got, full) {
			t.Errorf("%s: got %v, want %v", path, got, full)
		}
	}
}
