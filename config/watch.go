package config

import (
	"context"
	"crypto/sha256"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settleFor is how long a file must have been left alone: whoever writes
	// it in pieces is not read in the middle.
	settleFor = 100 * time.Millisecond
	// settleMost ends the patience with one who never stops writing.
	settleMost = 2 * time.Second
	// lookEvery is for file systems that tell of no changes: network drives,
	// some mounts of containers, a system without watches left.
	lookEvery = 5 * time.Second
)

// digest stands for a file's text; zero stands for no text.
type digest [sha256.Size]byte

// Watch tells when the file does not hold any more what this configuration was
// loaded from, and then each time it changes again, until ctx ends; then the
// channel is closed. A burst of changes is told once, when it is over, and so
// are those that nobody has fetched yet. Without a file, or with
// a pipe in its place, the channel is closed at once.
//
// It makes no difference how the file is replaced: written in place, by rename
// as editors do, or by a symbolic link on the way to it, as Kubernetes does.
func (c *Config) Watch(ctx context.Context) <-chan struct{} {
	w := &watch{path: c.path, seen: c.text, changes: make(chan struct{}, 1), after: time.After, look: lookEvery}
	go w.run(ctx)
	return w.changes
}

// watch follows one file. It looks at the file whenever something happens in
// one of the directories on the way to it, and waits until it is left alone.
type watch struct {
	path    string
	seen    digest // of what has been told, or needed no telling
	changes chan struct{}
	after   func(time.Duration) <-chan time.Time
	look    time.Duration

	last  fs.FileInfo // at the last look; nil without a file
	stir  stir
	files *fsnotify.Watcher // nil where the system has none to give
}

func (w *watch) run(ctx context.Context) {
	defer close(w.changes)
	if w.last = look(w.path); w.path == "" || w.last != nil && !w.last.Mode().IsRegular() {
		return
	}
	var events <-chan fsnotify.Event
	var faults <-chan error
	if files, err := fsnotify.NewWatcher(); err == nil {
		w.files, events, faults = files, files.Events, files.Errors
		defer func() { _ = files.Close() }() // nothing was written
	}
	if abs, err := filepath.Abs(w.path); err == nil {
		w.path = abs
	}
	// What changed before the first watch stood is found by reading.
	w.follow()
	w.last = look(w.path)
	w.tell()

	every := time.NewTicker(w.look)
	defer every.Stop()
	var settled <-chan time.Time
	for {
		stirred := false
		select {
		case <-ctx.Done():
			return
		case <-settled:
			settled, w.stir = nil, stir{}
			w.tell()
			continue
		case e := <-events:
			stirred = filepath.Base(e.Name) == filepath.Base(w.path) && !e.Has(fsnotify.Chmod)
		case err := <-faults: // events were lost
			stirred = err != nil
		case <-every.C:
		}
		w.follow()
		now := look(w.path)
		if stirred || !unchanged(w.last, now) {
			w.last = now
			settled = w.after(w.stir.wait(time.Now()))
		}
	}
}

// stir is how long a file has been changing.
type stir struct{ since time.Time }

// wait returns how long to wait after a change for the next one.
func (s *stir) wait(now time.Time) time.Duration {
	if s.since.IsZero() {
		s.since = now
	}
	return max(0, min(settleFor, settleMost-now.Sub(s.since)))
}

// tell reads the file and says so if it is another one.
func (w *watch) tell() {
	var now digest
	if data, err := os.ReadFile(w.path); err == nil {
		now = sha256.Sum256(data)
	}
	if now == w.seen {
		return
	}
	w.seen = now
	select {
	case w.changes <- struct{}{}:
	default: // the last change has not been fetched yet
	}
}

// follow watches the directories on the way to the file as it is now, and no
// others. What cannot be watched is looked at from time to time.
func (w *watch) follow() {
	if w.files == nil {
		return
	}
	wanted := way(w.path)
	for _, dir := range w.files.WatchList() {
		if !slices.Contains(wanted, dir) {
			_ = w.files.Remove(dir) // it may have gone by itself
		}
	}
	for _, dir := range wanted {
		_ = w.files.Add(dir) // twice does nothing
	}
}

func look(path string) fs.FileInfo {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	return info
}

func unchanged(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// way lists the directories, free of links themselves, in which a change can
// make path another file: that of the file, and those of each symbolic link on
// the way to it. Of a way that ends early it is the last directory there is.
func way(path string) []string {
	const mostLinks = 255 // as in the library's EvalSymlinks
	root := filepath.VolumeName(path) + string(filepath.Separator)
	at := root
	rest := elements(path)
	var dirs []string
	note := func(dir string) {
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	for links := 0; len(rest) > 0; {
		next := filepath.Join(at, rest[0])
		info, err := os.Lstat(next)
		if err != nil || len(rest) == 1 {
			note(at)
		}
		if err != nil {
			return dirs
		}
		rest = rest[1:]
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		note(at)
		target, err := os.Readlink(next)
		if links++; err != nil || links > mostLinks {
			return dirs
		}
		if filepath.IsAbs(target) {
			at = filepath.VolumeName(target) + string(filepath.Separator)
		}
		rest = append(elements(target), rest...)
	}
	return dirs
}

// elements splits a path; what is empty or "." is left out, ".." is not.
func elements(path string) []string {
	path = filepath.ToSlash(path[len(filepath.VolumeName(path)):])
	return slices.DeleteFunc(strings.Split(path, "/"), func(e string) bool { return e == "" || e == "." })
}
