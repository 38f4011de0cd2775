package front

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/mcp"
)

const tag = `"_meta":{"io.modelcontextprotocol/subscriptionId":"l"}`

// able is what a server says that tells of its resources, and of some lists.
var able = json.RawMessage(`{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"subscribe":true}}`)

// updates queues a notification on every listen stream.
func (r *registry) updates(n messages.Notification) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.sessions {
		for _, st := range s.streams {
			st.queue = append(st.queue, n)
			select {
			case st.signal <- struct{}{}:
			default:
			}
		}
	}
}

func TestRelayListen_TheAcknowledgmentSaysWhatIsGrantedAndNothingElseIsTold(t *testing.T) {
	for _, c := range []struct{ name, capabilities, filter, granted string }{
		{"all of it", string(able), `{"toolsListChanged":true,"resourceSubscriptions":["a:b","c:d"]}`, `"toolsListChanged":true,"resourceSubscriptions":["a:b","c:d"]`},
		{"some of it", string(able), `{"resourcesListChanged":true,"resourceSubscriptions":["refused","a:b"]}`, `"resourceSubscriptions":["a:b"]`},
		{"none of them", string(able), `{"toolsListChanged":true,"resourceSubscriptions":["refused as a whole"]}`, `"toolsListChanged":true`},
		{"the server tells of no resources", `{"tools":{"listChanged":true},"resources":{}}`, `{"toolsListChanged":true,"resourceSubscriptions":["a:b"]}`, `"toolsListChanged":true`},
		{"nothing is asked for", string(able), `{}`, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newRelayed(t)
			w.service.describe.Capabilities = json.RawMessage(c.capabilities)
			body, header := modernListen(`"l"`, c.filter)
			stream := w.open(http.MethodPost, body, header...)
			stream.expect(`{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{` + c.granted + `},` + tag + `}}`)
			w.clients.awaitStreams(t, 1)
			// What was asked for and not granted is not told, whoever says it.
			w.clients.updates(messages.Notification{Method: "notifications/prompts/list_changed"})
			w.clients.updates(messages.Notification{Method: "notifications/resources/list_changed"})
			w.clients.updates(messages.Notification{Method: "notifications/resources/updated", Params: json.RawMessage(`{"uri":"a:b"}`)})
			stream.expect(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:b",` + tag + `}}`)
			w.clients.closeAll(false)
			stream.expect(`{"jsonrpc":"2.0","id":"l","result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"puppet","version":"1"},"io.modelcontextprotocol/subscriptionId":"l"}}}`)
			stream.expectEnd()
		})
	}
}

func TestRelayListen_AnUpstreamThatIsNotThereIsAnError(t *testing.T) {
	w := newRelayed(t)
	w.service.describe.Capabilities = able
	body, header := modernListen(`"l"`, `{"resourceSubscriptions":["unavailable"]}`)
	if status, _, got := w.post(body, header...); status != http.StatusOK || code(t, got) != mcp.CodeUnavailable {
		t.Errorf("%d %s", status, got)
	}
	w.clients.awaitStreams(t, 0)
}

func TestRelayListen_OverStdioItEndsWithAResultAndACancellation(t *testing.T) {
	p := &pipes{t: t, service: newPuppet(), clients: newRegistry(), lines: make(chan string, 64), result: make(chan error, 1)}
	p.service.describe.Capabilities = able
	in, input := io.Pipe()
	out, output := io.Pipe()
	p.in = input
	go func() {
		p.result <- ServeStdio(t.Context(), in, output, upstream{p.service}, p.clients, Options{})
		output.Close()
	}()
	go p.scan(out)
	listen := func(id, filter string) {
		body, _ := modernListen(id, filter)
		p.send(body)
	}
	listen(`"bad"`, `{"resourceSubscriptions":["unavailable"]}`)
	if line := await(t, "the refusal", p.lines); code(t, line) != mcp.CodeUnavailable || !strings.Contains(line, `"id":"bad"`) {
		t.Errorf("refused with %s", line)
	}
	listen(`"l"`, `{"promptsListChanged":true,"resourceSubscriptions":["a:b"]}`)
	p.expect(`{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{"promptsListChanged":true,"resourceSubscriptions":["a:b"]},` + tag + `}}`)
	// Given up by its client it ends without a word; the id is free again.
	p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"l"}}`)
	p.clients.awaitStreams(t, 0)
	listen(`"l"`, `{"resourceSubscriptions":["a:b"]}`)
	p.expect(`{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{"resourceSubscriptions":["a:b"]},` + tag + `}}`)
	p.clients.updates(messages.Notification{Method: "notifications/resources/updated", Params: json.RawMessage(`{"uri":"a:b"}`)})
	p.expect(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:b",` + tag + `}}`)
	if err := p.end(); err != nil {
		t.Error(err)
	}
	p.expect(
		`{"jsonrpc":"2.0","id":"l","result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"puppet","version":"1"},"io.modelcontextprotocol/subscriptionId":"l"}}}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"l"}}`,
	)
}
