package puppethttp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Capabilities are what every puppet declares.
const Capabilities = `{"tools":{"listChanged":true},"logging":{}}`

// hello is the result of initialize, for a version.
const hello = `{"protocolVersion":"%s","capabilities":` + Capabilities +
	`,"serverInfo":{"name":"puppet","version":"1"},"instructions":"pull the strings"}`

// usual answers as a well-behaved server of the puppet's eras.
func usual(x *Exchange) {
	if _, accepted := x.W.(streamWriter); accepted {
		olderUsual(x)
		return
	}
	if x.P.options.Older {
		olderTransport(x)
		return
	}
	if x.modern() && slices.Contains(x.P.options.Versions, Modern) {
		modern(x)
		return
	}
	legacy(x)
}

// legacy is a server of 2025-11-25.
func legacy(x *Exchange) {
	p := x.P
	if !slices.Contains(p.options.Versions, Legacy) {
		// No handshake here: the headers of the modern era are missing.
		x.Error(http.StatusBadRequest, -32020, "Header mismatch: Mcp-Method header is missing", "")
		return
	}
	if x.Method == "initialize" {
		if !p.options.Stateless {
			x.W.Header().Set("Mcp-Session-Id", p.mint())
		}
		x.Result(fmt.Sprintf(hello, Legacy))
		return
	}
	if !p.options.Stateless && !x.inSession() {
		return
	}
	switch {
	case x.HTTP == http.MethodGet && p.options.Stateless:
		x.W.WriteHeader(http.StatusMethodNotAllowed)
	case x.HTTP == http.MethodGet:
		x.Stream()
		x.stand(nil)
	case x.HTTP == http.MethodDelete:
		p.mu.Lock()
		delete(p.sessions, x.session())
		p.endCallsLocked(x.session())
		p.mu.Unlock()
	case x.Method == "notifications/cancelled":
		p.cancel(x)
		x.W.WriteHeader(http.StatusAccepted)
	case x.ID == nil || x.Method == "": // another notification, or a response
		x.W.WriteHeader(http.StatusAccepted)
	default:
		serve(x)
	}
}

func (x *Exchange) session() string { return x.Header.Get("Mcp-Session-Id") }

// inSession checks the session and answers if there is none.
func (x *Exchange) inSession() bool {
	x.P.mu.Lock()
	known := x.P.sessions[x.session()]
	x.P.mu.Unlock()
	switch {
	case known:
		return true
	case x.session() == "":
		x.Error(http.StatusBadRequest, -32000, "Bad Request: no session id", "")
	default:
		x.Error(http.StatusNotFound, -32001, "Session not found", "")
	}
	return false
}

func (p *Puppet) mint() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.minted++
	id := fmt.Sprintf("session-%d", p.minted)
	p.sessions[id] = true
	return id
}

// modern is a server of 2026-07-28. It is strict about headers.
func modern(x *Exchange) {
	if x.HTTP != http.MethodPost {
		x.W.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	var version, name string
	_ = json.Unmarshal(x.meta("io.modelcontextprotocol/protocolVersion"), &version) // compared below
	if !slices.Contains(x.P.options.Versions, version) {
		supported, _ := json.Marshal(x.P.options.Versions)
		x.Error(http.StatusBadRequest, -32022, "Unsupported protocol version",
			fmt.Sprintf(`{"supported":%s,"requested":%q}`, supported, version))
		return
	}
	if x.Method == "tools/call" {
		name = x.Tool()
	}
	for header, want := range map[string]string{"MCP-Protocol-Version": version, "Mcp-Method": x.Method, "Mcp-Name": name} {
		if got := x.Header.Get(header); got != want {
			x.Error(http.StatusBadRequest, -32020, fmt.Sprintf("Header mismatch: %s is %q and the body says %q", header, got, want), "")
			return
		}
	}
	if x.meta("io.modelcontextprotocol/clientCapabilities") == nil {
		x.Error(http.StatusBadRequest, -32602, "clientCapabilities are missing", "")
		return
	}
	switch x.Method {
	case "server/discover":
		supported, _ := json.Marshal(x.P.options.Versions)
		capabilities := Capabilities
		if x.P.options.Resources {
			capabilities = strings.TrimSuffix(capabilities, "}") + `,"resources":{"subscribe":true}}`
		}
		x.Result(`{"resultType":"complete","supportedVersions":` + string(supported) + `,"capabilities":` + capabilities +
			`,"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"puppet","version":"1"}},"ttlMs":0,"cacheScope":"private"}`)
	case "subscriptions/listen":
		var params struct {
			Notifications struct{ ResourceSubscriptions []string }
		}
		_ = json.Unmarshal(x.Params, &params) // of another shape it is about none
		granted, s := `{"toolsListChanged":true}`, newStream(x, x.ID)
		if s.uris = params.Notifications.ResourceSubscriptions; len(s.uris) > 0 && x.P.options.Resources {
			uris, _ := json.Marshal(s.uris)
			granted = `{"resourceSubscriptions":` + string(uris) + `}`
		}
		x.Notify("notifications/subscriptions/acknowledged",
			fmt.Sprintf(`{"_meta":{"io.modelcontextprotocol/subscriptionId":%s},"notifications":%s}`, x.ID, granted))
		x.standOn(s)
	default:
		serve(x)
	}
}

// cancel ends the sleeping call that a notifications/cancelled names.
func (p *Puppet) cancel(x *Exchange) {
	var params struct {
		RequestID json.RawMessage `json:"requestId"`
	}
	_ = json.Unmarshal(x.Params, &params) // of another shape it names none
	p.mu.Lock()
	defer p.mu.Unlock()
	key := x.session() + " " + string(params.RequestID)
	if p.running[key] == nil {
		p.overtaken[key] = true // it may come later, having been accepted before
	}
	p.endLocked(key, "notified")
}

// endCallsLocked ends the calls on hold of a session that has ended.
func (p *Puppet) endCallsLocked(session string) {
	for key := range p.running {
		if strings.HasPrefix(key, session+" ") {
			p.endLocked(key, "session ended")
		}
	}
}

// endLocked ends a call on hold, if there is one.
func (p *Puppet) endLocked(key, how string) {
	if c := p.running[key]; c != nil {
		c <- how
		delete(p.running, key)
	}
}

// stream is a standing stream of a client.
type stream struct {
	tag   json.RawMessage // subscription id; nil for a GET stream
	uris  []string        // of resources of which it hears, and of nothing else
	say   chan string
	quit  chan struct{}
	reset bool            // how it quits; set before quit is closed
	life  context.Context // ends when its client goes
}

func newStream(x *Exchange, tag json.RawMessage) *stream {
	return &stream{tag: tag, say: make(chan string), quit: make(chan struct{}), life: x.R.Context()}
}

// stand keeps a stream open until the client goes, the puppet stops or drops it.
func (x *Exchange) stand(tag json.RawMessage) { x.standOn(newStream(x, tag)) }

func (x *Exchange) standOn(s *stream) {
	p := x.P
	p.mu.Lock()
	p.streams[s] = true
	p.tellLocked()
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.streams, s)
		p.mu.Unlock()
	}()
	for {
		select {
		case text := <-s.say:
			x.Raw(text)
		case <-s.quit:
			if s.reset {
				reset(x.hijack())
			}
			return
		case <-x.R.Context().Done():
			return
		case <-p.stopped:
			return
		}
	}
}

// DropStreams ends all standing streams.
func (p *Puppet) DropStreams() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.streams {
		close(s.quit)
		delete(p.streams, s)
	}
}

// text renders a notification for the stream.
func (s *stream) text(method, params string) string {
	if s.tag != nil {
		params = strings.TrimSuffix(params, "}")
		if params != "{" {
			params += ","
		}
		params += fmt.Sprintf(`"_meta":{"io.modelcontextprotocol/subscriptionId":%s}}`, s.tag)
	}
	return fmt.Sprintf("event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":%q,\"params\":%s}\n\n", method, params)
}
