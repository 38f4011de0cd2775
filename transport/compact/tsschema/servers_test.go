package tsschema

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tool is what of a tool's description matters here.
type tool struct {
	Name        string          `json:"name"`
	InputSchema json.RawMessage `json:"inputSchema"`
}

// server is one that others wrote, and how to run it.
type server struct {
	name    string
	modern  bool
	command func(t *testing.T, dir string) []string
}

func ofNpm(name string, args ...string) server {
	return server{name: name, command: func(t *testing.T, dir string) []string {
		command := []string{nodejs(t), npm(t, "@modelcontextprotocol", "server-"+name, "dist", "index.js")}
		for _, a := range args {
			command = append(command, strings.ReplaceAll(a, "DIR", dir))
		}
		return command
	}}
}

var servers = []server{
	ofNpm("everything", "stdio"), ofNpm("filesystem", "DIR"), ofNpm("memory"), ofNpm("sequential-thinking"),
	{name: "go-sdk-everything", modern: true, command: func(t *testing.T, _ string) []string {
		return []string{installed(t, "deps-tools", "bin", "everything-server")}
	}},
}

// recorded returns the tools of a server as they stand in testdata.
func recorded(t testing.TB, name string) []tool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "servers", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var tools []tool
	if err := json.Unmarshal(text, &tools); err != nil {
		t.Fatal(err)
	}
	return tools
}

// ask runs a server, asks for its tools and ends it.
func ask(t *testing.T, s server) []tool {
	t.Helper()
	const me = `"clientInfo":{"name":"raw","version":"1"}`
	const meta = `{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"raw","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}`
	hello, list := `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":`+meta+`}`, `{"jsonrpc":"2.0","id":2,"method":"tools/list","params":`+meta+`}`
	if !s.modern {
		hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},` + me + `}}`
		list = `{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n" + `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := s.command(t, dir)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "MEMORY_FILE_PATH=" + filepath.Join(dir, "memory.jsonl")}
	var errors bytes.Buffer
	cmd.Stderr = &errors
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = stdin.Close()
		cancel() // some do not end with their input
		_ = cmd.Wait()
	}()
	lines := bufio.NewReader(stdout)
	answer := func(request string, id int) json.RawMessage {
		if _, err := io.WriteString(stdin, request+"\n"); err != nil {
			t.Fatal(err)
		}
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				t.Fatalf("%s ended without an answer: %v\n%s", s.name, err, errors.String())
			}
			var message struct {
				ID     json.RawMessage
				Result json.RawMessage
				Error  json.RawMessage
			}
			if err := json.Unmarshal(line, &message); err != nil {
				t.Fatalf("%s wrote %s: %v", s.name, line, err)
			}
			if string(message.ID) == fmt.Sprint(id) {
				if message.Result == nil {
					t.Fatalf("%s refused %s: %s", s.name, request, message.Error)
				}
				return message.Result
			}
		}
	}
	answer(hello, 1)
	var result struct{ Tools []tool }
	if err := json.Unmarshal(answer(list, 2), &result); err != nil {
		t.Fatal(err)
	}
	return result.Tools
}

// golden is the text of all tools of a server, a line each.
func golden(t *testing.T, tools []tool) string {
	t.Helper()
	var b strings.Builder
	for _, tool := range tools {
		text, err := Compress(tool.InputSchema, Options{})
		if err != nil {
			t.Fatalf("the schema of %s %v", tool.Name, err)
		}
		fmt.Fprintf(&b, "%s %s\n", tool.Name, text)
	}
	return b.String()
}

// The servers are asked as they are installed; what they say and the types of
// it stand in testdata, where people can look at them.
func TestServers_TypesOfAllToolsAreWhatTheyWere(t *testing.T) {
	var raw, text int
	for _, s := range servers {
		tools := ask(t, s)
		if len(tools) == 0 {
			t.Fatalf("%s has no tools", s.name)
		}
		said, err := json.MarshalIndent(tools, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		types := golden(t, tools)
		for file, now := range map[string]string{s.name + ".json": string(said) + "\n", s.name + ".ts.txt": types} {
			path := filepath.Join("testdata", "servers", file)
			if *update {
				if err := os.WriteFile(path, []byte(now), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if before, err := os.ReadFile(path); err != nil || string(before) != now {
				t.Errorf("%s is not what it was (%v); look at it after a run with -update:\n%s", file, err, now)
			}
		}
		bytesRaw, bytesText := 0, 0
		for _, tool := range tools {
			var compact bytes.Buffer
			if err := json.Compact(&compact, tool.InputSchema); err != nil {
				t.Fatal(err)
			}
			one, err := Compress(tool.InputSchema, Options{})
			if err != nil || len(one) > compact.Len() {
				t.Errorf("%s of %s: %d bytes of compact JSON became %d (%v)", tool.Name, s.name, compact.Len(), len(one), err)
			}
			bytesRaw, bytesText = bytesRaw+compact.Len(), bytesText+len(one)
		}
		t.Logf("%-20s %2d tools: %6d bytes of compact JSON Schema, %5d bytes of types (%d %% less)",
			s.name, len(tools), bytesRaw, bytesText, 100-100*bytesText/bytesRaw)
		if strings.HasPrefix(s.name, "go-sdk") {
			continue
		}
		raw, text = raw+bytesRaw, text+bytesText
	}
	t.Logf("the npm servers together: %d bytes became %d (%d %% less)", raw, text, 100-100*text/raw)
	if text*2 > raw {
		t.Errorf("%d bytes of compact JSON Schema became %d: less than half was saved", raw, text)
	}
}

// serverTypes are those of all tools of the servers.
func serverTypes(t *testing.T) (all []declared) {
	t.Helper()
	for _, s := range servers {
		for _, tool := range recorded(t, s.name) {
			d, err := Declaration("Input", tool.InputSchema, Options{})
			if err != nil {
				t.Fatalf("the schema of %s %v", tool.Name, err)
			}
			all = append(all, declared{string(tool.InputSchema), d})
		}
	}
	return all
}
