package dial

import (
	"sync"
)

// httpTasks are the goroutines of one connection: its standing stream, the small
// messages that nobody waits for, and the ends of exchanges whose answer is
// there. None outlives the connection.
//
// Of the last two there are bounds of their own: a server that ends no exchange
// must not keep what we owe it from going out.
type httpTasks struct {
	small, ends chan struct{} // slots

	mu     sync.Mutex
	open   int
	closed bool
	idle   chan struct{} // closed when none is left and none can follow
}

func newHTTPTasks(bound int) *httpTasks {
	return &httpTasks{small: make(chan struct{}, bound), ends: make(chan struct{}, bound), idle: make(chan struct{})}
}

// Go runs f unless the connection is closing.
func (t *httpTasks) Go(f func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.open++
	go func() {
		defer t.done()
		f()
	}()
	return true
}

// GoSmall is Go for a small message, within their bound; beyond it f is not run.
func (t *httpTasks) GoSmall(f func()) bool { return t.within(t.small, f) }

// GoEnd is Go for the end of an exchange, within their bound; beyond it f is not run.
func (t *httpTasks) GoEnd(f func()) bool { return t.within(t.ends, f) }

func (t *httpTasks) within(slots chan struct{}, f func()) bool {
	select {
	case slots <- struct{}{}:
	default:
		return false
	}
	started := t.Go(func() {
		defer func() { <-slots }()
		f()
	})
	if !started {
		<-slots
	}
	return started
}

func (t *httpTasks) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open--
	t.settle()
}

func (t *httpTasks) settle() {
	if t.closed && t.open == 0 {
		close(t.idle)
	}
}

// Close lets no further task start and returns what is closed when the last has ended.
func (t *httpTasks) Close() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.closed = true
		t.settle()
	}
	return t.idle
}

// inFlight are the exchanges of a connection. The zero value is ready.
type inFlight struct {
	mu    sync.Mutex
	all   map[*httpExchange]struct{}
	idle  chan struct{} // nil while nobody waits for the last
	ended error         // why all are cancelled, and whichever begins yet
}

func (f *inFlight) begin(x *httpExchange) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = map[*httpExchange]struct{}{}
	}
	f.all[x] = struct{}{}
	if f.ended != nil {
		x.Cancel(f.ended)
	}
}

func (f *inFlight) end(x *httpExchange) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.all, x)
	if len(f.all) == 0 && f.idle != nil {
		close(f.idle)
		f.idle = nil
	}
}

// cancel ends all that are there and all that will come: their connection has ended.
func (f *inFlight) cancel(why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = why
	for x := range f.all {
		x.Cancel(why)
	}
}

// none returns what is closed when there are none.
func (f *inFlight) none() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.all) == 0 {
		done := make(chan struct{})
		close(done)
		return done
	}
	if f.idle == nil {
		f.idle = make(chan struct{})
	}
	return f.idle
}
