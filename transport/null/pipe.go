package null

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// pipe is one client whose answers all go the same way: stdio, or the event
// stream of HTTP+SSE.
type pipe struct {
	s     *Server
	out   *outbox
	frame func(dst, message []byte) []byte
	quit  chan struct{} // closed when nobody is answered any more

	mu      sync.Mutex
	held    map[jsonrpc.ID]context.CancelFunc // calls that wait for their answer
	ended   bool                              // nothing more is held
	waiting sync.WaitGroup
}

func (s *Server) newPipe(out *outbox, frame func(dst, message []byte) []byte) *pipe {
	return &pipe{s: s, out: out, frame: frame, quit: make(chan struct{}), held: map[jsonrpc.ID]context.CancelFunc{}}
}

// take answers one message, or begins to. What can be answered at once is left
// in the outbox, to be flushed. The status is what HTTP says of it, 0 for OK.
func (p *pipe) take(b []byte) (status int) {
	m, problem := jsonrpc.Parse(b, limits.Depth)
	if problem != nil {
		p.say(refuse(m.ID, 0, problem))
		return 0
	}
	if m.Kind == jsonrpc.Notification && m.Method == "notifications/cancelled" {
		p.cancel(m)
		return 0
	}
	r := p.s.judge(m, mcp.ReadMeta(m.Params))
	switch {
	case r.rest == nil:
	case r.status >= 500:
		return r.status
	case r.call && p.hold(r):
	default:
		p.say(r)
	}
	return 0
}

// hold sees to a call that is not to be answered at once.
func (p *pipe) hold(r reply) bool {
	wait := p.s.hold()
	if wait == 0 && !p.s.tells(r) {
		return false
	}
	r.token = bytes.Clone(r.token) // the message's bytes are used again
	ctx, cancel := context.WithCancel(context.Background())
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		cancel()
		return true
	}
	p.held[r.id] = cancel
	p.waiting.Go(func() {
		defer cancel()
		p.s.pass(r, wait, p.quit, ctx.Done(), func(message []byte) {
			p.out.add(func(dst []byte) []byte { return p.frame(dst, message) })
			p.out.flush()
		})
		p.mu.Lock()
		delete(p.held, r.id)
		p.mu.Unlock()
		if ctx.Err() == nil {
			p.say(r)
			p.out.flush()
		}
	})
	return true
}

// cancel drops the call that a notification names: it gets no answer
// (2025-11-25, cancellation; 2026-07-28, cancellation on stdio).
func (p *pipe) cancel(m jsonrpc.Message) {
	raw, _ := jsonrpc.Get(m.Params, "requestId")
	id, err := jsonrpc.ParseID(raw)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if drop := p.held[id]; drop != nil {
		drop()
	}
}

// end waits for calls that are held, and takes none after them.
func (p *pipe) end() {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.waiting.Wait()
}

func (p *pipe) say(r reply) {
	p.out.add(func(dst []byte) []byte { return p.frame(dst, r.appendResponse(nil)) })
}

// tells tells whether there are notifications to send before the answer.
func (s *Server) tells(r reply) bool { return s.o.Progress > 0 && r.token != nil }

// pass lets the time go by that a call takes and tells its progress, evenly
// over that time. It ends early with quit or given up.
func (s *Server) pass(r reply, wait time.Duration, quit, givenUp <-chan struct{}, tell func([]byte)) {
	steps := 1
	if s.tells(r) {
		steps += s.o.Progress
	}
	var timer *time.Timer
	for i := 1; ; i++ {
		if step := wait / time.Duration(steps); step > 0 {
			if timer == nil {
				timer = time.NewTimer(step)
				defer timer.Stop()
			} else {
				timer.Reset(step)
			}
			select {
			case <-timer.C:
			case <-givenUp:
				return
			case <-s.stop:
				return
			case <-quit:
				return
			}
		}
		if i == steps {
			return
		}
		tell(progress(r.token, i, s.o.Progress))
	}
}

// ServeStdio serves one client, one message per line, until in ends, ctx ends or
// out fails. At the end of in, calls that are being delayed are answered first.
// A Read of in that is blocked when ctx ends goes on until in is closed.
func (s *Server) ServeStdio(ctx context.Context, in io.Reader, out io.Writer) error {
	if s.o.ErrorRate > 0 && s.o.Errors == ErrorsStatus {
		return errors.New("there is no HTTP status over stdio; errors may be rpc or tool")
	}
	p := s.newPipe(newOutbox(out, nil), func(dst, message []byte) []byte {
		return append(append(dst, message...), '\n')
	})
	ended := make(chan error, 1)
	go func() { ended <- p.read(in) }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		close(p.quit)
	case <-s.stop:
	}
	p.end()
	if failed := p.out.close(); failed != nil {
		return fmt.Errorf("writing to the client: %w", failed)
	}
	return err
}

// read takes lines to the end. Answers are written when no further line is
// there: as many as there were requests, in one go.
func (p *pipe) read(in io.Reader) error {
	lines := jsonrpc.NewLineReader(flushing{in, p.out}, limits.RequestBytes)
	for {
		line, err := lines.Next()
		switch {
		case err == nil:
			p.take(line)
		case errors.Is(err, jsonrpc.ErrTooLong):
			p.say(refuse(jsonrpc.ID{}, 0, &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: err.Error()}))
		case errors.Is(err, io.EOF):
			p.out.flush()
			return nil
		default:
			return fmt.Errorf("reading from the client: %w", err)
		}
	}
}

// flushing flushes before each Read, which is when nothing is left of the one before.
type flushing struct {
	in  io.Reader
	out *outbox
}

func (f flushing) Read(b []byte) (int, error) {
	f.out.flush()
	return f.in.Read(b)
}
