package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/mcpx/mcpx/tests/testkit"
)

// peer is another gateway, as the file of peers describes it. In texts {port} is
// a free port, {upstream} the URL of the null server, {mcpx} the program whose
// `null --transport stdio` is that server over stdio, {dir} the folder it runs
// in, and {peers} where `make deps-peers` puts what it installs.
type peer struct {
	Name    string            `json:"name"`
	Version string            `json:"version"`
	About   string            `json:"about"` // language and kind of upstream
	Start   []string          `json:"start"`
	Files   map[string]string `json:"files"` // to be there before it starts: name -> text
	URL     string            `json:"url"`
	Tool    string            `json:"tool"`
	Body    string            `json:"body"`    // of a call, where that is not MCP
	Headers map[string]string `json:"headers"` // of every request
	Session bool              `json:"session"` // it speaks the legacy era only
}

// readPeers reads the file. What is not installed, in the folder or in PATH, is
// left out, and named.
func readPeers(path, folder string) (there []peer, missing []string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	var all []peer
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, p := range all {
		if p.Name == "" || len(p.Start) == 0 || p.URL == "" {
			return nil, nil, fmt.Errorf("%s: a peer needs name, start and url: %+v", path, p)
		}
		for i, word := range p.Start {
			p.Start[i] = strings.ReplaceAll(word, "{peers}", folder)
		}
		if _, err := exec.LookPath(p.Start[0]); err != nil {
			missing = append(missing, p.Name+" "+p.Version)
			continue
		}
		there = append(there, p)
	}
	return there, missing, nil
}

func (p peer) about() string { return strings.TrimSpace(p.Version + " " + p.About) }

// target starts it.
func (p peer) target(b *bench, null *running, bytes int) (*target, error) {
	dir, err := b.folder()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	fill := strings.NewReplacer("{port}", port, "{upstream}", null.url, "{mcpx}", b.mcpx, "{dir}", dir).Replace
	for name, text := range p.Files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(fill(text)), 0o600); err != nil {
			return nil, err
		}
	}
	words := make([]string, len(p.Start))
	for i, word := range p.Start {
		words[i] = fill(word)
	}
	cmd := testkit.Command(words[0], dir, words[1:]...)
	cmd.Stdout = &testkit.Buffer{}
	program, err := testkit.Start(cmd)
	if err != nil {
		return nil, err
	}
	r := &running{program, fill(p.URL)}
	s := p.shot(r.url, fill, payload(bytes))
	stop := func() error { return r.endTree() }
	var t *target
	var why error
	ready := testkit.Until(func() bool {
		if t, why = b.overHTTP(s, program.Pid(), nothing, p.Session); why == nil {
			why = t.check()
		}
		return why == nil || program.Ended()
	})
	if !ready || why != nil {
		_ = stop() // what it wrote says more
		return nil, fmt.Errorf("%s did not answer: %w\n%s%s", p.Name, why, cmd.Stdout, program.Errs)
	}
	t.stop = stop
	if t.mcp != nil {
		t.mcp.headers = map[string]string{}
		for name, value := range p.Headers {
			t.mcp.headers[name] = fill(value)
		}
	}
	return t, nil
}

func (p peer) shot(url string, fill func(string) string, text string) shot {
	params := fmt.Sprintf(`{"name":%q,"arguments":{}}`, p.Tool)
	s := modernShot(url, p.Tool, params, text)
	switch {
	case p.Body != "":
		s = shot{url, fill(p.Body), http.Header{"Content-Type": {"application/json"}}, text, ""}
	case p.Session:
		s = legacyShot(url, p.Tool, params, text)
	}
	for name, value := range p.Headers {
		s.headers.Set(name, fill(value))
	}
	return s
}

// endTree ends a program that is not ours, with all that it has started.
func (r *running) endTree() error {
	below := testkit.Descendants(r.Pid())
	_ = r.Terminate() // it may have gone
	if testkit.Until(r.Ended) {
		below = testkit.Alive(below)
	}
	r.Kill()
	for _, left := range below {
		if p, err := os.FindProcess(left.Pid); err == nil {
			_ = p.Kill() // it may have gone
		}
	}
	return nil
}
