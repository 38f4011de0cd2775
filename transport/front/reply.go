package front

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// chunk is how much a client must accept within one write timeout. A large
// result over a slow line is fine, a client that does not read is not.
const chunk = 64 << 10

// contentJSON is a header's value that nobody changes.
var contentJSON = []string{typeJSON}

var errStreamClosed = errors.New("the client's stream is closed")

// reply is the response to one HTTP request. It is undecided until the first
// message: an answer makes it plain JSON, a notification before it an SSE
// stream, if the client accepts one. So does a moment's silence where a client
// could come back for the answer after a disconnect.
//
//	undecided --answer--> ended
//	undecided --notification, or an answer where only SSE is accepted, or a moment--> streaming --end--> ended
//
// The lock lets the timer (and the elements of a batch) write between the
// messages of the handler; after end nothing touches the ResponseWriter any more.
type reply struct {
	accept accept
	opts   *Options
	life   context.Context         // of the connection; nil where that is the session's
	broken context.CancelCauseFunc // told once when a write fails; may be nil

	mu        sync.Mutex
	w         http.ResponseWriter
	rc        http.ResponseController
	record    *record // nil where no events are kept
	streaming bool
	wanted    bool      // to be a stream, if the call is no failure
	length    [1]string // the value of Content-Length
	ended     bool
	err       error // why nothing is written any more
	timer     *time.Timer
	buf       []byte
	pieces    *pieces // of a result; nil where it is whole
	pauses    bool    // over HTTP/2, where a deadline would end a stream that is quiet
}

func newReply(w http.ResponseWriter, accept accept, opts *Options) *reply {
	return &reply{w: w, rc: *http.NewResponseController(w), accept: accept, opts: opts}
}

// setRecord says where events are kept, before there are any.
func (r *reply) setRecord(k *record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.record = k
}

// lastKept is the number of the last event that was sent.
func (r *reply) lastKept() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.record.last
}

// stream makes the response an SSE stream, at once.
func (r *reply) stream() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.upgrade()
}

// streamNow makes it one, if the client takes one.
func (r *reply) streamNow() {
	if r.accept.sse {
		_ = r.stream() // whoever is gone needs none
	}
}

// want notes that it is to be one when there is a result.
func (r *reply) want() { r.wanted = true }

// streamLater makes it one in a moment, where the client could come back for
// the rest of it: k, unless the elements of a batch share another, is where its
// events are kept then.
func (r *reply) streamLater(k *record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.record == nil {
		r.record = k
	}
	if r.accept.sse && r.record != nil && r.record.primes && r.timer == nil {
		r.timer = time.AfterFunc(r.opts.StreamAfter, r.tick)
	}
}

func (r *reply) upgrade() error {
	if r.streaming || r.err != nil {
		return r.err
	}
	r.streaming = true
	h := r.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no")
	r.w.WriteHeader(http.StatusOK)
	if r.timer == nil {
		r.timer = time.AfterFunc(r.opts.Limits.SSEKeepalive, r.tick)
	} else {
		r.timer.Reset(r.opts.Limits.SSEKeepalive)
	}
	var priming []byte
	if r.record != nil && r.record.open() {
		priming = r.record.appendPriming(nil)
	}
	return r.write(priming)
}

// tick: a moment has passed, or the stream has been quiet for long.
func (r *reply) tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.err != nil:
	case !r.streaming:
		if r.record.open() {
			_ = r.upgrade()
		}
	case r.write([]byte(": keep-alive\n\n")) == nil:
		r.timer.Reset(r.opts.Limits.SSEKeepalive)
	}
}

// notify sends a notification on the stream. Where the client accepts no
// stream it is dropped: there is no place for it.
func (r *reply) notify(n messages.Notification) error {
	if !r.accept.sse {
		return nil
	}
	return r.event(jsonrpc.AppendNotification(nil, n.Method, n.Params))
}

// event sends one message as an event.
func (r *reply) event(message []byte) error { return r.named("", message) }

// named sends an event of a type.
func (r *reply) named(event string, data []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.send(event, data)
}

// send sends an event, having kept it where that is done. One that is kept has
// not failed, whoever is there to read it. The caller holds the lock.
func (r *reply) send(event string, data []byte) error {
	id := ""
	err := r.upgrade()
	if r.record != nil && !r.ended {
		var ours bool
		if id, ours = r.record.keep(data); !ours && r.err == nil {
			r.err = errStreamClosed // the client reads elsewhere
		}
		if id != "" && r.err != nil {
			return nil
		}
	}
	if err != nil {
		return err
	}
	if err = r.putEvent(event, id, data); id != "" {
		return nil
	}
	return err
}

// again sends an event as it was sent before, or would have been.
func (r *reply) again(e messages.KeptEvent) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.upgrade(); err != nil {
		return err
	}
	r.record.last = e.ID.Number
	return r.putEvent("", e.ID.String(), e.Message)
}

// putEvent writes an event.
func (r *reply) putEvent(event, id string, data []byte) error {
	r.buf = r.buf[:0]
	if event != "" {
		r.buf = append(append(append(r.buf, "event: "...), event...), '\n')
	}
	r.buf = jsonrpc.AppendEvent(r.buf, id, data)
	r.timer.Reset(r.opts.Limits.SSEKeepalive)
	err := r.write(r.buf)
	if cap(r.buf) > chunk {
		r.buf = nil // one large event must not be kept for the life of a stream
	}
	return err
}

// isStreaming tells whether the response has become a stream.
func (r *reply) isStreaming() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.streaming
}

// bigResult is the length from which a result is not copied into a message.
const bigResult = 32 << 10

// respond is answer for a response that is not none.
func (r *reply) respond(status int, a response) {
	if a.ready == nil && r.finishPieces() {
		return
	}
	if a.ready == nil && len(a.result) >= bigResult && r.respondWhole(status, a) {
		return
	}
	r.answer(status, a.message())
}

// respondWhole writes a result as it is, if the answer may be plain JSON: in an
// event it would have to stand on one line.
func (r *reply) respondWhole(status int, a response) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.streaming || r.err != nil || !r.accept.json {
		return false
	}
	head := jsonrpc.AppendResultHead(nil, a.id)
	r.begin(status, int64(len(head)+len(a.result)+len(jsonrpc.ResultTail)))
	_ = r.write(head, a.result, []byte(jsonrpc.ResultTail))
	r.err = errStreamClosed
	return true
}

// begin writes the head of an answer that is plain JSON.
func (r *reply) begin(status int, length int64) {
	h := r.w.Header()
	h["Content-Type"] = contentJSON
	r.length[0] = strconv.FormatInt(length, 10)
	h["Content-Length"] = r.length[:]
	r.w.WriteHeader(status)
}

// answer sends the last message, with the status if that is still open, and
// ends the response. Errors of the protocol are JSON whatever is accepted.
func (r *reply) answer(status int, message []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.withdraw()
	if r.streaming || status == http.StatusOK && !r.accept.json {
		_ = r.send("", message)
		r.finish()
		return
	}
	if r.err != nil {
		return
	}
	r.begin(status, int64(len(message)))
	_ = r.write(message)
	r.err = errStreamClosed
}

// closeSilently ends the response of a request that its client cancelled and
// that therefore gets no answer: an SSE stream that ends without one, which
// every revision permits. Where only JSON is accepted, 202 and no body is
// all that can be said.
func (r *reply) closeSilently() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.withdraw()
	switch {
	case r.accept.sse:
		if !r.streaming {
			r.record = nil // there is nothing to come back for
		}
		_ = r.upgrade()
		r.finish()
	case r.err == nil:
		r.w.WriteHeader(http.StatusAccepted)
		r.err = errStreamClosed
	}
}

// end makes sure that nothing is written any more.
func (r *reply) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finish()
}

func (r *reply) finish() {
	r.ended = true
	if r.timer != nil {
		r.timer.Stop()
	}
	if r.record != nil {
		r.record.close()
	}
	if r.err == nil {
		r.err = errStreamClosed
	}
}

// write writes parts in chunks, each with a deadline of its own, and flushes. In
// between there is no deadline: over HTTP/2 it would end a quiet stream. The
// caller holds the lock.
func (r *reply) write(parts ...[]byte) error {
	return r.sent(r.flush(parts))
}

// sent notes that the client does not read any more, if it does not.
func (r *reply) sent(err error) error {
	if err != nil {
		r.err = err
		if r.broken != nil {
			r.broken(err)
		}
	}
	return err
}

func (r *reply) flush(parts [][]byte) error {
	if err := r.leave(parts); err != nil {
		return err
	}
	_ = r.rc.SetWriteDeadline(time.Time{})
	return nil
}

// together is a ResponseWriter that can send in one piece what net/http would
// send in two.
type together interface {
	Together(write func() error) error
}

// oneBuffer is the length up to which net/http sends an answer in one piece.
const oneBuffer = 3 << 10

// leave puts parts and flushes them.
func (r *reply) leave(parts [][]byte) error {
	length := 0
	for _, p := range parts {
		length += len(p)
	}
	if w, ok := r.w.(together); ok && oneBuffer < length && length <= chunk {
		own := slices.Clone(parts) // so that those of short answers need no memory
		return w.Together(func() error { return r.leaveNow(own) })
	}
	return r.leaveNow(parts)
}

func (r *reply) leaveNow(parts [][]byte) error {
	if err := r.put(parts...); err != nil {
		return err
	}
	return r.rc.Flush()
}

// put writes parts without flushing them. There is a deadline afterwards.
func (r *reply) put(parts ...[]byte) error {
	left := 0 // of a chunk
	for _, p := range parts {
		for len(p) > 0 {
			if left == 0 {
				// Deadlines are not supported by every ResponseWriter: such a
				// one is bounded by others.
				_ = r.rc.SetWriteDeadline(time.Now().Add(r.opts.WriteTimeout))
				left = chunk
			}
			n := min(len(p), left)
			if _, err := r.w.Write(p[:n]); err != nil {
				return err
			}
			p, left = p[n:], left-n
		}
	}
	if left == 0 { // there was nothing but a head to send
		_ = r.rc.SetWriteDeadline(time.Now().Add(r.opts.WriteTimeout))
	}
	return nil
}
