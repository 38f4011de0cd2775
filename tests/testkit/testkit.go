// Package testkit is what tests of the whole share: it runs the real binary and
// other programs, reads their logs, speaks to them, and counts what they hold.
// Conditions are waited for with actortest.Eventually.
package testkit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/mcpx/mcpx/tests/fakes/puppet"
)

// Patience caps waits for what must happen; nothing ever takes that long.
const Patience = time.Minute

// Until polls a condition until it holds; false when it does not within
// Patience. A test that fails then anyway uses actortest.Eventually.
func Until(holds func() bool) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(Patience)
	defer deadline.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			return false
		}
	}
	return true
}

// Binary returns the path of the program under test, which holds the race
// detector and coverage counters: MCPX_BINARY, else bin/mcpx of the repository.
func Binary() (string, error) {
	path := os.Getenv("MCPX_BINARY")
	if path == "" {
		root, err := root()
		if err != nil {
			return "", err
		}
		path = filepath.Join(root, "bin", "mcpx")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("the program under test is missing; build it with `make e2e-binary` (%w)", err)
	}
	return path, nil
}

// root is the folder of the repository: tests run in that of their package.
func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", fmt.Errorf("there is no go.mod above %s", dir)
		}
		dir = above
	}
}

// Environment is that of a program in a folder of its own, which is also its
// home: nothing of this machine's configuration, and a place for coverage
// counters, which is MCPX_COVERDIR if set.
func Environment(dir string) []string {
	counters := cmp.Or(os.Getenv("MCPX_COVERDIR"), os.Getenv("GOCOVERDIR"), dir) // go test -cover overrides the second
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "TMPDIR=" + dir,
		"GOCOVERDIR=" + counters,
		"GORACE=atexit_sleep_ms=0", // or every end takes a second
	}
}

// Config is the text of a configuration with the given servers; settings are
// further keys of its top level.
func Config(servers map[string]any, settings ...map[string]any) string {
	all := map[string]any{"mcpServers": servers}
	for _, s := range settings {
		maps.Copy(all, s)
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		panic(err) // maps of texts and numbers
	}
	return string(text)
}

// WriteConfig writes a configuration (see Config) into a folder and returns its path.
func WriteConfig(dir, config string) (string, error) {
	path := filepath.Join(dir, "mcpx.json")
	return path, os.WriteFile(path, []byte(config), 0o600)
}

// PuppetServer is a server of a configuration that is a puppet of this test
// binary, whose TestMain calls puppet.Main. Its processes are found again by
// their mark; see puppet.Marked.
func PuppetServer(mark, behaviour string, args ...string) map[string]any {
	command, args, env := puppet.Command(behaviour, args...)
	env[puppet.EnvMark] = mark
	return map[string]any{"command": command, "args": append([]string{}, args...), "env": env}
}

// Buffer is a bytes.Buffer for several goroutines.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String returns what has been written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
