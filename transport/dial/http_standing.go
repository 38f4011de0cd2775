package dial

import (
	"errors"
	"net/http"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// visit is how one opening of a standing stream ended.
type visit struct {
	again  bool          // it is worth opening again
	lively bool          // something came: the pauses start anew
	pause  time.Duration // what the server asked for
}

// standing opens a stream again and again, with growing pauses, for as long as
// the connection lives and the stream is worth it.
func (c *httpConn) standing(open func() visit) {
	pause := c.pace.first
	for {
		v := open()
		if !v.again {
			return
		}
		if v.lively {
			pause = c.pace.first
		}
		if !wait(c.life, max(pause, v.pause)) {
			return
		}
		pause = min(2*pause, c.pace.most)
	}
}

// readStanding reads a standing stream to its end. handle returns false when
// the stream is over. Nothing here needs a sign of life: a stream may be silent
// as long as it likes, and a peer that has vanished is TCP's to notice.
func (c *httpConn) readStanding(resp *http.Response, eventID *string, handle func(jsonrpc.Message) bool) visit {
	defer func() { _ = resp.Body.Close() }() // it has ended
	v := visit{again: true}
	reader := jsonrpc.NewEventReader(resp.Body, c.limits.MessageBytes)
	for {
		ev, err := reader.Next()
		switch {
		case errors.Is(err, jsonrpc.ErrTooLong):
			c.warn("a message on its notification stream exceeds limits.message_bytes and was skipped")
			continue
		case err != nil:
			return v
		}
		if ev.HasID {
			*eventID = ev.ID
		}
		if ev.Retry >= 0 {
			v.pause = min(time.Duration(ev.Retry)*time.Millisecond, c.pace.asked)
		}
		if len(ev.Data) == 0 || ev.Type != "message" {
			continue
		}
		v.lively = true
		m, problem := jsonrpc.Parse(ev.Data, c.limits.Depth)
		if problem != nil {
			c.warn("a message on its notification stream was skipped: " + problem.Message)
			continue
		}
		if !handle(m) {
			return v
		}
	}
}

// warn puts a line of our own among the server's log messages.
func (c *httpCore) warn(text string) {
	params := append([]byte(`{"level":"warning","logger":"mcpx","data":`), jsonrpc.Quote(text)...)
	c.unsolicited(messages.Notification{Method: "notifications/message", Params: append(params, '}')})
}

// listChanged are the lists whose changes a server may announce.
var listChanged = [...]struct{ capability, filter, method string }{
	{"tools", "toolsListChanged", "notifications/tools/list_changed"},
	{"prompts", "promptsListChanged", "notifications/prompts/list_changed"},
	{"resources", "resourcesListChanged", "notifications/resources/list_changed"},
}

func (c *httpConn) announces(capability string) bool {
	value, ok := jsonrpc.Get(c.peer.Capabilities, capability, "listChanged")
	return ok && string(value) == "true"
}

// changedMeanwhile: while the stream was closed a change may have been
// announced to nobody.
func (c *httpConn) changedMeanwhile() {
	for _, list := range listChanged {
		if c.announces(list.capability) {
			c.unsolicited(messages.Notification{Method: list.method})
		}
	}
}
