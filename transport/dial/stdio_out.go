package dial

import (
	"errors"
	"os"
	"sync"
	"syscall"

	"github.com/mcpx/mcpx/actors/link"
)

// mostQueued bounds what waits for a server that reads slowly, in bytes. One
// message is always taken, however long: the pipe alone would not hold it.
const mostQueued = 4 << 20

var (
	errNotReading = errors.New("it does not read its input")
	errShut       = errors.New("the connection is closed")
)

// outbox writes lines to a server's stdin. It never blocks its callers: what
// the pipe does not take at once waits in a bounded queue, which one goroutine
// writes out for as long as there is something in it.
type outbox struct {
	file   *os.File
	raw    syscall.RawConn
	broken func(error) // told once, on a goroutine of its own, when a write has failed

	mu       sync.Mutex
	queue    []outgoing // the first one is being written while flushing
	bytes    int        // in the queue
	flushing bool
	err      error // why nothing is written any more
}

// outgoing is one line with its newline, or what is left of it.
type outgoing struct {
	line []byte
	id   int64 // of the request, 0 for others
	sent *link.SentFlag
}

func newOutbox(file *os.File, broken func(error)) *outbox {
	raw, err := file.SyscallConn()
	if err != nil {
		panic(err) // only a nil file has none
	}
	return &outbox{file: file, raw: raw, broken: broken}
}

// send writes or queues one line. After an error no byte of it was or will be
// written. The flag is raised before the first byte can reach the server.
func (o *outbox) send(m outgoing) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return o.err
	}
	if !o.flushing {
		m.sent.Raise()
		n, err := o.try(m.line)
		if err != nil {
			o.fail(err)
			return err
		}
		if n == len(m.line) {
			return nil
		}
		m.line = m.line[n:]
		o.flushing = true
		o.queue, o.bytes = append(o.queue, m), o.bytes+len(m.line)
		go o.flush()
		return nil
	}
	if o.bytes > 0 && o.bytes+len(m.line) > mostQueued {
		return errNotReading
	}
	o.queue, o.bytes = append(o.queue, m), o.bytes+len(m.line)
	return nil
}

// try writes what the pipe takes without waiting.
func (o *outbox) try(line []byte) (int, error) {
	var n int
	var err error
	if e := o.raw.Write(func(fd uintptr) bool {
		n, err = ignoringEINTR(syscall.Write, int(fd), line)
		return true // never wait
	}); e != nil {
		return 0, e
	}
	if errors.Is(err, syscall.EAGAIN) {
		return 0, nil
	}
	return max(n, 0), err
}

// flush writes the queue out, waiting for the server, and ends with it.
func (o *outbox) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue) > 0 && o.err == nil {
		m := o.queue[0]
		m.sent.Raise()
		o.mu.Unlock()
		_, err := o.file.Write(m.line) // ends when the file is closed
		o.mu.Lock()
		if err != nil {
			o.fail(err)
			break
		}
		o.queue[0] = outgoing{}
		o.queue, o.bytes = o.queue[1:], o.bytes-len(m.line)
	}
	if o.err != nil {
		o.queue, o.bytes = nil, 0
	}
	o.flushing = false
}

func (o *outbox) fail(err error) {
	if o.err == nil {
		o.err = err
		go o.broken(err)
	}
}

// withdraw takes a request out of the queue if no byte of it has been written.
func (o *outbox) withdraw(id int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := 1; i < len(o.queue); i++ { // the first one has begun
		if o.queue[i].id == id {
			o.bytes -= len(o.queue[i].line)
			o.queue = append(o.queue[:i], o.queue[i+1:]...)
			return true
		}
	}
	return false
}

// shut lets nothing more be written. What has begun may still go out until the
// file is closed.
func (o *outbox) shut() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.err = errShut
	}
}
