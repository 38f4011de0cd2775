package front

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// pieces is an answer that goes to its client while it comes: plain JSON of which
// the beginning is out. Its last byte waits for the verdict on all of it. A short
// one is held together until then.
//
//	undecided --take--> passing --finish--> ended
//	    ▲                │   └─────end────> cut: the connection is closed
//	    └────withdraw────┘ (held)
type pieces struct {
	id   jsonrpc.ID
	left int64   // of the length that the client was told; negative where it was not
	held *[]byte // all of a short answer, which leaves in one piece; nil where it does not
	over bool
}

// heldBytes is the length up to which an answer is held until it is whole.
const heldBytes = 32 << 10

var holds = sync.Pool{New: func() any {
	b := make([]byte, 0, heldBytes+128) // with what stands around a result
	return &b
}}

// Takes implements messages.Chooser.
func (s *sink) Takes() bool { return s.pieces != nil }

// Take implements messages.Taker. A modern result must say by then that it is
// complete: in any other there is something to be done.
func (s *sink) Take(beginning []byte, length int64) bool {
	if !s.Takes() || s.ctx.Err() != nil {
		return false
	}
	if s.modern {
		if kind, _ := jsonrpc.GetString(beginning, "resultType"); kind != "complete" {
			return false
		}
	}
	return s.pieces.take(s.id, length)
}

// Pass implements messages.Taker.
func (s *sink) Pass(piece []byte) error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	return s.pieces.pass(piece)
}

// take makes the response one whose result comes in pieces, if it may be plain
// JSON. What follows in length bytes is the result and at least one more byte; -1:
// that is not known.
func (r *reply) take(id jsonrpc.ID, length int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.streaming || r.err != nil || !r.accept.json {
		return false
	}
	if r.timer != nil {
		r.timer.Stop()
	}
	r.pieces = &pieces{id: id, left: length}
	if 0 <= length && length <= heldBytes {
		r.err = errStreamClosed // for everything else
		r.pieces.held = holds.Get().(*[]byte)
		*r.pieces.held = jsonrpc.AppendResultHead((*r.pieces.held)[:0], id)
		return true
	}
	head := jsonrpc.AppendResultHead(nil, id)
	if length < 0 {
		r.w.Header()["Content-Type"] = contentJSON
		r.w.WriteHeader(http.StatusOK)
	} else {
		r.begin(http.StatusOK, int64(len(head))+length)
	}
	_ = r.sent(r.put(head)) // pass says so again
	if r.err == nil {
		r.err = errStreamClosed // for everything else
	}
	return true
}

// pass sends the next piece of a result that was taken, in one go: that is a
// fourth of the system calls that chunks would cost.
func (r *reply) pass(piece []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pieces.left >= 0 {
		r.pieces.left -= int64(len(piece))
	}
	if held := r.pieces.held; held != nil {
		*held = append(*held, piece...)
		return nil
	}
	_ = r.rc.SetWriteDeadline(time.Now().Add(r.opts.WriteTimeout)) // as in put
	_, err := r.w.Write(piece)
	if r.pauses {
		_ = r.rc.SetWriteDeadline(time.Time{})
	}
	return r.sent(err)
}

// finishPieces ends an answer whose result was taken; false when none was.
func (r *reply) finishPieces() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pieces == nil {
		return false
	}
	tail := []byte(jsonrpc.ResultTail)
	if more := r.pieces.left - int64(len(tail)); more > 0 { // its server had more to say behind the result
		tail = append(tail, bytes.Repeat([]byte(" "), int(more))...)
	}
	r.pieces.over = true
	if held := r.pieces.held; held != nil {
		*held = append(*held, tail...)
		r.begin(http.StatusOK, int64(len(*held)))
		err := r.write(*held)
		r.err = errStreamClosed
		r.pieces.held = nil
		if err == nil { // else net/http may still be at it: over HTTP/2 a write whose stream is reset returns early
			holds.Put(held)
		}
		return true
	}
	_ = r.write(tail)
	return true
}

// withdraw forgets a result of which nothing is out yet: its call has failed.
// The caller holds the lock.
func (r *reply) withdraw() {
	if r.pieces != nil && r.pieces.held != nil {
		r.pieces, r.err = nil, nil
	}
}

// took tells whether the result goes out in pieces.
func (r *reply) took() bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pieces != nil
}

// isCut tells whether the client has got a beginning that will have no end.
func (r *reply) isCut() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pieces != nil && !r.pieces.over
}
