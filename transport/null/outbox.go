package null

import (
	"io"
	"sync"
)

// outbox collects messages and writes those that are there in one go. Nobody is
// woken for that: whoever flushes writes, and whoever flushes meanwhile leaves
// it to the one who does.
type outbox struct {
	w    io.Writer
	sent func() // after each write; may be nil

	mu      sync.Mutex
	room    sync.Cond // of mu: less is waiting, or nothing is written any more
	buf     []byte
	spare   []byte
	writing bool
	err     error // of the first write that failed; nothing is written after it
}

// outboxMax is how much may wait, in bytes, before those who add wait as well.
const outboxMax = 4 << 20

func newOutbox(w io.Writer, sent func()) *outbox {
	o := &outbox{w: w, sent: sent}
	o.room.L = &o.mu
	return o
}

// add appends by means of a function; flush writes it.
func (o *outbox) add(appendTo func(dst []byte) []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.buf) > outboxMax && o.writing {
		o.room.Wait()
	}
	if o.err == nil {
		o.buf = appendTo(o.buf)
	}
}

// flush writes what is there, unless somebody is writing, who will.
func (o *outbox) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.writing {
		return
	}
	o.writing = true
	for len(o.buf) > 0 && o.err == nil {
		b := o.buf
		o.buf, o.spare = o.spare[:0], nil
		o.room.Broadcast()
		o.mu.Unlock()
		_, err := o.w.Write(b)
		if err == nil && o.sent != nil {
			o.sent()
		}
		o.mu.Lock()
		o.spare, o.err = b, err
	}
	o.writing = false
	o.room.Broadcast()
}

// close drops what is not written, lets no further write begin, and waits for
// one that has begun. It returns why a write failed.
func (o *outbox) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	err := o.err
	if o.err == nil {
		o.err = io.ErrClosedPipe
	}
	for o.writing {
		o.room.Wait()
	}
	return err
}
