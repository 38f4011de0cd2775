package dial

import (
	"sync"
)

// httpTasks are the goroutines of one connection: its standing stream, and the
// small messages that nobody waits for. None outlives the connection.
type httpTasks struct {
	slots chan struct{} // bounds the small messages

	mu     sync.Mutex
	open   int
	closed bool
	idle   chan struct{} // closed when none is left and none can follow
}

func newHTTPTasks(small int) *httpTasks {
	return &httpTasks{slots: make(chan struct{}, small), idle: make(chan struct{})}
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

// GoSmall is Go within the bound; beyond it f is not run.
func (t *httpTasks) GoSmall(f func()) bool {
	select {
	case t.slots <- struct{}{}:
	default:
		return false
	}
	started := t.Go(func() {
		defer func() { <-t.slots }()
		f()
	})
	if !started {
		<-t.slots
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
