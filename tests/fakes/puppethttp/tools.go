package puppethttp

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
)

// Tools is what tools/list answers: all tools are fine but the last.
const Tools = `[` +
	`{"name":"echo","inputSchema":{"type":"object"},"x-unknown":9007199254740993},` +
	`{"name":"sleep","inputSchema":{"type":"object"}},` +
	`{"name":"progress","inputSchema":{"type":"object"}},` +
	`{"name":"strange","inputSchema":{"type":"object"}},` +
	`{"name":"mirror","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}},` +
	`{"name":"broken","inputSchema":{"type":"object","properties":{"x":{"type":"number","x-mcp-header":"X"}}}}]`

// Strange is a result with content of kinds that exist and one that does not.
const Strange = `{"content":[{"type":"image","data":"iVBORw0KGgo=","mimeType":"image/png"},` +
	`{"type":"hologram","beam":[1,2.50,1e400],"big":9007199254740993}],"_meta":{"x":null}, "resultType" : "complete"}`

// serve answers the requests that both eras know.
func serve(x *Exchange) {
	switch x.Method {
	case "tools/list":
		x.Result(`{"tools":` + Tools + x.closing())
	case "tools/call":
		call(x)
	case "ping":
		x.Result("{}")
	default:
		status := http.StatusOK
		if x.modern() {
			status = http.StatusNotFound
		}
		x.Error(status, -32601, "Method not found", `{"method":"`+x.Method+`","big":9007199254740993}`)
	}
}

// closing are the last members of a result, and its end.
func (x *Exchange) closing() string {
	if !x.modern() {
		return "}"
	}
	if x.Method == "tools/list" {
		return `,"resultType":"complete","ttlMs":0,"cacheScope":"private"}`
	}
	return `,"resultType":"complete"}`
}

func (x *Exchange) text(text string) {
	quoted, _ := json.Marshal(text) // a string always has a JSON form
	x.Result(`{"content":[{"type":"text","text":` + string(quoted) + `}]` + x.closing())
}

func call(x *Exchange) {
	switch x.Tool() {
	case "echo":
		var text string
		_ = json.Unmarshal(x.argument("text"), &text) // no text is echoed as none
		x.text(text)
	case "strange":
		x.Result(Strange)
	case "progress":
		progress(x)
	case "sleep":
		sleep(x)
	case "mirror":
		want := string(x.argument("region"))
		if got := fmt.Sprintf("%q", x.Header.Get("Mcp-Param-Region")); x.modern() && got != want {
			x.Error(http.StatusBadRequest, -32020, "Header mismatch: Mcp-Param-Region", "")
			return
		}
		x.text("mirrored " + want)
	default:
		x.Error(http.StatusOK, -32602, "Unknown tool: "+x.Tool(), "")
	}
}

// progress reports three steps, with a log message between, and then is done.
func progress(x *Exchange) {
	token := x.meta("progressToken")
	if token == nil {
		token = json.RawMessage(`"nobody asked"`)
	}
	for step := 1; step <= 3; step++ {
		x.Notify("notifications/progress", fmt.Sprintf(`{"progressToken":%s,"progress":%d,"total":3}`, token, step))
		if step == 1 {
			x.Notify("notifications/message", `{"level":"info","data":"working"}`)
		}
	}
	x.text("done")
}

// sleep never answers. It ends when it is cancelled as the client's era demands.
func sleep(x *Exchange) { Hold(nil)(x) }

// Announce sends a notification on every standing stream, of which it waits for one.
func (p *Puppet) Announce(t testing.TB, method, params string) {
	t.Helper()
	for _, s := range p.AwaitStream(t) {
		if len(s.uris) > 0 {
			continue
		}
		select {
		case s.say <- s.text(method, params):
		case <-s.life.Done(): // its client has left meanwhile
		case <-s.quit:
		case <-p.stopped:
		}
	}
}

// Update tells of a change of a resource on the streams that hear of it, of which
// it waits for one, and returns how many that were.
func (p *Puppet) Update(t testing.TB, uri string) (told int) {
	t.Helper()
	var open []*stream
	p.until(t, "a stream for "+uri, func() bool {
		open = p.hearLocked(uri)
		return len(open) > 0
	})
	for _, s := range open {
		select {
		case s.say <- s.text("notifications/resources/updated", fmt.Sprintf(`{"uri":%q}`, uri)):
			told++
		case <-s.life.Done():
		case <-p.stopped:
		}
	}
	return told
}

// Hear returns how many streams hear of a resource.
func (p *Puppet) Hear(uri string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.hearLocked(uri))
}

func (p *Puppet) hearLocked(uri string) (open []*stream) {
	for s := range p.streams {
		if slices.Contains(s.uris, uri) {
			open = append(open, s)
		}
	}
	return open
}

// AwaitStream waits until a client has a standing stream open.
func (p *Puppet) AwaitStream(t testing.TB) (open []*stream) {
	t.Helper()
	return p.AwaitStreams(t, 1)
}

// AwaitStreams waits until so many standing streams are open, and returns all.
func (p *Puppet) AwaitStreams(t testing.TB, n int) (open []*stream) {
	t.Helper()
	p.until(t, fmt.Sprintf("standing stream %d", n), func() bool {
		open = slices.Collect(maps.Keys(p.streams))
		return len(open) >= n
	})
	return open
}

// Ask sends a request of the server on every standing stream.
func (p *Puppet) Ask(t testing.TB, id, method string) {
	t.Helper()
	for _, s := range p.AwaitStream(t) {
		select {
		case s.say <- fmt.Sprintf("data: {\"jsonrpc\":\"2.0\",\"id\":%q,\"method\":%q}\n\n", id, method):
		case <-s.life.Done():
		case <-s.quit:
		case <-p.stopped:
		}
	}
}
