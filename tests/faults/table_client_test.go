package faults_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/testkit"
	"github.com/mcpx/mcpx/transport/front"
	"github.com/mcpx/mcpx/transport/httpd"
)

const (
	ofClient     = "A client"
	latestLegacy = "2025-11-25"
)

// visitor is a client that misbehaves, beside clients that do not, all over
// HTTP. The server that it calls is fine.
type visitor struct {
	*stage
	front   *testkit.Front
	session string // of a legacy client
}

const annsKey, bobsKey = "Authorization: Bearer the-key-of-ann", "Authorization: Bearer the-key-of-bob"

// visit begins with a fine server in the place of the sick one, and a listener
// that soon has enough of a client that does not read.
func (s *stage) visit(behaviour string, args ...string) *visitor {
	s.t.Helper()
	v := &visitor{stage: s, front: s.Listen(func(h *httpd.Options, f *front.Options) {
		h.Keys = map[string]string{"ann": "the-key-of-ann", "bob": "the-key-of-bob"}
		f.WriteTimeout = time.Second
	})}
	spec := s.process(behaviour, args...)
	spec.Policy.Isolation = messages.IsolationShared // one process, whoever calls
	s.begin(true, spec)
	served, stop := s.neighbours(v.front.URL)
	s.afterwards(func() {
		before := served.Load()
		actortest.Eventually(s.t, "other clients are served", func() bool { return served.Load() >= before+8 })
		for _, problem := range stop() {
			s.t.Errorf("another client got %s", problem)
		}
		if status, body := v.post(modernExec(sick, "echo", `{"text":"again"}`)); status != http.StatusOK || !strings.Contains(body, "again") {
			s.t.Errorf("the client is not served again: %d %s", status, body)
		}
	})
	return v
}

// neighbours are two other clients at work, until stop, which returns what else
// than answers they have got.
func (s *stage) neighbours(url string) (served *atomic.Int64, stop func() []string) {
	ctx, cancel := context.WithCancel(context.Background())
	served = &atomic.Int64{}
	problems := make(chan []string)
	body := modernExec("other-stdio", "echo", `{"text":"fine"}`)
	turns := time.NewTicker(leisure)
	const clients = 2
	for range clients {
		go func() {
			var bad []string
			for ctx.Err() == nil {
				<-turns.C
				a, err := testkit.Ask(context.Background(), http.MethodPost, url, body, testkit.ModernHeaders("tools/call", "exec", bobsKey))
				if err != nil || a.Status != http.StatusOK || !strings.Contains(a.Body, "fine") {
					bad = append(bad, fmt.Sprintf("%d %s (%v)", a.Status, a.Body, err))
				}
				served.Add(1)
			}
			problems <- bad
		}()
	}
	stop = func() (all []string) {
		cancel()
		for range clients {
			all = append(all, <-problems...)
		}
		turns.Stop()
		return all
	}
	actortest.Eventually(s.t, "other clients are at work", func() bool { return served.Load() >= 2*clients })
	return served, stop
}

// header is that of a request of the client, in its era.
func (v *visitor) header(more ...string) http.Header {
	own := []string{annsKey, testkit.Mark + ": sick"}
	if v.session == "" {
		return testkit.ModernHeaders("tools/call", "exec", append(own, more...)...)
	}
	own = append(own, "MCP-Protocol-Version: "+latestLegacy, "Mcp-Session-Id: "+v.session)
	h := testkit.ModernHeaders("", "", append(own, more...)...)
	h.Del("Mcp-Method")
	return h
}

func (v *visitor) post(body string, more ...string) (status int, answer string) {
	v.t.Helper()
	a, err := testkit.Ask(v.t.Context(), http.MethodPost, v.front.URL, body, v.header(more...))
	if err != nil {
		v.t.Fatal(err)
	}
	return a.Status, a.Body
}

// told notes what a POST was answered.
func (v *visitor) told(status int, body string) {
	v.t.Helper()
	var m struct {
		Result json.RawMessage
		Error  *struct{ Code int }
	}
	if all := testkit.Responses(body); len(all) == 1 {
		body = all[0] // what is not answered in a moment becomes a stream
	}
	switch err := json.Unmarshal([]byte(body), &m); {
	case err != nil:
		v.t.Errorf("HTTP %d with what is no message: %s", status, body)
	case m.Error != nil:
		v.got = append(v.got, fmt.Sprintf("HTTP %d, error %d", status, m.Error.Code))
	default:
		v.got = append(v.got, fmt.Sprintf("HTTP %d, the result", status))
	}
}

// open opens a legacy session of a revision in the name of a key.
func (v *visitor) open(key, revision string) (session string) {
	v.t.Helper()
	h := testkit.ModernHeaders("", "", key, "MCP-Protocol-Version: "+revision)
	h.Del("Mcp-Method")
	a, err := testkit.Ask(v.t.Context(), http.MethodPost, v.front.URL, strings.Replace(initialize, latestLegacy, revision, 1), h)
	if session = a.Header.Get("Mcp-Session-Id"); err != nil || session == "" {
		v.t.Fatalf("no session: %d %s (%v)", a.Status, a.Body, err)
	}
	return session
}

// write sends a request on a connection of its own and reads nothing.
func (v *visitor) write(body string, header http.Header) net.Conn {
	v.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(v.front.URL, "http://"), "/mcp"))
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { _ = conn.Close() })       // the test may have closed it
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10) // so that the other side's writes block soon
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n", len(body))
	if err := header.Write(&b); err != nil {
		v.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, b.String()+"\r\n"+body); err != nil {
		v.t.Fatal(err)
	}
	return conn
}

func legacyExec(id int, tool, arguments string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":%s}`, id, testkit.ExecParams(sick, tool, arguments))
}

// refused is a client whose request cannot be served.
func refused(body func() string, more ...string) func(*stage) {
	return func(s *stage) {
		v := s.visit("plain")
		v.told(v.post(body(), more...))
	}
}

var clientFaults = []fault{
	{
		ofClient, "disconnects in mid-call, modern", "a raw client", "nobody is there; the call is cancelled at the server", "at once",
		func(s *stage) {
			v := s.visit("hold")
			conn := v.write(modernExec(sick, "hold", `{"n":1}`), v.header())
			s.asked("hold", 1)
			_ = conn.Close() // as a client that is killed
			actortest.Eventually(s.t, "the server is told", func() bool { return s.has(`"notifications/cancelled"`) == 1 })
			actortest.Eventually(s.t, "nobody serves it", func() bool { return v.front.AtWork() == 0 })
			s.got = []string{"nobody is there; the call is cancelled at the server"}
		},
	},
	{
		ofClient, "disconnects in mid-call, legacy", "a raw client", "nobody is there; the call goes on, as its revision demands", "at once, in the same session",
		func(s *stage) {
			v := s.visit("hold")
			v.session = v.open(annsKey, latestLegacy)
			conn := v.write(legacyExec(1, "hold", `{"n":1}`), v.header())
			s.asked("hold", 1)
			_ = conn.Close() // as a client that is killed
			v.told(v.post(legacyExec(2, "echo", `{"text":"meanwhile"}`)))
			s.signal(syscall.SIGUSR1)
			actortest.Eventually(s.t, "nobody serves it", func() bool { return v.front.AtWork() == 0 })
			if n := s.has(`"notifications/cancelled"`); n != 0 {
				s.t.Errorf("the server got %d cancellations", n)
			}
			if s.got[0] == "HTTP 200, the result" {
				s.got = []string{"nobody is there; the call goes on, as its revision demands"}
			}
			v.session = ""
		},
	},
	{
		ofClient, "never reads its stream", "a raw client", "the stream ends after the write timeout", "at once",
		func(s *stage) {
			v := s.visit("overlong", "8000000")
			// More than all buffers between here and there hold.
			before := v.front.Served()
			v.write(modernExec(sick, "first", `{}`), v.header("Accept: text/event-stream"))
			actortest.Eventually(s.t, "it has been served", func() bool { return v.front.Served() == before+1 })
			s.got = []string{"the stream ends after the write timeout"}
		},
	},
	{
		ofClient, "sends 100 MB", "a raw client", "HTTP 413, error -32600", "at once",
		func(s *stage) {
			v := s.visit("plain")
			for _, length := range []int64{100_000_000, -1} { // as announced, or in chunks
				r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, v.front.URL, io.LimitReader(zeros{}, 100_000_000))
				if err != nil {
					s.t.Fatal(err)
				}
				r.ContentLength, r.Header = length, v.header()
				resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
				if err != nil {
					s.t.Fatal(err)
				}
				body, err := io.ReadAll(bufio.NewReader(resp.Body))
				_ = resp.Body.Close() // read to its end
				if err != nil {
					s.t.Fatal(err)
				}
				v.told(resp.StatusCode, string(body))
			}
		},
	},
	{
		ofClient, "malformed JSON", "a raw client", "HTTP 400, error -32700", "at once",
		refused(func() string { return modernExec(sick, "echo", `{"a":}`) }),
	},
	{
		ofClient, "JSON that is nested a hundred thousand deep", "a raw client", "HTTP 400, error -32700", "at once",
		refused(func() string {
			const depth = 100_000
			return modernExec(sick, "echo", `{"a":`+strings.Repeat("[", depth)+strings.Repeat("]", depth)+`}`)
		}),
	},
	{
		ofClient, "a batch where there are none", "a raw client", "HTTP 400, error -32600", "at once",
		refused(func() string { return "[" + modernExec(sick, "echo", `{}`) + "]" }),
	},
	{
		ofClient, "a batch of 10,000 requests", "a raw client of 2025-03-26", "HTTP 400, error -32600", "at once, in the same session",
		func(s *stage) {
			v := s.visit("plain")
			v.session = v.open(annsKey, "2025-03-26")
			one := legacyExec(1, "echo", `{}`)
			v.told(v.post("["+strings.Repeat(one+",", 9_999)+one+"]", "MCP-Protocol-Version: 2025-03-26"))
			v.session = ""
		},
	},
	{
		ofClient, "uses an id that is in use", "a raw client", "HTTP 400, error -32600; then HTTP 200, the result", "at once, in the same session",
		func(s *stage) {
			v := s.visit("hold")
			v.session = v.open(annsKey, latestLegacy)
			first := make(chan testkit.Answer, 1)
			go func() {
				a, err := testkit.Ask(context.Background(), http.MethodPost, v.front.URL, legacyExec(1, "hold", `{"n":1}`), v.header())
				if err != nil {
					s.t.Error(err)
				}
				first <- a
			}()
			s.asked("hold", 1)
			v.told(v.post(legacyExec(1, "echo", `{}`)))
			s.signal(syscall.SIGUSR1)
			a := <-first
			v.told(a.Status, a.Body)
			v.session = ""
		},
	},
	{
		ofClient, "session ids that are made up, or another's", "a raw client", "HTTP 404, error -32600", "at once, in its own session",
		func(s *stage) {
			v := s.visit("plain")
			bobs := v.open(bobsKey, latestLegacy)
			own := v.open(annsKey, latestLegacy)
			for _, forged := range []string{"made-up", strings.Repeat("x", 4000), bobs, bobs[:len(bobs)-1], own + "A"} {
				v.session = forged
				v.told(v.post(legacyExec(1, "echo", `{}`)))
			}
			v.session = own
			if status, body := v.post(legacyExec(1, "echo", `{"text":"mine"}`)); status != http.StatusOK || !strings.Contains(body, "mine") {
				s.t.Errorf("its own session: %d %s", status, body)
			}
			v.session = ""
		},
	},
}

// zeros is endless.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
