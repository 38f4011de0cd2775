package rest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// writeChunk is how much a client must accept within one write timeout.
const writeChunk = 64 << 10

var errEnded = errors.New("the response has ended")

// reply is the response to one request. For a caller that asked for an event
// stream it becomes one with the first event: until then a refusal is a plain
// answer with its status.
//
//	undecided --answer--> ended
//	undecided --event, keep-alive or result of a call--> streaming --answer--> ended
//
// The lock lets the keep-alive timer write between the events of the handler;
// after end nothing touches the ResponseWriter any more.
type reply struct {
	opts   *Options
	wants  bool // the caller asked for an event stream
	broken context.CancelFunc

	mu        sync.Mutex
	w         http.ResponseWriter
	rc        *http.ResponseController
	streaming bool
	timer     *time.Timer
	err       error // why nothing is written any more
}

func newReply(w http.ResponseWriter, r *http.Request, opts *Options) *reply {
	return &reply{w: w, rc: http.NewResponseController(w), opts: opts, wants: wantsEvents(r.Header), broken: func() {}}
}

// wantsEvents tells whether the Accept header names event streams; "*/*" does not.
func wantsEvents(h http.Header) bool {
	for part := range strings.SplitSeq(strings.Join(h.Values("Accept"), ","), ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil || media != "text/event-stream" {
			continue
		}
		q, err := strconv.ParseFloat(params["q"], 64)
		return err != nil || q > 0
	}
	return false
}

// expect begins the wait for a call: a quiet stream is kept alive. broken is
// called when the client does not take what is written.
func (r *reply) expect(broken context.CancelFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = broken
	if r.wants && r.timer == nil && r.err == nil {
		r.timer = time.AfterFunc(r.opts.Limits.SSEKeepalive, r.keepAlive)
	}
}

func (r *reply) keepAlive() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil && r.write([]byte(": keep-alive\n\n")) == nil {
		r.timer.Reset(r.opts.Limits.SSEKeepalive)
	}
}

// Notify implements messages.Sink: progress and log messages become events. A
// caller that asked for none gets none.
func (r *reply) Notify(n messages.Notification) error {
	if !r.wants {
		return nil
	}
	switch n.Method {
	case "notifications/progress":
		return r.event("progress", jsonrpc.Delete(n.Params, "progressToken"))
	case "notifications/message":
		return r.event("message", n.Params)
	}
	return nil
}

func (r *reply) event(name string, data json.RawMessage) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	r.timer.Reset(r.opts.Limits.SSEKeepalive)
	return r.write(appendEvent(name, data))
}

func appendEvent(name string, data json.RawMessage) []byte {
	return jsonrpc.AppendEvent([]byte("event: "+name+"\n"), "", data)
}

// result answers a call that was made.
func (r *reply) result(a answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wants && a.status == http.StatusOK && r.err == nil && !r.streaming {
		maps.Copy(r.w.Header(), a.header)
		r.upgrade()
	}
	r.finish(a)
}

// answer is the last word: an event on a stream, else status and body.
func (r *reply) answer(a answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finish(a)
}

// end makes sure that nothing is written any more.
func (r *reply) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer != nil {
		r.timer.Stop()
	}
	if r.err == nil {
		r.err = errEnded
	}
}

// The caller of what follows holds the lock.

func (r *reply) finish(a answer) {
	if r.err != nil {
		return
	}
	if r.streaming {
		_ = r.write(a.event())
	} else {
		h := r.w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		if a.status != http.StatusNotModified {
			h.Set("Content-Type", "application/json")
			h.Set("Content-Length", strconv.Itoa(len(a.body)))
		}
		maps.Copy(h, a.header)
		r.w.WriteHeader(a.status)
		_ = r.send(a.body)
	}
	if r.err == nil {
		r.err = errEnded
	}
}

// event is an answer on a stream, where its status and headers have no other place.
func (a answer) event() []byte {
	if a.status == http.StatusOK {
		return appendEvent("result", a.body)
	}
	data := jsonrpc.Set(a.body, json.RawMessage(strconv.Itoa(a.status)), "status")
	for _, beside := range []struct{ member, header string }{{"kind", headerFailure}, {"sent", headerSent}} {
		if value := a.header.Get(beside.header); value != "" {
			data = jsonrpc.Set(data, jsonrpc.Quote(value), beside.member)
		}
	}
	return appendEvent("error", data)
}

func (r *reply) upgrade() {
	if r.streaming || r.err != nil {
		return
	}
	r.streaming = true
	h := r.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no")
	r.w.WriteHeader(http.StatusOK)
}

// write sends a part of the stream.
func (r *reply) write(p []byte) error {
	r.upgrade()
	return r.send(p)
}

// send writes p in chunks, each with a deadline of its own, and flushes. In
// between there is no deadline: over HTTP/2 it would end a quiet stream.
func (r *reply) send(p []byte) error {
	err := r.flush(p)
	if err != nil {
		r.err = err
		r.broken()
	}
	return err
}

func (r *reply) flush(p []byte) error {
	for {
		n := min(len(p), writeChunk)
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
