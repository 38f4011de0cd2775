package front

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// chunk is how much a client must accept within one write timeout. A large
// result over a slow line is fine, a client that does not read is not.
const chunk = 64 << 10

var errStreamClosed = errors.New("the client's stream is closed")

// reply is the response to one HTTP request. It is undecided until the first
// message: an answer makes it plain JSON, a notification before it an SSE
// stream, if the client accepts one.
//
//	undecided --answer--> ended
//	undecided --notification, or an answer where only SSE is accepted--> streaming --end--> ended
//
// The lock lets the keep-alive timer (and the elements of a batch) write
// between the messages of the handler; after end nothing touches the
// ResponseWriter any more.
type reply struct {
	accept accept
	opts   *Options
	broken context.CancelCauseFunc // told once when a write fails; may be nil

	mu        sync.Mutex
	w         http.ResponseWriter
	rc        *http.ResponseController
	streaming bool
	err       error // why nothing is written any more
	timer     *time.Timer
	buf       []byte
}

func newReply(w http.ResponseWriter, accept accept, opts *Options) *reply {
	return &reply{w: w, rc: http.NewResponseController(w), accept: accept, opts: opts}
}

// stream makes the response an SSE stream, at once.
func (r *reply) stream() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.upgrade()
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
	r.timer = time.AfterFunc(r.opts.Limits.SSEKeepalive, r.keepAlive)
	return r.write(nil)
}

func (r *reply) keepAlive() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil && r.write([]byte(": keep-alive\n\n")) == nil {
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
	if err := r.upgrade(); err != nil {
		return err
	}
	r.buf = r.buf[:0]
	if event != "" {
		r.buf = append(append(append(r.buf, "event: "...), event...), '\n')
	}
	r.buf = jsonrpc.AppendEvent(r.buf, "", data)
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

// answer sends the last message, with the status if that is still open, and
// ends the response. Errors of the protocol are JSON whatever is accepted.
func (r *reply) answer(status int, message []byte) {
	if r.isStreaming() || status == http.StatusOK && !r.accept.json {
		_ = r.event(message)
		r.end()
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return
	}
	h := r.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(message)))
	r.w.WriteHeader(status)
	_ = r.write(message)
	r.err = errStreamClosed
}

// closeSilently ends the response of a request that its client cancelled and
// that therefore gets no answer: an SSE stream that ends without one, which
// every revision permits. Where only JSON is accepted, 202 and no body is
// all that can be said.
func (r *reply) closeSilently() {
	if r.accept.sse {
		_ = r.stream()
		r.end()
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.w.WriteHeader(http.StatusAccepted)
		r.err = errStreamClosed
	}
}

// end makes sure that nothing is written any more.
func (r *reply) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer != nil {
		r.timer.Stop()
	}
	if r.err == nil {
		r.err = errStreamClosed
	}
}

// write writes p in chunks, each with a deadline of its own, and flushes. In
// between there is no deadline: over HTTP/2 it would end a quiet stream. The
// caller holds the lock.
func (r *reply) write(p []byte) error {
	err := r.flush(p)
	if err != nil {
		r.err = err
		if r.broken != nil {
			r.broken(err)
		}
	}
	return err
}

func (r *reply) flush(p []byte) error {
	for {
		n := min(len(p), chunk)
		// Deadlines are not supported by every ResponseWriter: such a one is
		// bounded by others.
		_ = r.rc.SetWriteDeadline(time.Now().Add(r.opts.WriteTimeout))
		if _, err := r.w.Write(p[:n]); err != nil {
			return err
		}
		if p = p[n:]; len(p) == 0 {
			break
		}
	}
	if err := r.rc.Flush(); err != nil {
		return err
	}
	_ = r.rc.SetWriteDeadline(time.Time{})
	return nil
}
