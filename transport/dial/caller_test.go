package dial

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// ways are the three ways in which a puppet over HTTP is reached.
var ways = map[string]struct {
	options  puppethttp.Options
	protocol string
	asks     []string // kinds of requests that come in the life of a connection
}{
	"modern": {puppethttp.Options{}, "modern", []string{"server/discover", "subscriptions/listen", "tools/call"}},
	"legacy": {puppethttp.Options{}, "legacy", []string{
		"initialize", "notifications/initialized", "GET", "tools/call", "notifications/cancelled", "notifications/x", "DELETE",
	}},
	"HTTP+SSE": {puppethttp.Options{Older: true}, "", []string{
		"GET", "initialize", "notifications/initialized", "tools/call", "notifications/cancelled", "notifications/x",
	}},
}

// lifetime makes all the requests that a connection can make, and closes it.
func lifetime(t *testing.T, p *puppethttp.Puppet, d *httpDial) {
	t.Helper()
	conn, err := d.Dialer.Dial(within(t), d.Request)
	if err != nil {
		t.Fatal(err)
	}
	if _, older := conn.(*sseConn); !older {
		p.AwaitStream(t)
	}
	lives(t, conn)
	_, cancel := started(t, conn, toolCall("sleep", "{}"), messages.Discard)
	p.Await(t, "tools/call:sleep", 1)
	cancel(nil)
	p.AwaitEnded(t, 1)
	if !conn.Peer().Modern { // the modern era has none that a puppet takes
		if err := conn.Notify(within(t), messages.Notification{Method: "notifications/x"}); err != nil {
			t.Error(err)
		}
	}
	if err := conn.Close(within(t)); err != nil {
		t.Error(err)
	}
}

func TestCallerHeaders_GoWithEveryRequestAndTouchNothingOfTheTransport(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			p := puppethttp.Start(t, way.options)
			front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasPrefix(r.Host, "127.0.0.1:") {
					t.Errorf("%s went to %q", r.Method, r.Host)
				}
				p.ServeHTTP(w, r)
			}))
			defer front.Close()
			d := httpTo(front.URL + "/sse").era(way.protocol)
			if way.options.Older {
				d.Request.Spec.Transport = messages.TransportSSE
			}
			d.Request.Caller.Headers = map[string]string{"authorization": "Bearer of-the-caller", "X-Tenant": "tenant-7"}
			const forged = "forged"
			for _, name := range []string{
				"Host", "host", "Content-Type", "Content-Length", "Content-Encoding", "Accept", "Accept-Encoding", "Connection", "Keep-Alive",
				"Transfer-Encoding", "TE", "Trailer", "Upgrade", "Expect", "Proxy-Authorization", "Last-Event-ID", "last-event-id",
				"MCP-Protocol-Version", "Mcp-Session-Id", "mcp-session-id", "Mcp-Method", "Mcp-Name", "Mcp-Param-X", "Idempotency-Key", "X-Idempotency-Key",
			} {
				d.Request.Caller.Headers[name] = forged
			}
			lifetime(t, p, d)
			for _, kind := range way.asks {
				p.Await(t, kind, 1)
			}
			for _, rec := range p.Records() {
				if h := rec.Header; h.Get("Authorization") != "Bearer of-the-caller" || h.Get("X-Tenant") != "tenant-7" || h.Get("X-Team") != "blue" {
					t.Errorf("%s %s came with %v", rec.HTTP, rec.Method, h)
				}
				for name, values := range rec.Header {
					if slices.Contains(values, forged) {
						t.Errorf("%s %s came with the caller's %s", rec.HTTP, rec.Method, name)
					}
				}
			}
		})
	}
}

func TestCallerHeaders_AreSecretsToo(t *testing.T) {
	p, d := older(t)
	d.Request.Caller.Headers = map[string]string{"Authorization": "Bearer of-the-caller"}
	c := d.sse(t)
	p.Once("POST tools/call:echo", puppethttp.Status(401, "who is of-the-caller?"))
	f := failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUnavailable, messages.SentNo, "who is ***?")
	if strings.Contains(f.Message, "of-the-caller") {
		t.Error(f.Message)
	}
}

const mirrored = `{"sampling":{},"roots":{"listChanged":true},"x":9007199254740993}`

// mirroring is a caller in whose name connections are opened.
func mirroring(modern bool, version string) messages.Caller {
	return messages.Caller{
		Mirror: true, Modern: modern, Protocol: version,
		Capabilities: json.RawMessage(mirrored), Info: json.RawMessage(`{"name":"their-client","version":"9"}`),
	}
}

// claims are what a message says of its client: capabilities and name.
func claims(params json.RawMessage) (capabilities, name string) {
	if c, ok := jsonrpc.Get(params, "_meta", mcp.MetaClientCapabilities); ok {
		name, _ := jsonrpc.GetString(params, "_meta", mcp.MetaClientInfo, "name")
		return string(c), name
	}
	c, _ := jsonrpc.Get(params, "capabilities")
	name, _ = jsonrpc.GetString(params, "clientInfo", "name")
	return string(c), name
}

func TestMirror_DeclaresTheCallersCapabilitiesWhereverTheEraSaysThem(t *testing.T) {
	for name, way := range ways {
		for _, mirror := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				p := puppethttp.Start(t, way.options)
				d := httpTo(p.URL).era(way.protocol)
				if way.options.Older {
					d.Request.Spec.Transport = messages.TransportSSE
				}
				d.Request.Caller = mirroring(name == "modern", mcp.V20250618)
				d.Request.Caller.Mirror = mirror
				lifetime(t, p, d)
				said := 0
				for _, rec := range p.Records() {
					if rec.ID == nil || name != "modern" && rec.Method != "initialize" {
						continue
					}
					said++
					capabilities, client := claims(rec.Params)
					if mirror && (capabilities != mirrored || client != "their-client") || !mirror && (capabilities != "{}" || client != "mcpx-test") {
						t.Errorf("mirror %v: %s says %s, %s", mirror, rec.Method, capabilities, client)
					}
					version, _ := jsonrpc.GetString(rec.Params, "protocolVersion")
					if want := map[bool]string{true: mcp.V20250618, false: mcp.LatestLegacy}[mirror]; name != "modern" && version != want {
						t.Errorf("mirror %v: it asks for %s", mirror, version)
					}
				}
				if want := map[bool]int{true: 4, false: 1}[name == "modern"]; said != want {
					t.Errorf("%d requests said who their client is, want %d", said, want)
				}
			})
		}
	}
}

func TestMirror_WhatIsNoObjectIsNotDeclared(t *testing.T) {
	for _, odd := range []string{"", "null", "[]", "7", `"x"`} {
		caller := mirroring(true, "")
		caller.Capabilities, caller.Info = json.RawMessage(odd), json.RawMessage(odd)
		d := New(json.RawMessage(`{"name":"mcpx"}`))
		if id := d.as(caller); string(id.capabilities) != "{}" || string(id.info) != `{"name":"mcpx"}` {
			t.Errorf("%q: %s, %s", odd, id.capabilities, id.info)
		}
	}
}

func TestMirror_TasksAreOfferedInTheirOwnEraOnly(t *testing.T) {
	const tasks = `{"tasks":{"list":{}},"roots":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}`
	for _, isModern := range []bool{true, false} {
		caller := mirroring(isModern, "")
		caller.Capabilities = json.RawMessage(tasks)
		id := New(json.RawMessage(`{"name":"mcpx"}`)).as(caller)
		legacy, _ := jsonrpc.Get(id.initialize(mcp.LatestLegacy), "capabilities")
		modern := mcp.ReadMeta(id.modern(nil, mcp.LatestModern, "")).ClientCapabilities
		own, foreign := legacy, modern
		if isModern {
			own, foreign = modern, legacy
		}
		if string(own) != tasks || string(foreign) != `{"roots":{},"extensions":{}}` {
			t.Errorf("modern %v: in its own era %s, in the other %s", isModern, own, foreign)
		}
	}
}

// known is what a connection in nobody's name has found.
func known(spoken string, offers ...string) messages.Peer {
	return messages.Peer{Protocol: spoken, Offers: offers}
}

func TestMirrorEra_IsTheCallersWhereTheServerOffersIt(t *testing.T) {
	const modern, legacy = puppethttp.Modern, puppethttp.Legacy
	both, onlyLegacy, onlyModern := []string{modern, legacy}, []string{legacy}, []string{modern}
	const greets, discovers = "initialize notifications/initialized", "server/discover"
	for _, test := range []struct {
		name     string
		versions []string // that the server offers
		protocol string
		caller   messages.Caller
		known    messages.Peer
		speaks   string
		asked    string
		offers   []string // as the connection reports them
	}{
		{"legacy caller, both", both, "", mirroring(false, legacy), messages.Peer{}, legacy, greets, onlyLegacy},
		{"legacy caller, both and known", both, "", mirroring(false, legacy), known(modern, both...), legacy, greets, onlyLegacy},
		{"legacy caller, both, and known as modern", both, "", mirroring(false, legacy), known(modern), legacy, greets, onlyLegacy},
		{"legacy caller, legacy only", onlyLegacy, "", mirroring(false, legacy), messages.Peer{}, legacy, greets, onlyLegacy},
		{"legacy caller, modern only", onlyModern, "", mirroring(false, legacy), messages.Peer{}, modern, "initialize " + discovers, onlyModern},
		{"legacy caller, modern only and known", onlyModern, "", mirroring(false, legacy), known(modern, modern), modern, discovers, onlyModern},
		{"legacy caller, known as modern and legacy now", onlyLegacy, "", mirroring(false, legacy), known(modern, modern), legacy, discovers + " " + greets, onlyLegacy},
		{"legacy caller, configured modern", both, "modern", mirroring(false, legacy), messages.Peer{}, modern, discovers, both},
		{"modern caller, both", both, "", mirroring(true, modern), messages.Peer{}, modern, discovers, both},
		{"modern caller, both and known", both, "", mirroring(true, modern), known(modern, both...), modern, discovers, both},
		{"modern caller, legacy only", onlyLegacy, "", mirroring(true, modern), messages.Peer{}, legacy, discovers + " " + greets, onlyLegacy},
		{"modern caller, legacy only and known", onlyLegacy, "", mirroring(true, modern), known(legacy, legacy), legacy, greets, onlyLegacy},
		{"modern caller, known as legacy and modern now", onlyModern, "", mirroring(true, modern), known(legacy, legacy), modern, "initialize " + discovers, onlyModern},
		{"modern caller, configured legacy", both, "legacy", mirroring(true, modern), messages.Peer{}, legacy, greets, onlyLegacy},
		{"nobody's, known to offer both", both, "", messages.Caller{}, known(legacy, both...), modern, discovers, both},
		{"nobody's, known to offer legacy only", both, "", messages.Caller{}, known(legacy, legacy), legacy, greets, onlyLegacy},
		{"of a legacy caller, and not in its name", both, "", messages.Caller{Protocol: legacy}, messages.Peer{}, modern, discovers, both},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := puppethttp.Start(t, puppethttp.Options{Versions: test.versions})
			d := httpTo(p.URL).era(test.protocol)
			d.Request.Caller, d.Request.Known = test.caller, test.known
			c := d.dial(t)
			peer := c.Peer()
			if peer.Protocol != test.speaks || peer.Modern != (test.speaks == modern) || peer.Transport != messages.TransportHTTP {
				t.Errorf("speaks %s over %s, want %s", peer.Protocol, peer.Transport, test.speaks)
			}
			if !slices.Equal(peer.Offers, test.offers) {
				t.Errorf("offers %v, want %v", peer.Offers, test.offers)
			}
			var asked []string
			for _, rec := range p.Records() {
				if rec.Method != "" && rec.Method != "subscriptions/listen" {
					asked = append(asked, rec.Method)
				}
			}
			if got := strings.Join(asked, " "); got != test.asked {
				t.Errorf("asked %q, want %q", got, test.asked)
			}
			lives(t, c)
		})
	}
}

// A legacy connection to a process of both eras is one that was never probed:
// some refuse initialize after that.
func TestMirrorEra_OfAProcessIsChosenBeforeItsFirstMessage(t *testing.T) {
	const modern, legacy = mcp.V20260728, mcp.V20251125
	both := []string{modern, legacy, mcp.V20250618, mcp.V20250326, mcp.V20241105}
	for _, test := range []struct {
		name, puppet string
		caller       messages.Caller
		known        messages.Peer
		speaks       string
		said         string
		offers       []string
	}{
		{"legacy caller, both", "dual", mirroring(false, legacy), messages.Peer{}, legacy, "initialize initialized", []string{legacy}},
		{"legacy caller, both, and known", "dual", mirroring(false, mcp.V20241105), known(modern, both...), mcp.V20241105, "initialize initialized", []string{mcp.V20241105}},
		{"an older legacy caller", "dual", mirroring(false, mcp.V20250326), known(modern), mcp.V20250326, "initialize initialized", []string{mcp.V20250326}},
		{"a caller of tomorrow's legacy", "dual", mirroring(false, "2025-12-24"), messages.Peer{}, legacy, "initialize initialized", []string{legacy}},
		{"legacy caller, modern only", "modern", mirroring(false, legacy), messages.Peer{}, modern, "initialize discover listen", []string{modern}},
		{"legacy caller, modern only and known", "modern", mirroring(false, legacy), known(modern, modern), modern, "discover listen", []string{modern}},
		{"modern caller, both", "dual", mirroring(true, modern), messages.Peer{}, modern, "discover listen", both},
		{"modern caller, legacy only", "plain", mirroring(true, modern), messages.Peer{}, legacy, "discover initialize initialized", []string{legacy}},
		{"modern caller, legacy only and known", "plain", mirroring(true, modern), known(legacy, legacy), legacy, "initialize initialized", []string{legacy}},
		{"modern caller, lists legacy versions", "discover-legacy", mirroring(true, modern), messages.Peer{}, mcp.V20250618, "discover initialize initialized", []string{mcp.V20250618, mcp.V20250326}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := stdioTo(test.puppet)
			d.Request.Caller, d.Request.Known = test.caller, test.known
			received := d.recording(t)
			conn := d.dial(t)
			if peer := conn.Peer(); peer.Protocol != test.speaks || peer.Transport != messages.TransportStdio || !slices.Equal(peer.Offers, test.offers) {
				t.Errorf("speaks %s of %v over %s, want %s of %v", peer.Protocol, peer.Offers, peer.Transport, test.speaks, test.offers)
			}
			serves(t, conn)
			var said []string
			for _, line := range received() {
				var m struct {
					ID     json.RawMessage
					Method string
					Params json.RawMessage
				}
				if err := json.Unmarshal([]byte(line), &m); err != nil {
					t.Fatalf("sent %q: %v", line, err)
				}
				if short := m.Method[strings.LastIndexByte(m.Method, '/')+1:]; short != "call" && short != "cancelled" {
					said = append(said, short)
				}
				if m.ID == nil || m.Method != "initialize" && !conn.Peer().Modern {
					continue
				}
				if capabilities, client := claims(m.Params); capabilities != mirrored || client != "their-client" {
					t.Errorf("%s says %s, %s", m.Method, capabilities, client)
				}
			}
			if got := strings.Join(said, " "); got != test.said {
				t.Errorf("said %q, want %q", got, test.said)
			}
		})
	}
}

// An undeclared server that turned out to be one of HTTP+SSE is not asked for
// what it does not speak again, and is named by what it is.
func TestKnown_ATransportThatWasFoundIsTriedFirst(t *testing.T) {
	p, _ := older(t)
	d := httpTo(p.URL)
	found := d.sse(t).Peer()
	if found.Transport != messages.TransportSSE || !slices.Equal(found.Offers, []string{puppethttp.Older}) {
		t.Errorf("found %s, %v", found.Transport, found.Offers)
	}
	if name := d.Request.Spec.ConnectionTo(found); name != "SSE-"+p.URL {
		t.Errorf("it is named %q", name)
	}
	before := len(p.Records())
	d.Request.Known = found
	lives(t, d.sse(t))
	if rec := p.Records()[before]; rec.HTTP != http.MethodGet {
		t.Errorf("it was asked %s %s first", rec.HTTP, rec.Method)
	}

	modern := puppethttp.Start(t, puppethttp.Options{Versions: []string{puppethttp.Modern}}) // what it was once, it is no more
	d = httpTo(modern.URL)
	d.Request.Known = found
	if peer := d.dial(t).Peer(); peer.Transport != messages.TransportHTTP || !peer.Modern {
		t.Errorf("found %s, %s", peer.Transport, peer.Protocol)
	}
	declared := httpTo(p.URL)
	declared.Request.Spec.Declared, declared.Request.Known = true, found
	if f := declared.fails(t, within(t)); !strings.Contains(f.Message, `then its type is "sse"`) {
		t.Errorf("%+v", f)
	}
}

func TestErasOf_RefusesAWordThatIsNoProtocol(t *testing.T) {
	if _, f := erasOf(link.DialRequest{Spec: messages.ServerSpec{Name: "srv", Protocol: "tomorrow"}}); f == nil || f.Kind != messages.KindUnavailable {
		t.Errorf("%v", f)
	}
}
