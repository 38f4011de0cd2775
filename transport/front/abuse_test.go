package front

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/mcp"
)

// shortWrite is write_timeout where a client does not read. It counts for those
// who do read as well, and a busy machine may stop us between setting a deadline
// and writing.
const shortWrite = 500 * time.Millisecond

// raw writes a request on a connection of its own.
func (w *world) raw(body string, header ...string) net.Conn {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	// A small window, so that a server's writes block soon.
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	var head strings.Builder
	fmt.Fprintf(&head, "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: %d\r\n", len(body))
	for i := 0; i < len(header); i += 2 {
		fmt.Fprintf(&head, "%s: %s\r\n", header[i], header[i+1])
	}
	if _, err := io.WriteString(conn, head.String()+"\r\n"+body); err != nil {
		w.t.Fatal(err)
	}
	return conn
}

func TestNeverReads_AStreamCountsAsClosedAndNobodyElseNotices(t *testing.T) {
	for _, era := range []string{"legacy", "modern"} {
		t.Run(era, func(t *testing.T) {
			w := newWorld(t, Options{WriteTimeout: shortWrite})
			body, header := modernCall(1, "flood", "")
			if era == "legacy" {
				body, header = call(1, "flood"), w.initialize(mcp.V20251125)
			}
			w.raw(body, header...)
			await(t, "the start", w.service.started)
			others, otherHeader := modernCall(2, "progress", "")
			if status, _, _ := w.post(others, otherHeader...); status != http.StatusOK {
				t.Errorf("another caller: status %d", status)
			}
			cause := await(t, "the error of Notify", w.service.ended)
			if era == "legacy" && !errors.Is(cause, os.ErrDeadlineExceeded) {
				t.Errorf("the sink's error is %v, want a missed deadline", cause)
			}
		})
	}
}

func TestNeverReads_ALargeAnswerIsGivenUp(t *testing.T) {
	w := newWorld(t, Options{WriteTimeout: shortWrite})
	w.raw(call(1, "big"), w.initialize(mcp.V20251125)...)
	await(t, "initialize", w.seen)
	connection := await(t, "the request", w.seen)
	await(t, "the end of its handler", connection.Done())
}

func TestNeverReads_AListenStreamEnds(t *testing.T) {
	w := newWorld(t, Options{WriteTimeout: shortWrite, Limits: messages.Limits{SSEKeepalive: 100 * time.Microsecond}})
	body, header := modernListen("1", `{"toolsListChanged":true}`)
	w.raw(body, header...)
	w.clients.awaitStreams(t, 1)
	for range 200_000 {
		w.clients.announce(messages.TopicTools, toolsChanged)
	}
	w.clients.awaitStreams(t, 0)
}

func TestBody_TooLargeIs413AndTheServerLivesOn(t *testing.T) {
	w := newWorld(t, Options{Limits: messages.Limits{RequestBytes: 1000}})
	large := call(1, "echo") + strings.Repeat(" ", 1000)
	for name, request := range map[string]func() *http.Response{
		"declared": func() *http.Response { return w.do(t.Context(), http.MethodPost, large) },
		"chunked": func() *http.Response {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url(), io.MultiReader(strings.NewReader(large)))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", typeJSON)
			response, err := w.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			return response
		},
	} {
		response := request()
		if body := read(t, response); response.StatusCode != http.StatusRequestEntityTooLarge || code(t, body) != -32600 {
			t.Errorf("%s: %d %s", name, response.StatusCode, body)
		}
	}
	exact := call(1, "echo")
	exact += strings.Repeat(" ", 1000-len(exact))
	if status, _, body := w.post(exact, w.initialize(mcp.V20251125)...); status != http.StatusOK {
		t.Errorf("a body of exactly the limit: %d %s", status, body)
	}
}

// A client that sends all before it reads gets the answer nevertheless.
func TestBody_TooLargeIsHeardOut(t *testing.T) {
	const size = 16 << 20 // more than all buffers on the way hold
	w := newWorld(t, Options{Limits: messages.Limits{RequestBytes: 1000}})
	for name, framing := range map[string]string{"declared": fmt.Sprintf("Content-Length: %d", size), "chunked": "Transfer-Encoding: chunked"} {
		conn, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		body := strings.Repeat(" ", size)
		if name == "chunked" {
			body = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", size, body)
		}
		if _, err := io.WriteString(conn, "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+framing+"\r\n\r\n"+body); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if body := read(t, response); response.StatusCode != http.StatusRequestEntityTooLarge || code(t, body) != -32600 || !response.Close {
			t.Errorf("%s: %d %s", name, response.StatusCode, body)
		}
	}
}

func TestBody_OneThatStallsIsGivenUp(t *testing.T) {
	w := newWorld(t, Options{ReadTimeout: 20 * time.Millisecond})
	conn, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body := read(t, response); response.StatusCode != http.StatusBadRequest || code(t, body) != -32600 {
		t.Errorf("%d %s", response.StatusCode, body)
	}
}

func TestBody_AfterItThereIsNoReadDeadline(t *testing.T) {
	const deadline = 250 * time.Millisecond
	w := newWorld(t, Options{ReadTimeout: deadline, Limits: messages.Limits{SSEKeepalive: deadline}})
	body, header := modernListen("1", `{"toolsListChanged":true}`)
	stream := w.open(http.MethodPost, body, header...)
	await(t, "the acknowledgment", stream.messages)
	for range 4 { // four times as long as the deadline
		await(t, "a keep-alive", stream.comments)
	}
	w.clients.announce(messages.TopicTools, toolsChanged)
	await(t, "a notification", stream.messages)
}

func TestHTTP2_AQuietStreamOutlivesTheWriteTimeout(t *testing.T) {
	const timeout = 250 * time.Millisecond
	clock := newWorld(t, Options{Limits: messages.Limits{SSEKeepalive: timeout}})
	body, header := modernListen("1", `{"toolsListChanged":true}`)
	tick := clock.open(http.MethodPost, body, header...)

	clients := newRegistry()
	server := httptest.NewUnstartedServer(NewHTTP(newPuppet(), clients, Options{WriteTimeout: timeout}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	defer clients.closeAll(false)
	w := &world{t: t, clients: clients, client: server.Client(), base: server.URL}
	stream := w.open(http.MethodPost, body, header...)
	await(t, "the acknowledgment", stream.messages)
	for range 4 { // four times as long as the timeout
		await(t, "a tick", tick.comments)
	}
	clients.announce(messages.TopicTools, toolsChanged)
	if got := await(t, "a notification", stream.messages); !strings.Contains(got, toolsChanged) {
		t.Errorf("got %q", got)
	}
	if stream.proto != "HTTP/2.0" {
		t.Errorf("spoken: %s", stream.proto)
	}
}
