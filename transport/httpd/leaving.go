package httpd

import (
	"errors"
	"os"
	"sync"
)

// leaving tells of the end of a connection, as the end of a request's context
// does, for less: nothing is made for it.
type leaving struct {
	mu   sync.Mutex
	tell func() // of the request that is being served; nil for nobody
	over bool
}

// call calls f when the connection ends, in the place of the f before; nil for
// nothing. It may have been called by then, and must not block.
func (l *leaving) call(f func()) {
	l.mu.Lock()
	over := l.over
	if !over {
		l.tell = f
	}
	l.mu.Unlock()
	if over && f != nil {
		f()
	}
}

// after looks at how a read or a write of the connection has ended.
func (l *leaving) after(err error) {
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) { // which net/http makes use of to take a read back
		return
	}
	l.mu.Lock()
	f := l.tell
	l.tell, l.over = nil, true
	l.mu.Unlock()
	if f != nil {
		f()
	}
}

// Leaving calls f when the connection of the request ends, until it is called with
// nil, as its handler does before it returns. f may have been called by then, and be
// running; it must not block. false: that is not to be had here, and the request's
// context is the way.
func (v *visit) Leaving(f func()) bool {
	c, ok := v.request.Context().Value(connKey{}).(*conn)
	if ok {
		c.leaving.call(f)
	}
	return ok
}
