package dial

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// stream reads an answer that is an event stream, and takes it up again where
// it is cut and can be resumed.
func (x *httpExchange) stream(resp *http.Response) reply {
	for {
		r, err := x.events(resp)
		if err == nil {
			return r
		}
		// Whoever waits has gone, or the server gave nothing to resume with.
		if x.Err() != nil || x.eventID == "" || x.c.peer.Modern {
			return reply{failure: x.cut(err)}
		}
		var f *messages.Failure
		resp, f = x.resume(err) //nolint:bodyclose // events closes it
		if f != nil {
			return reply{failure: f}
		}
	}
}

// cut is the failure of a request whose stream ended with err.
func (x *httpExchange) cut(err error) *messages.Failure {
	if x.Err() == nil && errors.Is(err, io.EOF) {
		return x.c.failf(messages.KindUnavailable, "the answer to %s ended before the response", x.method)
	}
	return x.broken(err)
}

// events reads one stream until the answer. An error means that the stream ended without it.
func (x *httpExchange) events(resp *http.Response) (reply, error) {
	quiet := &quietReader{r: resp.Body, limit: x.c.spec.Policy.SSEReadTimeout, silent: func() { x.Cancel(errSilent) }}
	if x.method == methodListen {
		quiet.limit = 0 // silent as long as nothing changes
	}
	reader := jsonrpc.NewEventReader(quiet, x.c.limits.MessageBytes)
	for {
		ev, err := reader.Next()
		if errors.Is(err, jsonrpc.ErrTooLong) {
			_ = resp.Body.Close() // the rest is of no use
			return reply{failure: x.c.tooLarge(x.method)}, nil
		}
		if err != nil {
			_ = resp.Body.Close() // it has ended
			return reply{}, err
		}
		x.tries = 0
		if ev.HasID {
			x.eventID = ev.ID
		}
		if ev.Retry >= 0 {
			x.retry = min(time.Duration(ev.Retry)*time.Millisecond, x.c.pace.asked)
		}
		// Without data it primes the client to reconnect, and says nothing.
		if len(ev.Data) == 0 || ev.Type != "message" {
			continue
		}
		if r, ok := x.take(ev.Data); ok {
			x.drain(resp)
			return r, nil
		}
	}
}

// drain reads the stream to its end, which should be near, so that the network
// connection can be used again. Nobody waits for that.
func (x *httpExchange) drain(resp *http.Response) {
	// The caller's end is not the stream's any more; if it came first, there is nothing to drain.
	if !x.watch.End() {
		_ = resp.Body.Close() // the answer is complete
		return
	}
	x.handedOver = x.c.tasks.GoEnd(func() {
		defer x.over()
		late := time.AfterFunc(smallDeadline, func() { x.Cancel(nil) })
		defer late.Stop()
		_, _ = io.CopyN(io.Discard, resp.Body, headBytes) // whatever comes
		_ = resp.Body.Close()                             // nobody to tell
	})
	if !x.handedOver {
		_ = resp.Body.Close() // the answer is complete
	}
}

// resume asks for the rest of an answer that was cut by err (2025-11-25,
// transports: resumability and redelivery).
func (x *httpExchange) resume(err error) (*http.Response, *messages.Failure) {
	for ; x.tries < x.c.pace.tries; x.tries++ {
		pause := x.retry
		if pause < 0 {
			pause = x.c.pace.first << x.tries
		}
		if !wait(x, pause) {
			return nil, x.broken(x.Err())
		}
		resp, f := x.c.get(&x.Scope, x.eventID)
		switch {
		case f != nil && x.Err() != nil: // the caller has gone, or the server
			return nil, x.broken(x.Err())
		case f != nil:
			continue
		case resp.StatusCode == http.StatusOK && mediaType(resp.Header) == typeEvents:
			x.tries++
			return resp, nil
		}
		x.c.release(resp)
		if x.c.sessionLost(resp.StatusCode) {
			_ = x.c.expired("resuming the answer to " + x.method) // the request itself was sent before
			return nil, x.c.ended(messages.SentUnknown)
		}
		break // it does not resume
	}
	return nil, x.cut(err)
}

// wait waits, and tells whether ctx still lives.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// quietReader notices when nothing comes: silent is called when one Read takes
// longer than limit. Time that the reader's user takes does not count.
type quietReader struct {
	r      io.Reader
	limit  time.Duration
	silent func()
	timer  *time.Timer
}

func (q *quietReader) Read(p []byte) (int, error) {
	if q.limit > 0 {
		if q.timer == nil {
			q.timer = time.AfterFunc(q.limit, q.silent)
		} else {
			q.timer.Reset(q.limit)
		}
		defer q.timer.Stop()
	}
	return q.r.Read(p)
}
