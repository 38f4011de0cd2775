package gatewaytools

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// A scenario is a txtar archive: "world" is what the door knows, each "NAME
// request" is one request, and the "NAME answer" behind it is what must come
// back, after what was sent to the upstream. -update writes the answers.

// world is what the fake door of a scenario knows.
type world struct {
	Catalogs  []catalogJSON `json:"catalogs"`
	Pending   []string      `json:"pending"`   // servers that are still connecting
	Connects  []catalogJSON `json:"connects"`  // what those that will connect offer
	Forbidden []string      `json:"forbidden"` // "server" or "server/tool"

	Profile     string `json:"profile"`
	TypeScript  bool   `json:"schema_compression_enabled"`
	TOON        bool   `json:"toon_compression_enabled"`
	TOONMinSize int    `json:"toon_compression_min_size"`
	Structured  bool   `json:"include_structured_content"`

	// By tool name or URI: what the upstream answers.
	Results  map[string]json.RawMessage `json:"results"`
	Failures map[string]failureJSON     `json:"failures"`
}

type catalogJSON struct {
	Server, Instructions string
	Stale                bool
	Tools                []struct {
		Name, Description string
		InputSchema       json.RawMessage
	}
	Resources, Templates []messages.Resource
}

type failureJSON struct {
	Kind       string
	Sent       string
	Message    string
	Available  []string
	RetryAfter float64
	Code       int
	Data       json.RawMessage
}

func (f failureJSON) failure(server string) *messages.Failure {
	out := &messages.Failure{Server: server, Message: f.Message, Available: f.Available, Code: f.Code, Data: f.Data,
		RetryAfter: time.Duration(f.RetryAfter * float64(time.Second))}
	for out.Kind.String() != f.Kind {
		out.Kind++
	}
	for out.Sent.String() != f.Sent {
		out.Sent++
	}
	return out
}

func (c catalogJSON) catalog() messages.Catalog {
	out := messages.Catalog{Server: c.Server, Stale: c.Stale, Peer: messages.Peer{Instructions: c.Instructions}, Resources: c.Resources, Templates: c.Templates}
	for _, t := range c.Tools {
		out.Tools = append(out.Tools, messages.Tool{Name: t.Name, Description: t.Description, InputSchema: t.InputSchema})
	}
	return out
}

func (w *world) door() *fakeDoor {
	var catalogs []messages.Catalog
	for _, c := range w.Catalogs {
		catalogs = append(catalogs, c.catalog())
	}
	return &fakeDoor{
		dir: directory(1, catalogs, w.Pending...),
		forbidden: func(_ messages.Principal, server, tool string) bool {
			return slices.Contains(w.Forbidden, server) || slices.Contains(w.Forbidden, server+"/"+tool)
		},
		catalog: func(_ context.Context, server string) (messages.Catalog, error) {
			for _, c := range w.Connects {
				if c.Server == server {
					return c.catalog(), nil
				}
			}
			return messages.Catalog{}, w.Failures[server].failure(server)
		},
		answer: func(call messages.Call, _ messages.Sink) messages.Outcome {
			if f, ok := w.Failures[call.Request.Name]; ok {
				return messages.Outcome{Failure: f.failure(call.Server)}
			}
			return messages.Outcome{Result: w.Results[call.Request.Name]}
		},
	}
}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { golden(t, file) })
	}
}

func golden(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var w world
	if archive.Files[0].Name != "world" {
		t.Fatalf("%s must begin with world", file)
	}
	if err := json.Unmarshal(archive.Files[0].Data, &w); err != nil {
		t.Fatal(err)
	}
	door := w.door()
	tools := New(door, Options{
		Version: "1.2.3", Profile: w.Profile, TypeScript: w.TypeScript,
		TOON: w.TOON, TOONMinSize: w.TOONMinSize, IncludeStructuredContent: w.Structured,
	})
	written := &txtar.Archive{Comment: archive.Comment, Files: archive.Files[:1:1]}
	want := map[string]string{}
	for _, f := range archive.Files {
		want[f.Name] = string(f.Data)
	}
	for _, f := range archive.Files[1:] {
		name, isRequest := strings.CutSuffix(f.Name, " request")
		if !isRequest {
			continue
		}
		door.calls = nil
		got := transcript(tools, door, f.Data)
		if !*update && got != want[name+" answer"] {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want[name+" answer"])
		}
		written.Files = append(written.Files, f, txtar.File{Name: name + " answer", Data: []byte(got)})
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(written), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// transcript performs one request: {"method":…,"params":…}, or the params of a
// tools/call, or "tools/list". It shows what was sent upstream, the raw result,
// and below it the text of a result as its reader sees it.
func transcript(tools *Tools, door *fakeDoor, request []byte) string {
	request = bytes.TrimSpace(request)
	req := mcp.Request{Request: messages.Request{Method: "tools/call", Params: request}}
	if method, ok := jsonrpc.GetString(request, "method"); ok {
		params, _ := jsonrpc.Get(request, "params")
		req.Request.Method, req.Request.Params = method, params
	}
	result, err := tools.Serve(context.Background(), req, messages.Discard)
	var b strings.Builder
	for _, c := range door.calls {
		fmt.Fprintf(&b, "sent %s to %s: %s\n", c.Request.Method, c.Server, c.Request.Params)
	}
	var rpc *jsonrpc.Error
	switch {
	case errors.As(err, &rpc):
		fmt.Fprintf(&b, "error %d: %s\n", rpc.Code, rpc.Message)
	case err != nil:
		fmt.Fprintf(&b, "unexpected error: %v\n", err)
	case !json.Valid(result):
		fmt.Fprintf(&b, "invalid JSON: %s\n", result)
	default:
		fmt.Fprintf(&b, "%s\n", result)
		list, _ := jsonrpc.Get(result, "tools")
		for def := range jsonrpc.Elements(list) {
			name, _ := jsonrpc.GetString(def, "name")
			text, _ := jsonrpc.GetString(def, "description")
			fmt.Fprintf(&b, "--- %s\n%s\n", name, text)
		}
	}
	return b.String()
}
