package dial

import (
	"bytes"
	"io"
	"net/http"
	"sync"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

const (
	// worthwhile is the length from which an answer is read into memory that is
	// used again, where somebody takes it from there.
	worthwhile = 4 << 10
	// longBytes is the length from which an answer is long: it is handed on as it
	// comes, and is never here whole.
	longBytes = 32 << 10
	// pieceBytes is how much of it is read and handed on at a time, at most. With
	// an eighth of it a result of 1 MiB costs a seventh more, in system calls.
	pieceBytes = 256 << 10
)

var (
	beginnings = sync.Pool{New: func() any { return new([longBytes]byte) }}
	pieces     = sync.Pool{New: func() any { return new([pieceBytes]byte) }}
)

// taker is who takes the answer in pieces; nil for nobody.
func (x *httpExchange) taker(resp *http.Response) messages.Taker {
	if n := resp.ContentLength; n >= 0 && n < worthwhile || n > int64(x.c.limits.MessageBytes) || x.c.limits.MessageBytes < longBytes {
		return nil
	}
	switch x.method {
	case "tools/call", "resources/read", "prompts/get":
		to, _ := x.sink.(messages.Taker)
		return to
	}
	return nil // of the others we read something ourselves
}

// passWhole is inPieces for an answer that is there whole. ok is false for all
// but a result.
func (x *httpExchange) passWhole(to messages.Taker, body []byte) (r reply, ok bool) {
	m, problem := jsonrpc.Parse(body, x.c.limits.Depth)
	if problem != nil || m.Kind != jsonrpc.Response || m.ID != x.id || m.Result[0] != '{' || !to.Take(m.Result, int64(len(m.Result))+1) {
		return reply{}, false
	}
	if err := to.Pass(m.Result); err != nil {
		return reply{failure: x.unwanted(err)}, true
	}
	return reply{taken: true}, true
}

// passing is an answer on its way to its taker.
type passing struct {
	x     *httpExchange
	to    messages.Taker
	check *jsonrpc.Gradual
	total int64 // bytes of the body
	over  bool  // the result has come to its end
	rest  []byte
	lost  bool // the taker failed: it may still look at the piece that it was given
}

// inPieces hands a long result on as it comes. ok is false when the answer is
// none, or nobody takes it: then begun is what has been read of it.
func (x *httpExchange) inPieces(resp *http.Response, to messages.Taker) (r reply, begun []byte, ok bool) {
	buf := beginnings.Get().(*[longBytes]byte)
	lost := false
	defer func() {
		if !lost {
			beginnings.Put(buf)
		}
	}()
	n, err := fill(resp.Body, buf[:])
	switch {
	case n == len(buf):
		r, ok = x.passOn(resp, to, buf[:], err)
	case err == io.EOF && n >= worthwhile: //nolint:errorlint // it comes from Read
		r, ok = x.passWhole(to, buf[:n])
		lost = r.failure != nil // as in passing
	}
	if ok {
		return r, nil, true
	}
	length := resp.ContentLength
	if length > believed {
		length = 0
	}
	// What went wrong goes wrong again where the rest is read.
	return reply{}, append(make([]byte, 0, max(int64(n), length)), buf[:n]...), false
}

// passOn is inPieces when the beginning is there.
func (x *httpExchange) passOn(resp *http.Response, to messages.Taker, beginning []byte, end error) (r reply, ok bool) {
	at := jsonrpc.ResultBegins(beginning)
	if at < 0 || beginning[at] != '{' {
		return reply{}, false
	}
	// The message without its result is what it must be, or says so behind that.
	p := passing{x: x, to: to, total: int64(len(beginning)), check: jsonrpc.NewGradual(x.c.limits.Depth, 1, int64(at))}
	p.rest = append(append(make([]byte, 0, at+256), beginning[:at]...), "{}"...)
	if first := bytes.IndexByte(beginning[:at], ',') < 0; !first {
		m, problem := jsonrpc.Parse(append(p.rest, '}'), x.c.limits.Depth)
		if problem != nil || m.Kind != jsonrpc.Response || m.ID != x.id {
			return reply{}, false
		}
	}
	length := int64(-1)
	if resp.ContentLength >= 0 {
		length = resp.ContentLength - int64(at)
	}
	if !to.Take(beginning[at:], length) {
		return reply{}, false
	}
	if failure := p.run(resp.Body, beginning[at:], end); failure != nil {
		return reply{failure: failure}, true
	}
	return reply{taken: true}, true
}

// run passes on a beginning and what of the body follows it; end is nil, or why
// nothing does.
func (p *passing) run(body io.Reader, beginning []byte, end error) *messages.Failure {
	buf := pieces.Get().(*[pieceBytes]byte)
	failure := p.through(buf[:], body, beginning, end)
	if !p.lost {
		pieces.Put(buf)
	}
	return failure
}

// through is run with memory for a piece at a time.
func (p *passing) through(buf []byte, body io.Reader, beginning []byte, end error) *messages.Failure {
	x, limit := p.x, int64(p.x.c.limits.MessageBytes)
	for held := copy(buf, beginning); ; held = 0 {
		var n int
		if end == nil {
			n, end = body.Read(buf[held:])
		}
		if p.total += int64(n); p.total > limit {
			return x.c.tooLarge(x.method)
		}
		if f := p.pass(buf[:held+n]); f != nil {
			return f
		}
		if end != nil {
			return p.ended(end)
		}
	}
}

func (p *passing) pass(piece []byte) *messages.Failure {
	x, n := p.x, 0
	if !p.over {
		var err error
		if n, p.over, err = p.check.Next(piece); err != nil {
			return x.malformed(&jsonrpc.Error{Message: "parse error: " + err.Error()}).failure
		}
		if n > 0 {
			if err := p.to.Pass(piece[:n]); err != nil {
				p.lost = true
				return x.unwanted(err)
			}
		}
	}
	p.rest = append(p.rest, piece[n:]...)
	return nil
}

// ended judges the message when its body has ended.
func (p *passing) ended(end error) *messages.Failure {
	x := p.x
	switch {
	case end != io.EOF: //nolint:errorlint // it comes from Read
		return x.broken(end)
	case !p.over:
		return x.c.unusable(messages.SentUnknown, "its answer to %s ends too early", x.method)
	}
	m, problem := jsonrpc.Parse(p.rest, x.c.limits.Depth)
	switch {
	case problem != nil:
		return x.c.unusable(messages.SentUnknown, "its answer to %s, without the result in it, is not a message: %s", x.method, problem.Message)
	case m.Kind != jsonrpc.Response || m.ID != x.id:
		return x.c.unusable(messages.SentUnknown, "its answer to %s holds no response to it", x.method)
	}
	return nil
}

// fill is io.ReadFull that tells a body that has ended (io.EOF) from one that was
// cut off.
func fill(body io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var more int
		more, err = body.Read(buf[n:])
		n += more
	}
	return n, err
}

// unwanted: whoever took the result reads no more of it.
func (x *httpExchange) unwanted(err error) *messages.Failure {
	if x.caller.Err() != nil {
		return x.givenUp()
	}
	return x.c.failf(messages.KindCancelled, "nobody reads the result of %s any more: %v", x.method, err)
}
