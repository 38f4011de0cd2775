package front

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/mcp"
)

func errorLine(id string, code int, message string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":%s}}`, id, code, quote(message))
}

func quote(s string) string { return string(text(s)) }

const released = `{"content":[{"type":"text","text":"released"}]}`

func TestStdio_ALegacyConnection(t *testing.T) {
	p := newPipes(t, Options{})
	p.send(`{"jsonrpc":"2.0","id":"early","method":"ping"}`)
	p.expect(`{"jsonrpc":"2.0","id":"early","result":{}}`)
	p.initialize(mcp.V20250618)
	p.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`, call(1, "progress"))
	for i := range 3 {
		p.expect(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p1","progress":%d}}`, i))
	}
	p.expect(`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"done"}]}}`)
	p.clients.awaitStreams(t, 1)
	p.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`, `{"jsonrpc":"2.0","id":77,"result":{}}`, `{"jsonrpc":"2.0","id":2,"method":"ping"}`)
	p.expect(`{"jsonrpc":"2.0","id":2,"result":{}}`)
	p.clients.announce(messages.TopicTools, toolsChanged) // told once, although initialized came twice
	p.expect(`{"jsonrpc":"2.0","method":"` + toolsChanged + `"}`)
	p.send(`{"jsonrpc":"2.0","id":3,"method":"server/discover"}`, initializeMessage(mcp.V20251125))
	lines := []string{await(t, "an error", p.lines), await(t, "an error", p.lines)}
	if all := strings.Join(lines, "\n"); !strings.Contains(all, `"id":3,"error":{"code":-32601`) || !strings.Contains(all, `"id":0,"error":{"code":-32600`) {
		t.Errorf("got %s", all)
	}
	if err := p.end(); err != nil {
		t.Errorf("at the end of input: %v", err)
	}
}

func TestStdio_WhatFollowsInitializeWaitsWithIt(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	p := newPipes(t, Options{BeforeGreeting: func() {
		close(entered)
		<-leave
	}})
	p.send(initializeMessage(mcp.V20251125) + "\n" + `{"jsonrpc":"2.0","id":1,"method":"ping"}`) // in one write
	await(t, "the wait", entered)
	select {
	case line := <-p.lines:
		t.Errorf("answered meanwhile: %s", line)
	default:
	}
	close(leave)
	lines := []string{await(t, "an answer", p.lines), await(t, "an answer", p.lines)}
	if all := strings.Join(lines, "\n"); !strings.Contains(all, `"protocolVersion"`) || !strings.Contains(all, `{"jsonrpc":"2.0","id":1,"result":{}}`) {
		t.Errorf("got %s", all)
	}
}

func TestStdio_ListChangedOnlyAfterInitialized(t *testing.T) {
	p := newPipes(t, Options{})
	p.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`) // before initialize: means nothing
	p.initialize(mcp.V20251125)
	p.clients.announce(messages.TopicTools, toolsChanged)
	p.send(`{"jsonrpc":"2.0","id":1,"method":"ping"}`)
	p.expect(`{"jsonrpc":"2.0","id":1,"result":{}}`)
	if _, streams, _ := p.clients.state(); streams != 0 {
		t.Errorf("%d streams before initialized", streams)
	}
}

func TestStdio_AModernConnection(t *testing.T) {
	p := newPipes(t, Options{})
	p.send(`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{` + modernMeta + `}}}`)
	if line := await(t, "the discovery", p.lines); !strings.Contains(line, `"supportedVersions":["2026-07-28",`) || !strings.Contains(line, `"cacheScope":"private"`) {
		t.Errorf("got %s", line)
	}
	body, _ := modernCall(2, "echo", "")
	p.send(body)
	p.expect(`{"jsonrpc":"2.0","id":2,"result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"puppet","version":"1"}},"content":[{"type":"text","text":"{\"name\":\"echo\"}"}]}}`)
	for _, method := range []string{"initialize", "ping", "logging/setLevel", "resources/subscribe", "nope"} {
		p.send(`{"jsonrpc":"2.0","id":3,"method":"` + method + `","params":{"_meta":{` + modernMeta + `}}}`)
		p.expect(errorLine("3", -32601, `the method "`+method+`" is not served here`))
	}
	p.send(`{"jsonrpc":"2.0","id":4,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2031-01-01","io.modelcontextprotocol/clientCapabilities":{}}}}`)
	if line := await(t, "the refusal", p.lines); !strings.Contains(line, `"code":-32022`) || !strings.Contains(line, `"requested":"2031-01-01"`) {
		t.Errorf("got %s", line)
	}
	p.send(`{"jsonrpc":"2.0","id":5,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`)
	if line := await(t, "the refusal", p.lines); code(t, line) != -32602 {
		t.Errorf("got %s", line)
	}
	// The same connection may also be opened in the legacy manner.
	p.initialize(mcp.V20251125)
	p.send(call(6, "echo"), `{"jsonrpc":"2.0","id":7,"method":"ping"}`)
	await(t, "an answer", p.lines)
	await(t, "an answer", p.lines)
}

func TestStdio_BeforeInitializeItIsSaidWhatToSend(t *testing.T) {
	p := newPipes(t, Options{})
	for _, method := range []string{"tools/list", "server/discover", "subscriptions/listen"} {
		p.send(`{"jsonrpc":"2.0","id":1,"method":"` + method + `"}`)
		if line := await(t, "the refusal", p.lines); code(t, line) != -32602 || !strings.Contains(line, "initialize") {
			t.Errorf("%s: %s", method, line)
		}
	}
	p.send(`{"jsonrpc":"2.0","id":2,"method":"initialize","params":{}}`)
	if line := await(t, "the refusal", p.lines); code(t, line) != -32602 {
		t.Errorf("initialize without a version: %s", line)
	}
	p.clients.maxSessions = 0
	p.send(initializeMessage(mcp.V20251125))
	if line := await(t, "the refusal", p.lines); code(t, line) != mcp.CodeOverloaded {
		t.Errorf("too many sessions: %s", line)
	}
	body, _ := modernCall(3, "echo", "")
	p.send(body)
	if line := await(t, "the refusal", p.lines); code(t, line) != mcp.CodeOverloaded {
		t.Errorf("too many sessions: %s", line)
	}
}

func TestStdio_BadLinesAreAnsweredAndTheConnectionLivesOn(t *testing.T) {
	p := newPipes(t, Options{Limits: messages.Limits{RequestBytes: 500, Depth: 5}})
	long := strings.Repeat("x", 1000)
	for _, c := range []struct {
		line, id string
		code     int
	}{
		{`{nope`, "null", -32700},
		{"\xff", "null", -32700},
		{`{"jsonrpc":"2.0","id":1,"method":"ping","params":` + strings.Repeat("[", 9) + strings.Repeat("]", 9) + `}`, "1", -32700},
		{`{"jsonrpc":"1.0","id":2,"method":"ping"}`, "2", -32600},
		{`[{"jsonrpc":"2.0","id":3,"method":"ping"}]`, "null", -32600},
		{`{"jsonrpc":"2.0","id":4,"method":"ping","params":{"x":"` + long + `"}}`, "4", -32600},
		{`{"jsonrpc":"2.0","method":"ping","params":{"x":"` + long + `"},"id":5}`, "null", -32600},
		{`["` + long + `"]`, "null", -32600},
		{`{1:"` + long + `"}`, "null", -32600},
	} {
		p.send(c.line)
		line := await(t, "the refusal", p.lines)
		if !strings.HasPrefix(line, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,`, c.id, c.code)) {
			t.Errorf("%.60s: %s", c.line, line)
		}
	}
	p.send("", `{"jsonrpc":"2.0","id":6,"method":"ping"}`)
	p.expect(`{"jsonrpc":"2.0","id":6,"result":{}}`)
}

func TestStdio_CancelReachesTheOneRequestInBothEras(t *testing.T) {
	p := newPipes(t, Options{})
	p.initialize(mcp.V20251125)
	modern, _ := modernCall(2, "wait", "")
	p.send(call(1, "wait"), modern, call(3, "wait"))
	for range 3 {
		await(t, "a start", p.service.started)
	}
	for _, id := range []string{"1", "2", "99", "1.5"} {
		p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `}}`)
	}
	wantCancelled(t, await(t, "an end", p.service.ended))
	wantCancelled(t, await(t, "an end", p.service.ended))
	close(p.service.release)
	// Nothing of the cancelled ones, their late progress included.
	p.expect(`{"jsonrpc":"2.0","id":3,"result":` + released + `}`)
	eventually(t, "the ids are free", func() bool { _, _, n := p.clients.state(); return n == 0 })
	p.send(call(1, "wait"))
	p.expect(`{"jsonrpc":"2.0","id":1,"result":` + released + `}`)
}

func TestStdio_DuplicateIDsAreRefused(t *testing.T) {
	p := newPipes(t, Options{})
	p.initialize(mcp.V20251125)
	listen, _ := modernListen("5", `{}`)
	p.send(call(1, "wait"), call(1, "echo"))
	if line := await(t, "the refusal", p.lines); !strings.HasPrefix(line, `{"jsonrpc":"2.0","id":1,"error":{"code":-32600`) {
		t.Errorf("got %s", line)
	}
	p.send(listen)
	await(t, "the acknowledgment", p.lines)
	p.send(listen, call(5, "echo"))
	for range 2 {
		if line := await(t, "the refusal", p.lines); !strings.HasPrefix(line, `{"jsonrpc":"2.0","id":5,"error":{"code":-32600`) {
			t.Errorf("got %s", line)
		}
	}
	p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}`)
	p.clients.awaitStreams(t, 0)
	close(p.service.release)
	p.expect(`{"jsonrpc":"2.0","id":1,"result":` + released + `}`)
	p.send(call(5, "wait"))
	p.expect(`{"jsonrpc":"2.0","id":5,"result":` + released + `}`)
}

func TestStdio_ListenIsTaggedAndEndedWithAResultAndACancellation(t *testing.T) {
	p := newPipes(t, Options{})
	listen, _ := modernListen(`"s"`, `{"toolsListChanged":true}`)
	p.send(listen)
	p.expect(`{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{"toolsListChanged":true},"_meta":{"io.modelcontextprotocol/subscriptionId":"s"}}}`)
	p.clients.announce(messages.TopicTools, toolsChanged)
	p.expect(`{"jsonrpc":"2.0","method":"` + toolsChanged + `","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"s"}}}`)
	if err := p.end(); err != nil {
		t.Errorf("at the end of input: %v", err)
	}
	p.expect(`{"jsonrpc":"2.0","id":"s","result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"puppet","version":"1"},"io.modelcontextprotocol/subscriptionId":"s"}}}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"s"}}`)
}

func TestStdio_ListenRefusals(t *testing.T) {
	p := newPipes(t, Options{})
	listen, _ := modernListen("1", `[]`)
	p.send(listen)
	if line := await(t, "the refusal", p.lines); code(t, line) != -32602 {
		t.Errorf("a wrong filter: %s", line)
	}
	p.clients.maxStreams = 0
	listen, _ = modernListen("2", `{}`)
	p.send(listen)
	if line := await(t, "the refusal", p.lines); code(t, line) != mcp.CodeOverloaded {
		t.Errorf("no stream left: %s", line)
	}
}

func TestStdio_ASessionThatEndedIsOpenedAnew(t *testing.T) {
	p := newPipes(t, Options{})
	p.initialize(mcp.V20251125)
	p.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	p.clients.awaitStreams(t, 1)
	listen, _ := modernListen("1", `{}`)
	p.send(listen)
	await(t, "the acknowledgment", p.lines)

	p.clients.closeAll(true) // as if their actors had died
	if line := await(t, "the end of the subscription", p.lines); !strings.HasPrefix(line, `{"jsonrpc":"2.0","id":1,"error":{"code":-31011`) {
		t.Errorf("got %s", line)
	}
	p.expect(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)

	p.send(listen)
	await(t, "the acknowledgment", p.lines)
	close(p.service.release)
	p.send(call(2, "wait"))
	p.expect(`{"jsonrpc":"2.0","id":2,"result":` + released + `}`)
	p.clients.awaitStreams(t, 2)
	p.clients.announce(messages.TopicTools, toolsChanged)
	p.expect(`{"jsonrpc":"2.0","method":"` + toolsChanged + `"}`)
}

func TestStdio_EndOfInputDrainsWhatWasAccepted(t *testing.T) {
	p := newPipes(t, Options{})
	p.initialize(mcp.V20251125)
	p.send(call(1, "wait"))
	await(t, "the start", p.service.started)
	p.in.Close()
	close(p.service.release)
	p.expect(`{"jsonrpc":"2.0","id":1,"result":` + released + `}`)
	if err := await(t, "the end", p.result); err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestStdio_ADrainThatTakesTooLongIsAnsweredAsUnavailable(t *testing.T) {
	p := newPipes(t, Options{DrainTimeout: 50 * time.Millisecond})
	p.initialize(mcp.V20251125)
	p.send(call(1, "wait"))
	await(t, "the start", p.service.started)
	p.stop() // as SIGTERM does; the input stays open
	if line := await(t, "the answer", p.lines); !strings.HasPrefix(line, `{"jsonrpc":"2.0","id":1,"error":{"code":-31011,"message":"mcpx is closing"`) {
		t.Errorf("got %s", line)
	}
	if err := await(t, "the end", p.result); err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestStdio_BatchesOf20250326(t *testing.T) {
	p := newPipes(t, Options{})
	p.initialize(mcp.V20250326)
	p.send(`[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/initialized"},7,`+call(2, "wait")+`,`+call(2, "echo")+`]`, `{"jsonrpc":"2.0","id":3,"method":"ping"}`)
	p.expect(`{"jsonrpc":"2.0","id":3,"result":{}}`) // the whole batch has been read
	await(t, "the start", p.service.started)
	close(p.service.release)
	p.expect(`[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: a message must be a JSON object"}},` +
		`{"jsonrpc":"2.0","id":2,"result":` + released + `},` + errorLine("2", -32600, "a request with the id 2 is already in flight; every request needs an id of its own") + `]`)
	p.send(`[{"jsonrpc":"2.0","method":"notifications/initialized"}]`, `[]`)
	p.expect(errorLine("null", -32600, "invalid request: a batch must not be empty"))
}

func TestStdio_OverloadIsAnsweredAtOnce(t *testing.T) {
	p := newPipes(t, Options{})
	p.initialize(mcp.V20251125)
	for i := range stdioParallel {
		p.send(call(i, "wait"))
	}
	p.send(call(9999, "echo"))
	if line := await(t, "the refusal", p.lines); !strings.HasPrefix(line, `{"jsonrpc":"2.0","id":9999,"error":{"code":-31013`) {
		t.Errorf("got %s", line)
	}
	// Cancellations are still heard.
	p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}`)
	wantCancelled(t, await(t, "an end", p.service.ended))
	close(p.service.release)
	for range stdioParallel - 1 {
		await(t, "an answer", p.lines)
	}
}

func TestStdio_ResultsWithLineEndsStayOnOneLine(t *testing.T) {
	p := newPipes(t, Options{})
	p.initialize(mcp.V20251125)
	p.send(call(1, "pretty"), `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"panic"}}`)
	lines := await(t, "an answer", p.lines) + await(t, "an answer", p.lines)
	if !strings.Contains(lines, `{"jsonrpc":"2.0","id":1,"result":{   "content": [],    "big": 9007199254740993 }}`) || !strings.Contains(lines, `"id":2,"error":{"code":-32603`) {
		t.Errorf("got %s", lines)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestStdio_AClosedOutputEndsTheConnection(t *testing.T) {
	service, clients := newPuppet(), newRegistry()
	in, input := io.Pipe()
	defer input.Close()
	result := make(chan error, 1)
	go func() { result <- ServeStdio(t.Context(), in, failingWriter{}, service, clients, Options{}) }()
	// Two lines: the call is accepted before the answer to the first is lost.
	if _, err := io.WriteString(input, initializeMessage(mcp.V20251125)+"\n"); err != nil {
		t.Fatal(err)
	}
	if err := await(t, "the end", result); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("ended with %v", err)
	}
	if sessions, _, _ := clients.state(); sessions != 0 {
		t.Errorf("%d sessions are left", sessions)
	}
}

func TestStdio_AClientThatNeverReadsDoesNotKeepIt(t *testing.T) {
	service, clients := newPuppet(), newRegistry()
	in, input := io.Pipe()
	out, output := io.Pipe()
	result := make(chan error, 1)
	go func() {
		result <- ServeStdio(t.Context(), in, output, service, clients, Options{DrainTimeout: 20 * time.Millisecond})
	}()
	if _, err := io.WriteString(input, initializeMessage(mcp.V20251125)+"\n"+call(1, "progress")+"\n"); err != nil {
		t.Fatal(err)
	}
	input.Close()
	if err := await(t, "the end", result); err == nil || !strings.Contains(err.Error(), "does not read") {
		t.Errorf("ended with %v", err)
	}
	out.Close() // what hung in a write ends
}

func TestStdio_AReadErrorIsReported(t *testing.T) {
	in, input := io.Pipe()
	input.CloseWithError(errors.New("the cable is cut"))
	err := ServeStdio(t.Context(), in, io.Discard, newPuppet(), newRegistry(), Options{})
	if err == nil || !strings.Contains(err.Error(), "the cable is cut") {
		t.Errorf("ended with %v", err)
	}
}
