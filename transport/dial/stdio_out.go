package dial

import (
	"errors"
	"os"
	"slices"
	"sync"
	"syscall"

	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
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
// writes out for as long as there is something in it. So does what is not
// urgent: it goes out with whatever comes until that goroutine runs. What came in
// a batch waits for its end, and is written there.
type outbox struct {
	file   *os.File
	raw    syscall.RawConn
	broken func(error) // told once, on a goroutine of its own, when a write has failed

	mu        sync.Mutex
	queue     []outgoing // the first ones are being written while flushing
	begun     int        // of the queue: with one write, of which bytes may be out
	bytes     int        // in the queue
	flushing  bool
	gathering bool   // the end of a batch writes the queue, unless somebody else comes first
	atEnd     func() // gathered, bound once
	batch     []byte // room for several lines
	err       error  // why nothing is written any more
}

// mostTogether bounds how many bytes of several lines one write takes: what it
// has begun cannot be withdrawn.
const mostTogether = 16 << 10

// mostRoom is how many lines an empty queue keeps room for.
const mostRoom = 1024

// outgoing is one line with its newline, or what is left of it.
type outgoing struct {
	line   []byte
	id     int64 // of the request, 0 for others
	sent   *link.SentFlag
	urgent bool            // nothing is likely to come right behind it
	batch  *messages.Batch // what comes right behind it; may be nil
	rest   bool            // its beginning has been written
}

func newOutbox(file *os.File, broken func(error)) *outbox {
	raw, err := file.SyscallConn()
	if err != nil {
		panic(err) // only a nil file has none
	}
	o := &outbox{file: file, raw: raw, broken: broken}
	o.atEnd = o.gathered
	return o
}

// send writes or queues one line. After an error no byte of it was or will be
// written. The flag is raised before the first byte can reach the server.
func (o *outbox) send(m outgoing) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return o.err
	}
	if o.bytes > 0 && o.bytes+len(m.line) > mostQueued {
		return errNotReading
	}
	o.queue, o.bytes = append(o.queue, m), o.bytes+len(m.line)
	switch {
	case o.flushing:
	case o.bytes <= mostTogether && (o.gathering && m.batch != nil || m.batch.Later(o.atEnd)):
		o.gathering = true
	case o.gathering || m.urgent || o.bytes > mostTogether:
		return o.push()
	default:
		o.flushing = true
		kit.Go(o.flush)
	}
	return nil
}

// gathered is called at the end of a batch.
func (o *outbox) gathered() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gathering {
		_ = o.push() // broken tells
	}
}

// push writes out as much of the queue as the pipe takes without waiting. The
// rest is left to a goroutine. After an error all of it is forgotten.
func (o *outbox) push() error {
	o.gathering = false
	for len(o.queue) > 0 && o.err == nil {
		lines := o.next()
		n, err := o.try(lines)
		switch {
		case err != nil:
			o.unsent(0)
			o.fail(err)
		case n < len(lines):
			o.unsent(n)
			o.advance(n)
			o.flushing = true
			kit.Go(o.flush)
			return nil
		default:
			o.drop(o.begun)
		}
	}
	if o.err != nil {
		o.drop(len(o.queue))
	}
	return o.err
}

// advance forgets the first n bytes of what has begun.
func (o *outbox) advance(n int) {
	whole := 0
	for n >= len(o.queue[whole].line) {
		n -= len(o.queue[whole].line)
		whole++
	}
	o.drop(whole)
	if n > 0 {
		m := &o.queue[0]
		m.line, m.rest = m.line[n:], true
		o.bytes -= n
		o.begun = 1
	}
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
		lines := o.next()
		o.mu.Unlock()
		n, err := o.file.Write(lines) // ends when the file is closed
		o.mu.Lock()
		if err != nil {
			o.unsent(n)
			o.fail(err)
			break
		}
		o.drop(o.begun)
	}
	if o.err != nil {
		o.drop(len(o.queue))
	}
	o.flushing = false
}

// drop forgets the first n lines of the queue.
func (o *outbox) drop(n int) {
	for i := range o.queue[:n] {
		o.bytes -= len(o.queue[i].line)
		o.queue[i] = outgoing{}
	}
	o.begun = 0
	if n < len(o.queue) {
		o.queue = o.queue[n:]
		return
	}
	o.queue = o.queue[:0]
	if cap(o.queue) > mostRoom {
		o.queue = nil
	}
}

// unsent takes back what was said of lines that had begun, but for those of
// which one of n bytes was.
func (o *outbox) unsent(n int) {
	for i := range o.queue[:o.begun] {
		if n <= 0 && (i > 0 || !o.queue[i].rest) {
			o.queue[i].sent.Lower()
		}
		n -= len(o.queue[i].line)
	}
}

// next begins the first line, with those behind it that fit into one write.
func (o *outbox) next() []byte {
	o.queue[0].sent.Raise()
	lines := o.queue[0].line
	n := len(lines)
	for o.begun = 1; o.begun < len(o.queue); o.begun++ {
		m := &o.queue[o.begun]
		if n += len(m.line); n > mostTogether {
			break
		}
		if o.begun == 1 {
			lines = append(o.batch[:0], lines...)
		}
		m.sent.Raise()
		lines = append(lines, m.line...)
		o.batch = lines
	}
	return lines
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
	for i := o.begun; i < len(o.queue); i++ {
		if o.queue[i].id == id {
			o.bytes -= len(o.queue[i].line)
			o.queue = slices.Delete(o.queue, i, i+1)
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
