package puppethttp

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Behaviour is what a puppet does with one HTTP request.
type Behaviour func(x *Exchange)

// Exchange is one HTTP request and the way to answer it.
type Exchange struct {
	Record
	P *Puppet
	W http.ResponseWriter
	R *http.Request

	streaming bool
}

// Usual does what the puppet does without orders.
func (x *Exchange) Usual() { usual(x) }

// Result answers with a result, in the puppet's way.
func (x *Exchange) Result(result string) {
	x.message(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, x.ID, result))
}

// Error answers with a JSON-RPC error; data may be empty.
func (x *Exchange) Error(status, code int, message, data string) {
	if data != "" {
		data = `,"data":` + data
	}
	id := x.ID
	if id == nil {
		id = json.RawMessage("null")
	}
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":%q%s}}`, id, code, message, data)
	if status == http.StatusOK {
		x.message(body)
		return
	}
	x.W.Header().Set("Content-Type", "application/json")
	x.W.WriteHeader(status)
	x.write(body)
}

func (x *Exchange) message(body string) {
	if x.streaming || x.P.options.Stream {
		x.Event("", body)
		return
	}
	x.W.Header().Set("Content-Type", "application/json; charset=utf-8")
	x.write(body)
}

// Notify sends a notification on the stream of the answer.
func (x *Exchange) Notify(method, params string) {
	x.Event("", fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":%s}`, method, params))
}

// Stream begins an answer that is an event stream.
func (x *Exchange) Stream() {
	if x.streaming {
		return
	}
	x.streaming = true
	x.W.Header().Set("Content-Type", "text/event-stream")
	x.W.Header().Set("X-Accel-Buffering", "no")
	x.W.WriteHeader(http.StatusOK)
	x.flush()
}

// Event sends one event; without an id when that is empty.
func (x *Exchange) Event(id, data string) {
	x.Stream()
	if id != "" {
		id = "id: " + id + "\n"
	}
	x.write(id + "data: " + data + "\n\n")
	x.flush()
}

// Raw sends bytes as they are, at once.
func (x *Exchange) Raw(text string) {
	x.write(text)
	x.flush()
}

func (x *Exchange) write(text string) {
	_, _ = x.W.Write([]byte(text)) // a client that has gone is part of the game
}

func (x *Exchange) flush() {
	_ = http.NewResponseController(x.W).Flush() // as above
}

// Hang waits until the client has gone or the puppet stops, and tells whether
// it was the client.
func (x *Exchange) Hang() bool {
	select {
	case <-x.R.Context().Done():
		return true
	case <-x.P.stopped:
		return false
	}
}

// argument returns one argument of a tool call as raw JSON; nil when it is missing.
func (x *Exchange) argument(name string) json.RawMessage {
	var p struct{ Arguments map[string]json.RawMessage }
	_ = json.Unmarshal(x.Params, &p) // of another shape it has none
	return p.Arguments[name]
}

// meta returns one member of params._meta as raw JSON; nil when it is missing.
func (x *Exchange) meta(key string) json.RawMessage {
	var p struct {
		Meta map[string]json.RawMessage `json:"_meta"`
	}
	_ = json.Unmarshal(x.Params, &p) // of another shape it has none
	return p.Meta[key]
}

// modern tells whether the client speaks the modern era.
func (x *Exchange) modern() bool { return x.meta("io.modelcontextprotocol/protocolVersion") != nil }
