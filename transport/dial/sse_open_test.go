package dial

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
)

func TestSSEOpen_SaysInPlainWordsWhyThereIsNoConnection(t *testing.T) {
	first := puppethttp.Events
	for _, test := range []struct {
		name   string
		answer puppethttp.Behaviour // to GET
		says   string
	}{
		{"404", puppethttp.Status(404, "gone fishing"), `it answered GET with HTTP 404 Not Found: gone fishing; if it speaks Streamable HTTP, its type is "streamable-http"`},
		{"405", puppethttp.Status(405, ""), `its type is "streamable-http"`},
		{"401", puppethttp.Status(401, ""), "refused our credentials (401): check its headers"},
		{"500", puppethttp.Status(500, "oh Bearer sesame-open"), "it answered GET with HTTP 500 Internal Server Error: oh ***"},
		{"elsewhere", puppethttp.Status(302, "", "Location: https://elsewhere.example/x?t=secret"), "redirects to https://elsewhere.example/x?t=***"},
		{"a page", puppethttp.Status(200, "<p>login</p>", "Content-Type: text/html"), `it answered GET with content type "text/html" instead of an event stream: <p>login</p>`},
		{"garbage", puppethttp.Garbage, "does not speak HTTP"},
		{"endless headers", puppethttp.EndlessHeaders, "limits.header_bytes (65536 bytes)"},
		{"a reset", puppethttp.Reset(""), "it broke the connection"},
		{"the end", first(""), "it ended its event stream before it named an endpoint for messages"},
		{"half an event", first("event: endpoint\ndata: /mess"), "it ended its event stream before it named an endpoint"},
		{"another event", first("id: 1\n\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"x\"}\n\n"), "its event stream begins with a message instead of the endpoint for messages"},
		{"an event that is too large", first("event: endpoint\ndata: " + strings.Repeat("x", 1<<20) + "\n\n"), "exceeds limits.message_bytes (65536 bytes)"},
		{"an endpoint that is too long", first("event: endpoint\ndata: /" + strings.Repeat("x", 65536-16) + "\n\n"), "exceeds limits.header_bytes (1024 bytes)"},
		{"an endpoint of another origin", first("event: endpoint\ndata: https://elsewhere.example/m?sessionId=hidden\n\n"), `lies on another origin ("https://elsewhere.example")`},
		{"an empty endpoint", first("event: endpoint\ndata:  \n\n"), "is empty"},
		{"an endpoint without a word", first("event: endpoint\ndata\n\n"), "is empty"},
		{"no URI", first("event: endpoint\ndata: http://[::1/x\n\n"), "is no URI"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, d := older(t)
			p.Always("GET", test.answer)
			d.Request.Limits.MessageBytes = 64 << 10
			if strings.Contains(test.says, "header_bytes (1024") {
				d.Request.Limits.HeaderBytes = 1 << 10
			}
			f := d.fails(t, within(t))
			if f.Kind != messages.KindUnavailable || f.Sent != messages.SentNo || f.Stale || !strings.Contains(f.Message, test.says) {
				t.Errorf("%+v, want %q", f, test.says)
			}
			if strings.Contains(f.Message, "hidden") || strings.Contains(f.Message, "sesame") {
				t.Errorf("it tells secrets: %s", f.Message)
			}
			if p.Count("initialize") != 0 {
				t.Error("it went on")
			}
		})
	}
	for url, says := range map[string]string{
		puppethttp.Nowhere(t): "connection refused by 127.0.0.1:",
		"ftp://host/x?k=s":    `"ftp://host/x?k=***" is not an http:// or https:// address`,
	} {
		if f := sseAt(url).fails(t, within(t)); !strings.Contains(f.Message, says) {
			t.Errorf("%s: %s", url, f.Message)
		}
	}
}

// The endpoint takes the place of the configured address; the secrets of that
// are still what servers quote.
func TestSSEOpen_TheSecretsOfItsAddressStaySecretOnceTheEndpointIsKnown(t *testing.T) {
	p, _ := older(t)
	c := sseAt(strings.Replace(p.URL, "http://", "http://ann:open-barley@", 1) + "?key=open-wheat").sse(t)
	p.Once("POST tools/call:echo", puppethttp.Status(403, "wheat: open-wheat, barley: open-barley, session-1"))
	f := failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUnavailable, messages.SentUnknown, "wheat: ***, barley: ***, ***")
	if strings.Contains(f.Message, "open-") {
		t.Error(f.Message)
	}
}

func TestSSEOpen_EndsWithItsDeadlineWhereverTheServerStops(t *testing.T) {
	for name, test := range map[string]struct {
		kind   string // of request at which the server stops
		answer puppethttp.Behaviour
		says   string
	}{
		"no headers":              {"GET", puppethttp.Hang, "did not answer GET in time (connection_timeout: 1m0s)"},
		"no answer":               {"initialize", puppethttp.Hang, "did not answer initialize in time (connection_timeout: 1m0s)"},
		"no 202":                  {"POST initialize", puppethttp.Hang, "did not answer initialize in time (connection_timeout: 1m0s)"},
		"no 202 for what follows": {"POST notifications/initialized", puppethttp.Hang, "did not answer notifications/initialized in time (connection_timeout: 1m0s)"},
	} {
		t.Run(name, func(t *testing.T) {
			p, d := older(t)
			p.Always(test.kind, test.answer)
			ctx, cancel := context.WithCancelCause(within(t))
			go func() {
				p.Await(t, strings.TrimPrefix(test.kind, "POST "), 1)
				cancel(context.DeadlineExceeded)
			}()
			f := d.fails(t, ctx)
			if f.Kind != messages.KindTimeout || f.Sent != messages.SentNo || !strings.Contains(f.Message, test.says) {
				t.Errorf("%+v, want %q", f, test.says)
			}
			eventually(t, "the end of the session", func() bool { return p.Sessions() == 0 })
			if p.Count("notifications/cancelled") != 0 {
				t.Error("initialize was cancelled, which is not allowed")
			}
		})
	}
	t.Run("no endpoint", func(t *testing.T) {
		p, d := older(t)
		p.Always("GET", puppethttp.HangAfter(": hello\n\n"))
		core, failure := d.Dialer.newHTTPCore(d.Request)
		if failure != nil {
			t.Fatal(failure)
		}
		c := &sseConn{httpCore: core}
		defer discard(c)
		ctx, cancel := context.WithCancelCause(within(t))
		failed := make(chan *messages.Failure, 1)
		go func() { failed <- c.open(ctx) }()
		eventually(t, "the beginning of the stream", func() bool {
			c.silence.mu.Lock()
			defer c.silence.mu.Unlock()
			return !c.silence.since.IsZero()
		})
		cancel(context.DeadlineExceeded)
		if f := <-failed; f.Kind != messages.KindTimeout || f.Sent != messages.SentNo || !strings.Contains(f.Message, "did not answer GET with an endpoint for messages in time (connection_timeout: 1m0s): does it speak HTTP+SSE?") {
			t.Errorf("%+v", f)
		}
	})
}

func TestSSEOpen_AHandshakeThatFailsSaysWhyAndLeavesNoStream(t *testing.T) {
	for name, test := range map[string]struct {
		protocol string
		order    puppethttp.Behaviour // for initialize
		says     string
	}{
		"an error":               {"", puppethttp.Fail(200, -32602, "come back\ntomorrow", ""), "it refused initialize: come back tomorrow (-32602)"},
		"an unknown version":     {"", puppethttp.Answer(`{"protocolVersion":"1999-01-01"}`), "1999-01-01"},
		"a modern one":           {"", puppethttp.Answer(`{"protocolVersion":"2026-07-28"}`), "2026-07-28"},
		"one that we forbid":     {"2025-06-18", nil, "2024-11-05"},
		"one that we cannot ask": {"modern", nil, "HTTP+SSE cannot carry protocol version 2026-07-28, which its configuration demands"},
		"no protocol":            {"1999", nil, "unknown protocol"},
		"no answer":              {"", puppethttp.Answer(`[]`), "without a protocolVersion"},
	} {
		t.Run(name, func(t *testing.T) {
			p, d := older(t)
			p.Always("initialize", test.order)
			f := d.era(test.protocol).fails(t, within(t))
			if f.Kind != messages.KindUnavailable || f.Sent != messages.SentNo || !strings.Contains(f.Message, test.says) {
				t.Errorf("%+v, want %q", f, test.says)
			}
			eventually(t, "the end of the session", func() bool { return p.Sessions() == 0 })
		})
	}
	p, d := older(t)
	p.Always("POST notifications/initialized", puppethttp.Status(500, "no more memory"))
	if f := d.fails(t, within(t)); !strings.Contains(f.Message, "no more memory") || f.Sent != messages.SentNo {
		t.Errorf("%+v", f)
	}
	eventually(t, "the end of the session", func() bool { return p.Sessions() == 0 })
}

func TestSSEDetection_FollowsWhatIsDeclaredAndWhatTheServerAnswers(t *testing.T) {
	modern := puppethttp.Start(t, puppethttp.Options{})
	for _, test := range []struct {
		name     string
		statuses [2]int // to server/discover and to initialize; 0 for what the puppet says
		declared bool
		protocol string
		sse      bool
		says     string
	}{
		{"404 to both", [2]int{404, 404}, false, "", true, ""},
		{"400 and 405", [2]int{400, 405}, false, "", true, ""},
		{"405, asked in legacy only", [2]int{0, 405}, false, "legacy", true, ""},
		{"500 to one", [2]int{500, 404}, false, "", false, "it answered initialize with HTTP 404"},
		{"404 and then 500", [2]int{404, 500}, false, "", false, "HTTP 500"},
		{"401", [2]int{401, 404}, false, "", false, "refused our credentials"},
		{"declared", [2]int{404, 404}, true, "", false, `it may be a server of the older HTTP+SSE transport: then its type is "sse"`},
		{"in modern only", [2]int{404, 404}, false, "modern", false, "does not speak 2026-07-28"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, _ := older(t)
			d := httpTo(p.URL).era(test.protocol)
			d.Request.Spec.Declared = test.declared
			for i, method := range []string{"server/discover", "initialize"} {
				if status := test.statuses[i]; status != 0 {
					// The first only: what is posted to the endpoint afterwards is served.
					p.Once("POST "+method, puppethttp.Status(status, "no"))
				}
			}
			if test.sse {
				lives(t, d.sse(t))
				return
			}
			f := d.fails(t, within(t))
			if !strings.Contains(f.Message, test.says) {
				t.Errorf("says %q, want %q", f.Message, test.says)
			}
			if p.Count("GET") != 0 {
				t.Error("it tried HTTP+SSE")
			}
		})
	}
	t.Run("remembered legacy", func(t *testing.T) {
		p, _ := older(t)
		d := httpTo(p.URL)
		d.Request.Known.Protocol = puppethttp.Older
		lives(t, d.sse(t))
	})
	t.Run("neither", func(t *testing.T) {
		front := httptest.NewServer(http.NotFoundHandler())
		defer front.Close()
		f := httpTo(front.URL).fails(t, within(t))
		if f.Kind != messages.KindUnavailable || strings.Count(f.Message, `server "srv"`) != 1 {
			t.Errorf("%+v", f)
		}
	})
	t.Run("a stream that says nothing is given up early", func(t *testing.T) {
		p, _ := older(t)
		p.Always("GET", puppethttp.HangAfter(": hello\n\n"))
		d := httpTo(p.URL)
		d.Request.Spec.Policy.ConnectionTimeout = 200 * time.Millisecond
		f := d.fails(t, within(t))
		if f.Kind != messages.KindUnavailable || !strings.Contains(f.Message, "nor does it speak the older HTTP+SSE: it opened no event stream with an endpoint for messages within 50ms") {
			t.Errorf("%+v", f)
		}
	})
	t.Run("a declared sse server is not asked for more", func(t *testing.T) {
		d := sseAt(modern.URL)
		d.Request.Spec.Declared = true
		if f := d.fails(t, within(t)); !strings.Contains(f.Message, `its type is "streamable-http"`) {
			t.Errorf("%+v", f)
		}
	})
}

func TestSSEEndpoint_StaysWithTheOrigin(t *testing.T) {
	stream, err := url.Parse("http://Host.example/base/sse?key=1")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"/messages?sessionId=1":             "http://Host.example/messages?sessionId=1",
		"messages/1":                        "http://Host.example/base/messages/1",
		"?sessionId=1":                      "http://Host.example/base/sse?sessionId=1",
		"//host.EXAMPLE/m":                  "http://host.EXAMPLE/m",
		" http://host.example:80/m#part ":   "http://host.example:80/m",
		"http://user:secret@host.example/m": "http://host.example/m",
		"https://host.example/m":            "",
		"http://host.example:8080/m":        "",
		"//elsewhere.example/m":             "",
		"http:m":                            "",
		"mailto:host.example":               "",
		"javascript:alert(1)":               "",
		"\\\\elsewhere.example/m":           "http://Host.example/base/%5C%5Celsewhere.example/m",
		"http://host.example\x00/":          "",
		"":                                  "",
	} {
		to, err := endpointOf(stream, []byte(text), 1000)
		if got := ""; err == nil {
			if got = to.String(); got != want {
				t.Errorf("%q leads to %q, want %q", text, got, want)
			}
		} else if want != "" {
			t.Errorf("%q: %v", text, err)
		}
	}
	https := *stream
	https.Scheme = "https"
	if _, err := endpointOf(&https, []byte("https://host.example:443/m"), 1000); err != nil {
		t.Errorf("the port of https: %v", err)
	}
}

func FuzzSSEEndpoint(f *testing.F) {
	for _, text := range []string{"/messages?sessionId=1", "m", "//x/y", "http://h.example/x", "http://u:p@h.example:80/#f", "https://h.example", "http:x", "\\x", "%zz", "?", ".."} {
		f.Add("http://h.example/a/sse", text)
	}
	f.Fuzz(func(t *testing.T, base, text string) {
		stream, err := url.Parse(base)
		if err != nil || stream.Host == "" || stream.Opaque != "" || stream.Scheme != "http" && stream.Scheme != "https" {
			return // the configuration lets no such address through
		}
		stream.User = nil // as newHTTPCore leaves it
		to, err := endpointOf(stream, []byte(text), 1000)
		if err != nil {
			return
		}
		if !sameOrigin(to, stream) || to.User != nil || to.Fragment != "" || to.Opaque != "" {
			t.Errorf("%q at %q leads to %q", text, base, to)
		}
		// What is written on the wire must be read there as the same origin.
		again, err := url.Parse(to.String())
		if err != nil || !sameOrigin(again, stream) {
			t.Errorf("%q at %q is sent to %q (%v)", text, base, to, err)
		}
	})
}
