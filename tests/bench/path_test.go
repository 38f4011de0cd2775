package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/testkit"
	"github.com/mcpx/mcpx/transport/front"
	"github.com/mcpx/mcpx/transport/gatewaytools"
	"github.com/mcpx/mcpx/transport/mcp"
	"github.com/mcpx/mcpx/transport/relay"
	"github.com/mcpx/mcpx/transport/rest"
)

// running runs a runtime with servers that are connected.
func running(b testing.TB, specs ...messages.ServerSpec) *actors.Runtime {
	b.Helper()
	r := actors.New(actors.Options{Dialer: dialer, Limits: messages.DefaultLimits()})
	b.Cleanup(func() { r.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	if _, err := r.Apply(ctx, specs); err != nil {
		b.Fatal(err)
	}
	for _, s := range specs {
		if err := r.Connect(ctx, s.Name); err != nil {
			b.Fatal(err)
		}
	}
	return r
}

// constant is a service that answers at once.
type constant struct{ result json.RawMessage }

func (constant) Describe(context.Context, mcp.Caller) mcp.Description {
	return mcp.Description{Info: json.RawMessage(`{"name":"constant","version":"0"}`), Capabilities: json.RawMessage(`{"tools":{}}`)}
}

func (c constant) Serve(context.Context, mcp.Request, messages.Sink) (json.RawMessage, error) {
	return c.result, nil
}

// request is one that a handler gets again and again, without what net/http
// does for it.
type request struct {
	path, body string
	header     http.Header
}

func modern(tool, params string) request {
	return request{"/mcp", testkit.Modern(1, "tools/call", params), testkit.ModernHeaders("tools/call", tool)}
}

// to returns what makes the request once.
func (q request) to(h http.Handler) func() error {
	template, err := http.NewRequest(http.MethodPost, "http://127.0.0.1"+q.path, nil)
	if err != nil {
		panic(err) // a constant
	}
	template.Header, template.RequestURI, template.RemoteAddr = q.header, q.path, "127.0.0.1:1"
	return func() error {
		r := *template
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(q.body)), int64(len(q.body))
		w := recorder{header: http.Header{}}
		h.ServeHTTP(&w, &r)
		if w.status != 0 && w.status != http.StatusOK || !bytes.Contains(w.body, []byte(answered)) {
			return fmt.Errorf("HTTP %d: %s", w.status, w.body)
		}
		return nil
	}
}

// recorder is a response that costs little.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (w *recorder) Header() http.Header              { return w.header }
func (w *recorder) WriteHeader(status int)           { w.status = status }
func (w *recorder) Write(p []byte) (int, error)      { w.body = append(w.body, p...); return len(p), nil }
func (w *recorder) Flush()                           {}
func (w *recorder) SetWriteDeadline(time.Time) error { return nil }
func (w *recorder) SetReadDeadline(time.Time) error  { return nil }
func (w *recorder) EnableFullDuplex() error          { return nil }

// A request in the front, with a service behind it that answers at once.
func BenchmarkFront(b *testing.B) {
	r := running(b)
	h := front.NewHTTP(constant{json.RawMessage(`{"content":[{"type":"text","text":"` + answered + `"}]}`)}, r, front.Options{Limits: messages.DefaultLimits()})
	for _, q := range []struct {
		name string
		request
	}{{"modern", modern("null", params)}, {"legacy", legacy(b, h)}} {
		do := q.to(h)
		b.Run(q.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// legacy opens a session.
func legacy(b *testing.B, h http.Handler) request {
	b.Helper()
	header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}}
	hello := request{"/mcp", `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"` +
		answered + `","version":"0"}}}`, header}
	session, err := open(h, hello)
	if err != nil {
		b.Fatal(err)
	}
	header = header.Clone()
	header.Set(mcp.HeaderSessionID, session)
	header.Set(mcp.HeaderProtocolVersion, mcp.LatestLegacy)
	return request{"/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":` + params + `}`, header}
}

func open(h http.Handler, hello request) (session string, err error) {
	r, err := http.NewRequest(http.MethodPost, "http://127.0.0.1"+hello.path, strings.NewReader(hello.body))
	if err != nil {
		return "", err
	}
	r.Header = hello.header
	w := recorder{header: http.Header{}}
	h.ServeHTTP(&w, r)
	if session = w.header.Get(mcp.HeaderSessionID); session == "" {
		return "", errors.New("no session: " + string(w.body))
	}
	return session, nil
}

// way is one way to call the tool of a null server through a gateway.
type way struct {
	name string
	do   func() error
}

// ways are all of them, over a wire: front, service, actors, wire, and a null
// server that is another process; only net/http's server is missing.
func ways(b testing.TB, over, protocol string) []way {
	limits := messages.DefaultLimits()
	r := running(b, spec(b, over, protocol))
	transparent := front.NewHTTP(relay.New(r, "null", relay.NewSealer(nil, time.Minute)), r, front.Options{Endpoint: "null", Limits: limits})
	compact := front.NewHTTP(gatewaytools.New(r, gatewaytools.Options{}), r, front.Options{Limits: limits})
	endpoints := rest.New(r, rest.Options{Limits: limits, Authenticate: func(string) (messages.Principal, int) { return messages.Anonymous, 0 }})
	b.Cleanup(endpoints.Close)
	return []way{
		{"transparent", modern("null", params).to(transparent)},
		{"exec", modern("exec", testkit.ExecParams("null", "null", `{}`)).to(compact)},
		{"rest", request{"/null/null", `{}`, http.Header{"Content-Type": {"application/json"}}}.to(endpoints)},
	}
}

func BenchmarkPath(b *testing.B) {
	for _, w := range wires {
		for _, way := range ways(b, w.over, w.protocol) {
			inTurn(b, w.name+"/"+way.name, way.do)
			atOnce(b, w.name+"/"+way.name, way.do)
		}
	}
}

// What is priced must work, also when nobody looks at prices.
func TestPath_EveryWayOverEveryWireAnswers(t *testing.T) {
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			for _, way := range ways(t, w.over, w.protocol) {
				if err := way.do(); err != nil {
					t.Errorf("%s: %v", way.name, err)
				}
			}
		})
	}
}
