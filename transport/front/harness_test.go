package front

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// world is an endpoint on a real listener.
type world struct {
	t       *testing.T
	service *puppet
	clients *registry
	addr    string
	base    string
	client  *http.Client
	seen    chan context.Context // of each request, in the order of their arrival
}

// newWorld serves a puppet. The header X-Principal names the caller, as the
// listener's authentication does elsewhere.
func newWorld(t *testing.T, opts Options) *world {
	t.Helper()
	return newWorldOf(t, func(s Service, c Clients) http.Handler { return NewHTTP(s, c, opts) })
}

func newWorldOf(t *testing.T, front func(Service, Clients) http.Handler) *world {
	t.Helper()
	w := &world{t: t, service: newPuppet(), clients: newRegistry(), seen: make(chan context.Context, 4096)}
	handler := front(w.service, w.clients)
	server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		select {
		case w.seen <- r.Context():
		default:
		}
		p := messages.Principal{Name: r.Header.Get("X-Principal")}
		handler.ServeHTTP(rw, r.WithContext(messages.WithPrincipal(r.Context(), p)))
	})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	w.addr = listener.Addr().String()
	w.base = "http://" + w.addr
	transport := &http.Transport{MaxIdleConnsPerHost: 200}
	w.client = &http.Client{Transport: transport}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		w.clients.closeAll(false)
		ctx, cancel := context.WithTimeout(context.Background(), patienceOfTests)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("handlers are left: %v", err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
		if sessions, streams, requests := w.clients.state(); sessions+streams+requests != 0 {
			t.Errorf("left behind: %d sessions, %d streams, %d requests", sessions, streams, requests)
		}
	})
	return w
}

func (w *world) url() string { return w.base + "/mcp" }

// do sends a request; header values "-" remove a default.
func (w *world) do(ctx context.Context, method, body string, header ...string) *http.Response {
	w.t.Helper()
	return w.doAt(ctx, method, w.url(), body, header...)
}

func (w *world) doAt(ctx context.Context, method, url, body string, header ...string) *http.Response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Accept", "application/json, text/event-stream")
	for i := 0; i < len(header); i += 2 {
		r.Header.Del(header[i])
		if header[i+1] != "-" {
			r.Header.Set(header[i], header[i+1])
		}
	}
	response, err := w.client.Do(r)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, body, err)
	}
	return response
}

// post sends a message and returns status, content type and body.
func (w *world) post(body string, header ...string) (int, string, string) {
	w.t.Helper()
	response := w.do(w.t.Context(), http.MethodPost, body, header...)
	return response.StatusCode, response.Header.Get("Content-Type"), read(w.t, response)
}

func read(t *testing.T, response *http.Response) string {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Errorf("reading the body: %v", err)
	}
	return string(body)
}

// initialize opens a session and returns its headers.
func (w *world) initialize(version string, header ...string) []string {
	w.t.Helper()
	response := w.do(w.t.Context(), http.MethodPost, initializeMessage(version), header...)
	body := read(w.t, response)
	id := response.Header.Get(mcp.HeaderSessionID)
	if response.StatusCode != http.StatusOK || id == "" {
		w.t.Fatalf("initialize: %d %s", response.StatusCode, body)
	}
	return append(header, mcp.HeaderSessionID, id, mcp.HeaderProtocolVersion, version)
}

func initializeMessage(version string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":%q,"capabilities":{"roots":{}},"clientInfo":{"name":"t","version":"1"}}}`, version)
}

func call(id int, tool string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"arguments":{"id":%d},"_meta":{"progressToken":"p%d"}}}`, id, tool, id, id)
}

const modernMeta = `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}`

// modernCall is a modern tools/call and its headers. meta is added to _meta.
func modernCall(id int, tool, meta string) (string, []string) {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"_meta":{%s%s}}}`, id, tool, modernMeta, meta),
		[]string{mcp.HeaderProtocolVersion, mcp.V20260728, mcp.HeaderMethod, "tools/call", mcp.HeaderName, tool}
}

func modernListen(id, filter string) (string, []string) {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"subscriptions/listen","params":{"_meta":{%s},"notifications":%s}}`, id, modernMeta, filter),
		[]string{mcp.HeaderProtocolVersion, mcp.V20260728, mcp.HeaderMethod, methodListen}
}

// events reads messages from an SSE stream.
type events struct {
	t        *testing.T
	body     io.ReadCloser
	cancel   context.CancelFunc
	proto    string
	messages chan string // those with data; closed at the end of the stream
	ids      chan string // of all that have one
	comments chan struct{}
}

// open sends a request whose response must be a stream.
func (w *world) open(method, body string, header ...string) *events {
	w.t.Helper()
	return w.openAt(method, w.url(), body, header...)
}

func (w *world) openAt(method, url, body string, header ...string) *events {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	response := w.doAt(ctx, method, url, body, header...)
	if media := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || media != typeSSE {
		cancel()
		w.t.Fatalf("no stream: %d %s %s", response.StatusCode, media, read(w.t, response))
	}
	if got := response.Header.Get("X-Accel-Buffering") + " " + response.Header.Get("Cache-Control"); got != "no no-cache" {
		w.t.Errorf("headers of the stream: %q", got)
	}
	e := &events{t: w.t, body: response.Body, cancel: cancel, proto: response.Proto, messages: make(chan string, 1024), ids: make(chan string, 1024), comments: make(chan struct{}, 1)}
	go func() {
		defer close(e.messages)
		reader := jsonrpc.NewEventReader(response.Body, 1<<20)
		reader.OnComment = func() {
			select {
			case e.comments <- struct{}{}:
			default:
			}
		}
		for {
			event, err := reader.Next()
			if err != nil {
				return
			}
			if event.HasID {
				e.ids <- event.ID
			}
			if len(event.Data) > 0 {
				e.messages <- string(event.Data)
			}
		}
	}()
	w.t.Cleanup(e.close)
	return e
}

func (e *events) close() {
	e.cancel()
	e.body.Close()
	for range e.messages { // until the reader has ended
	}
}

func (e *events) expect(want string) {
	e.t.Helper()
	if got := await(e.t, "an event", e.messages); got != want {
		e.t.Errorf("event\n got %s\nwant %s", got, want)
	}
}

func (e *events) expectEnd() {
	e.t.Helper()
	if got := await(e.t, "the end of the stream", e.messages); got != "" {
		e.t.Errorf("an event instead of the end: %s", got)
	}
}

// pipes is a connection over stdio: lines in, lines out.
type pipes struct {
	t       *testing.T
	service *puppet
	clients *registry
	in      *io.PipeWriter
	lines   chan string // closed at the end of output
	result  chan error  // of ServeStdio
	stop    context.CancelFunc
}

func newPipes(t *testing.T, opts Options) *pipes {
	t.Helper()
	return newPipesOf(t, opts, func(p *puppet) Service { return p })
}

// newPipesOf is newPipes with what is made of the puppet.
func newPipesOf(t *testing.T, opts Options, of func(*puppet) Service) *pipes {
	t.Helper()
	p := &pipes{t: t, service: newPuppet(), clients: newRegistry(), lines: make(chan string, 4096), result: make(chan error, 1)}
	in, inWriter := io.Pipe()
	out, outWriter := io.Pipe()
	p.in = inWriter
	ctx, stop := context.WithCancel(t.Context())
	p.stop = stop
	go func() {
		p.result <- ServeStdio(ctx, in, outWriter, of(p.service), p.clients, opts)
		outWriter.Close()
	}()
	go p.scan(out)
	t.Cleanup(func() {
		stop()
		inWriter.Close()
		for range p.lines { // until the connection has ended
		}
		if sessions, streams, requests := p.clients.state(); sessions+streams+requests != 0 {
			t.Errorf("left behind: %d sessions, %d streams, %d requests", sessions, streams, requests)
		}
	})
	return p
}

func (p *pipes) scan(out io.Reader) {
	defer close(p.lines)
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		p.lines <- scanner.Text()
	}
}

func (p *pipes) send(lines ...string) {
	p.t.Helper()
	for _, line := range lines {
		if _, err := io.WriteString(p.in, line+"\n"); err != nil {
			p.t.Fatalf("writing %.100s: %v", line, err)
		}
	}
}

func (p *pipes) expect(want ...string) {
	p.t.Helper()
	for _, w := range want {
		if got := await(p.t, "the line "+w, p.lines); got != w {
			p.t.Errorf("line\n got %s\nwant %s", got, w)
		}
	}
}

func (p *pipes) initialize(version string) {
	p.t.Helper()
	p.send(initializeMessage(version))
	p.expect(`{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"` + version + `","capabilities":` +
		string(p.service.describe.Capabilities) + `,"serverInfo":{"name":"puppet","version":"1"},"instructions":"pull strings"}}`)
}

// end closes the input and returns what ServeStdio returned.
func (p *pipes) end() error {
	p.t.Helper()
	p.in.Close()
	return await(p.t, "the end of ServeStdio", p.result)
}

// code returns the code of an error message, 0 when it is none.
func code(t *testing.T, message string) int {
	t.Helper()
	var m struct{ Error struct{ Code int } }
	if err := json.NewDecoder(bytes.NewReader([]byte(message))).Decode(&m); err != nil {
		t.Fatalf("%v in %q", err, message)
	}
	return m.Error.Code
}

// servedTo serves a service over stdio to a client that has sent initialize and
// writes its further lines to in, until that is closed.
func servedTo(t *testing.T, service Service, out io.Writer) (in chan<- string, ended <-chan error) {
	t.Helper()
	lines, result := make(chan string), make(chan error, 1)
	r, w := io.Pipe()
	go func() {
		defer w.Close()
		_, _ = io.WriteString(w, initializeMessage(mcp.V20251125)+"\n")
		for line := range lines {
			_, _ = io.WriteString(w, line+"\n")
		}
	}()
	go func() { result <- ServeStdio(t.Context(), r, out, service, newRegistry(), Options{}) }()
	return lines, result
}
