package gatewaytools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
	"github.com/mcpx/mcpx/transport/schema"
)

func TestNew_PresentsItself(t *testing.T) {
	d := New(&fakeDoor{}, Options{Version: "1.2.3"}).Describe(context.Background(), mcp.Caller{})
	if string(d.Info) != `{"name":"mcpx","version":"1.2.3"}` || string(d.Capabilities) != `{"tools":{"listChanged":true}}` || !strings.Contains(d.Instructions, "inspect") {
		t.Fatalf("%s %s %q", d.Info, d.Capabilities, d.Instructions)
	}
	d = New(&fakeDoor{}, Options{Name: "n", Instructions: "i", Profile: ProfileInspect}).Describe(context.Background(), mcp.Caller{})
	if string(d.Info) != `{"name":"n","version":""}` || d.Instructions != "i" {
		t.Fatalf("%s %q", d.Info, d.Instructions)
	}
}

func TestNew_AnUnknownProfileIsABug(t *testing.T) {
	if !KnownProfile("") || !KnownProfile("inspect") || !KnownProfile("describe") || !KnownProfile("invoke") || KnownProfile("x") {
		t.Fatal("KnownProfile")
	}
	defer func() {
		if recover() == nil {
			t.Fatal("no panic")
		}
	}()
	New(&fakeDoor{}, Options{Profile: "x"})
}

func TestProfiles_DeclareSchemasThatAcceptWhatTheToolsAccept(t *testing.T) {
	for name, args := range map[string]string{
		"inspect": `{"server_name":"s"}`, "exec": `{"server_name":"s","tool_name":"t","arguments":{"a":1}}`, "resources": `{"server_name":"s"}`,
		"describe": `{"method":"s"}`, "call": `{"method":"s.t"}`, "invoke": `{"method":"s.t","arguments":{"a":1}}`, "read": `{"server_name":"s","uri":"u"}`,
	} {
		for _, p := range profiles {
			for _, tool := range p.tools {
				if tool.name != name {
					continue
				}
				s, err := schema.Compile(tool.inputSchema())
				if err != nil {
					t.Fatal(name, err)
				}
				if ps := s.Validate(json.RawMessage(args)); ps != nil {
					t.Errorf("%s: %+v", name, ps)
				}
				if ps := s.Validate(json.RawMessage(`{}`)); ps == nil {
					t.Errorf("%s needs nothing", name)
				}
			}
		}
	}
}

func TestExec_HandsOnWhatBelongsToTheRequest(t *testing.T) {
	door := &fakeDoor{dir: directory(1, []messages.Catalog{{Server: "s", Tools: []messages.Tool{{Name: "t"}}}})}
	door.answer = func(_ messages.Call, sink messages.Sink) messages.Outcome {
		if err := sink.Notify(messages.Notification{Method: "notifications/progress"}); err != nil {
			t.Error(err)
		}
		return messages.Outcome{Result: json.RawMessage(`{"content":[]}`)}
	}
	req := toolsCall(execParams("s", "t", `{}`))
	req.Caller.Principal.Name, req.Caller.Client = "anna", "c7"
	req.Request.ProgressToken, req.Request.LogLevel = json.RawMessage(`"p"`), "debug"
	notified := 0
	_, err := New(door, Options{}).Serve(context.Background(), req, messages.SinkFunc(func(messages.Notification) error { notified++; return nil }))
	if err != nil || notified != 1 {
		t.Fatalf("%v, %d notifications", err, notified)
	}
	c := door.calls[0]
	if c.Server != "s" || c.Principal.Name != "anna" || c.Client != "c7" || c.Request.Name != "t" || string(c.Request.ProgressToken) != `"p"` || c.Request.LogLevel != "debug" {
		t.Fatalf("%+v", c)
	}
}

func TestExec_AServerWithoutACatalogIsWaitedForAsLongAsTheDoorWaits(t *testing.T) {
	cases := []struct {
		name string
		err  error
		want string
	}{
		{"deadline", context.DeadlineExceeded, `"kind":"timeout"`},
		{"cancelled", fmt.Errorf("wait: %w", context.Canceled), `"kind":"cancelled"`},
		{"removed meanwhile", messages.Failf(messages.KindUnknownUpstream, "s", "gone"), `Server 's' not found. Available: `},
		{"a bug", errors.New("odd"), `"error":"Server 's': odd","kind":"internal"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			door := &fakeDoor{dir: directory(1, nil, "s"), catalog: func(context.Context, string) (messages.Catalog, error) { return messages.Catalog{}, c.err }}
			result, err := New(door, Options{}).Serve(context.Background(), toolsCall(execParams("s", "t", `{}`)), messages.Discard)
			if err != nil || !strings.Contains(textOf(result), c.want) || !strings.Contains(string(result), `"isError":true`) {
				t.Fatalf("%s %v", result, err)
			}
			if len(door.calls) != 0 {
				t.Fatal("something was sent")
			}
		})
	}

	ctx, cancel := context.WithCancel(context.Background())
	waits := make(chan struct{})
	door := &fakeDoor{dir: directory(1, nil, "s"), catalog: func(ctx context.Context, _ string) (messages.Catalog, error) {
		close(waits)
		<-ctx.Done()
		return messages.Catalog{}, ctx.Err()
	}}
	go func() { <-waits; cancel() }()
	result, _ := New(door, Options{}).Serve(ctx, toolsCall(execParams("s", "t", `{}`)), messages.Discard)
	if !strings.Contains(textOf(result), "cancelled") {
		t.Fatalf("%s", result)
	}
}

// policyDoor answers Allowed with one failure.
type policyDoor struct {
	*fakeDoor
	failure *messages.Failure
}

func (d policyDoor) Allowed(messages.Principal, string, string) *messages.Failure { return d.failure }

func TestExec_AServerRemovedAfterTheDirectoryWasReadIsNotFound(t *testing.T) {
	door := policyDoor{&fakeDoor{dir: directory(1, []messages.Catalog{{Server: "s"}})}, messages.Failf(messages.KindUnknownUpstream, "s", "there is no server")}
	result, _ := New(door, Options{}).Serve(context.Background(), toolsCall(execParams("s", "t", `{}`)), messages.Discard)
	if !strings.Contains(textOf(result), `"error":"Server 's' not found","hint":"No MCP servers`) {
		t.Fatalf("%s", result)
	}
	door.failure = messages.Failf(messages.KindUnavailable, "s", "mcpx is shutting down")
	result, _ = New(door, Options{}).Serve(context.Background(), toolsCall(execParams("s", "t", `{}`)), messages.Discard)
	if !strings.Contains(textOf(result), `"error":"mcpx is shutting down","kind":"unavailable"`) {
		t.Fatalf("%s", result)
	}
}

func TestExec_AStaleCatalogIsGoodEnough(t *testing.T) {
	door := &fakeDoor{
		dir:     directory(1, []messages.Catalog{{Server: "s", Stale: true, Tools: []messages.Tool{{Name: "t"}}}}),
		catalog: func(context.Context, string) (messages.Catalog, error) { panic("asked") },
		answer: func(messages.Call, messages.Sink) messages.Outcome {
			return messages.Outcome{Result: json.RawMessage(`{"content":[{"type":"text","text":"hi"}]}`)}
		},
	}
	result, _ := New(door, Options{}).Serve(context.Background(), toolsCall(execParams("s", "t", `{}`)), messages.Discard)
	if textOf(result) != "hi" || len(door.calls) != 1 {
		t.Fatalf("%s", result)
	}
}

func TestList_IsRenderedOncePerVersionAndPrincipal(t *testing.T) {
	door := &fakeDoor{forbidden: func(p messages.Principal, server, _ string) bool { return p.Name == "guest" && server == "private" }}
	door.set(directory(1, []messages.Catalog{{Server: "private"}, {Server: "public"}}, "late"))
	tools := New(door, Options{})
	list := func(name string) json.RawMessage {
		t.Helper()
		got, err := tools.Serve(context.Background(), mcp.Request{Caller: mcp.Caller{Principal: messages.Principal{Name: name}}, Request: messages.Request{Method: "tools/list"}}, messages.Discard)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	one, guest := list(""), list("guest")
	if &list("")[0] != &one[0] || &list("guest")[0] != &guest[0] {
		t.Fatal("rendered anew for an unchanged directory")
	}
	if !strings.Contains(string(one), "Server: private") || strings.Contains(string(guest), "private") || !strings.Contains(string(guest), "Server: public") {
		t.Fatalf("wrong for its principal:\n%s\n%s", one, guest)
	}
	door.set(directory(2, []messages.Catalog{{Server: "new"}}))
	if two := list("guest"); !strings.Contains(string(two), "Server: new") || strings.Contains(string(two), "public") {
		t.Fatalf("not current: %s", two)
	}
	if door.catalogs != 0 {
		t.Fatal("listing waited for a server")
	}
}

func TestList_KeepsABoundedNumberOfRenderings(t *testing.T) {
	door := &fakeDoor{dir: directory(1, nil)}
	tools := New(door, Options{})
	for i := range 3 * maxListings {
		tools.list(messages.Principal{Name: fmt.Sprint(i)})
		if n := len(tools.listings.Load().by); n > maxListings {
			t.Fatalf("%d are kept", n)
		}
	}
}

func TestList_IsCurrentWhileTheDirectoryChanges(t *testing.T) {
	door := &fakeDoor{dir: directory(0, nil)}
	tools := New(door, Options{})
	const versions = 50
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				before := door.Directory().Version
				description, _ := jsonrpc.Get(tools.list(messages.Anonymous), "tools")
				var shown uint64
				if i := strings.Index(string(description), "Server: v"); i >= 0 {
					if _, err := fmt.Sscanf(string(description)[i:], "Server: v%d", &shown); err != nil {
						t.Error(err)
					}
				}
				if shown < before {
					t.Errorf("version %d is shown when %d was there before", shown, before)
					return
				}
				if before == versions {
					return
				}
			}
		})
	}
	for v := uint64(1); v <= versions; v++ {
		door.set(directory(v, nil, fmt.Sprintf("v%d", v)))
	}
	wg.Wait()
}

func TestFold_OneLineCutInWholeCharacters(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "",
		" \n\t":                  "",
		"a":                      "a",
		" a \n b\u0000c\u0085d ": "a b c d",
		"1234567890":             "1234567890",
		"12345678901":            "1234567...",
		"日本語日本語日本語日":             "日本語日本語日本語日",
		"日本語日本語日本語日本":            "日本語日本語日...",
		"123456 \n 890":          "123456 890",
		"1234567890 \n":          "1234567890",
		"1234567 890":            "1234567...",
		"bad\xffbyte":            "bad\ufffdbyte",
	} {
		if got := fold(in, 10); got != want {
			t.Errorf("fold(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestParameters_AreBounded(t *testing.T) {
	var b strings.Builder
	for i := range 500 {
		fmt.Fprintf(&b, `"p%03d":{},`, i)
	}
	got := parameters(json.RawMessage(`{"properties":{` + b.String() + `"z":{}},"required":["p000"]}`))
	if !strings.HasPrefix(got, "p000, p001?, ") || !strings.HasSuffix(got, ", p099?, ...") {
		t.Fatal(got)
	}
	if got := parameters(json.RawMessage(`{"properties":[1],"required":"x"}`)); got != "" {
		t.Fatal(got)
	}
}

func TestPythonList_PrintsAsPythonDoes(t *testing.T) {
	got := pythonList([]string{"fs", "it's", `a"b`, `it's "x"`, "a\\b\n\r\t", "日本", "\x00\u00a0\u2028\U000e0001"})
	want := `['fs', "it's", 'a"b', 'it\'s "x"', 'a\\b\n\r\t', '日本', '\x00\xa0\u2028\U000e0001']`
	if got != want {
		t.Fatalf("got %s\nwant %s", got, want)
	}
	if got := pythonList(nil); got != "[]" {
		t.Fatal(got)
	}
}

func TestReadJSON_DeepTextStaysText(t *testing.T) {
	deep := strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1)
	if _, plain, ok := readJSON(deep); ok || plain != deep {
		t.Fatal("read")
	}
	if v, _, _ := readJSON(deep[1 : len(deep)-1]); v == nil {
		t.Fatal("not read")
	}
	// A string in a string in a string is unwrapped twice, as it always was.
	if v, plain, ok := readJSON(`"\"\\\"x\\\"\""`); v != nil || plain != `"x"` || !ok {
		t.Fatalf("%s %q", v, plain)
	}
}

func TestProfiles_EachParameterHasAPlace(t *testing.T) {
	for name, p := range profiles {
		for _, tool := range p.tools {
			for _, param := range tool.params {
				if param.typ == "string" {
					(&call{}).text(param.name) // panics
				} else if param.required || param.name != "arguments" {
					t.Errorf("%s.%s: call.arguments is the only place for an object, and it may be left out", name, tool.name)
				}
			}
		}
	}
}

func TestTypeTexts_AreWrittenOnceAndBounded(t *testing.T) {
	var c typeTexts
	first := c.text(json.RawMessage(`{"type":"string"}`))
	if string(first) != `"string"` || &c.text(json.RawMessage(`{"type":"string"}`))[0] != &first[0] {
		t.Fatalf("%s is written again", first)
	}
	for range 2 { // written, and remembered
		if c.text(json.RawMessage(`[]`)) != nil {
			t.Fatal("a list is no schema")
		}
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range maxTypes {
				if got := string(c.text(json.RawMessage(fmt.Sprintf(`{"const":%d}`, i*(worker+1))))); got != fmt.Sprintf(`"%d"`, i*(worker+1)) {
					t.Errorf("%s", got)
				}
			}
		})
	}
	wg.Wait()
	if len(c.texts) > maxTypes || len(c.texts) == 0 {
		t.Errorf("%d are kept", len(c.texts))
	}
	for i := range 100 {
		long := fmt.Sprintf(`{"const":"%d%s"}`, i, strings.Repeat("x", 200_000))
		c.text(json.RawMessage(long))
	}
	size := 0
	for _, text := range c.texts {
		size += len(text)
	}
	if size != c.bytes || size > maxTypeBytes {
		t.Errorf("%d bytes are kept, counted as %d", size, c.bytes)
	}
}
