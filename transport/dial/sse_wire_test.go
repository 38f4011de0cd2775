package dial

import (
	"fmt"
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

// The TypeScript SDK writes the id last. Among several in flight it is the one
// whose answer was too large that must hear of it, and not at its deadline.
func TestSSEWire_AnAnswerThatIsTooLargeIsAttributedWhereverItsIdStands(t *testing.T) {
	for name, form := range map[string]string{
		"first":         `{"jsonrpc":"2.0","id":%[1]s,"result":{"x":"%[2]s"}}`,
		"last":          `{"result":{"x":"%[2]s","id":1},"jsonrpc":"2.0","id":%[1]s}`,
		"with spaces":   "{ \"result\" : {\"x\":\"%[2]s\"} , \"id\" : %[1]s\t}  ",
		"on its own":    "{\"result\":{\"x\":\"%[2]s\"},\ndata:\"id\":%[1]s\ndata:}",
		"of an error":   `{"error":{"code":1,"message":"%[2]s"},"id":%[1]s}`,
		"in the middle": `{"result":{"x":"%[2]s"},"id":%[1]s,"jsonrpc":"2.0"}`,
	} {
		t.Run(name, func(t *testing.T) {
			p, d := older(t)
			d.Request.Limits.MessageBytes = 64 << 10
			c := d.sse(t)
			others := 2
			if name == "in the middle" {
				others = 0 // then it can only be the one that there is
			}
			calls := held(t, p, c, others)
			p.Once("tools/call:echo", func(x *puppethttp.Exchange) {
				x.Event("", fmt.Sprintf(form, x.ID, strings.Repeat("y", 100_000)))
			})
			failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUpstream, messages.SentDone, "message too large")
			p.DropStreams()
			for _, call := range calls {
				failed(t, outcome(t, call), messages.KindUnavailable, messages.SentUnknown)
			}
		})
	}
}

// What only looks like an id at the end belongs to nobody.
func TestSSEWire_NoOtherMessageIsTakenForALargeAnswer(t *testing.T) {
	long := strings.Repeat("y", 100_000)
	p, d := older(t)
	d.Request.Limits.MessageBytes = 64 << 10
	c := d.sse(t)
	calls := held(t, p, c, 3) // with the ids 2 to 4
	for _, text := range []string{
		`{"method":"notifications/x","params":{"x":"` + long + `"},"id":2}`,
		`{"result":{"x":"` + long + `"},"x\"id":3}`,
		`{"result":{"x":"` + long + `"},"id":"3"}`,
		`{"result":{"x":"` + long + `"},"id":3.0}`,
		`{"result":{"x":"` + long + `","y":{"id":4}}}`,
		`{"result":{"x":"` + long + ` {\"id\":4}"}}`,
		`{"result":{"x":"` + long + `"},"id":99}`,
	} {
		p.Say("data: " + text + "\n\n")
	}
	eventually(t, "that all were read", func() bool { return c.mux.counts.junk.Load() == 7 })
	lives(t, c)
	p.DropStreams()
	for _, call := range calls {
		failed(t, outcome(t, call), messages.KindUnavailable, messages.SentUnknown, "it ended its event stream")
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
