package dial

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
)

// rewriting changes what is written on an event stream.
type rewriting struct {
	http.ResponseWriter
	by *strings.Replacer
}

func (w rewriting) Write(b []byte) (int, error) {
	_, err := w.by.WriteString(w.ResponseWriter, string(b))
	return len(b), err
}

func (w rewriting) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Whatever the standard allows on an event stream (HTML Living Standard,
// section 9.2) makes no difference to a conversation.
func TestSSEWire_AStreamMayBeWrittenInManyWays(t *testing.T) {
	for name, by := range map[string]*strings.Replacer{
		"CRLF":                  strings.NewReplacer("\n", "\r\n"),
		"CR":                    strings.NewReplacer("\n", "\r"),
		"a byte order mark":     strings.NewReplacer("event: endpoint", "\ufeffevent: endpoint"),
		"no spaces":             strings.NewReplacer("data: ", "data:", "event: ", "event:"),
		"comments and unknowns": strings.NewReplacer("data: ", ": {\n:\nx\ny: data\ndata: "),
		"ids and times to wait": strings.NewReplacer("data: ", "id: 1\nretry: 1\nid: 2\ndata: ", "\n\n", "\nretry: never\n\nid\n\n"),
		"data in several lines": strings.NewReplacer(`data: {`, "data: {\ndata:\ndata: ", `"result":`, "\"result\":\ndata:  "),
		"an event of its own":   strings.NewReplacer("data: {", "event: ping\ndata: 1\n\ndata: {"),
		"the type last":         strings.NewReplacer("}\n\n", "}\nevent: message\n\n"),
		"one before the rest":   strings.NewReplacer("event: endpoint", "event: ping\ndata: 1\n\nevent: open\ndata\n\nevent: endpoint"),
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := older(t)
			front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					w = rewriting{w, by}
				}
				p.ServeHTTP(w, r)
			}))
			defer front.Close()
			c := sseAt(front.URL + "/sse").sse(t)
			lives(t, c)
			if out := do(t, c, toolCall("strange", "{}")); out.Failure != nil {
				t.Error(out.Failure)
			}
			if err := c.Close(within(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSSEWire_AnEndpointThatDoesNotExistIsNoExpiredSession(t *testing.T) {
	p, d := older(t)
	p.Once("POST initialize", puppethttp.Status(404, "no such page"))
	f := d.fails(t, within(t))
	if f.Kind != messages.KindUnavailable || f.Stale || strings.Contains(f.Message, "expired") ||
		!strings.Contains(f.Message, "it answered initialize with HTTP 404 Not Found: no such page") {
		t.Errorf("%+v", f)
	}
}
