package front

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"

	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// lineWriter writes whole messages, one per line, for all goroutines of a
// connection. Whoever writes and finds nobody else writing does it at once; what
// comes meanwhile is written in one go behind that, by a goroutine that nobody
// waits for. So is what is posted and cannot be written without waiting.
type lineWriter struct {
	w      io.Writer
	prompt *prompt       // for what is posted
	broken chan struct{} // closed when a write failed

	mu      sync.Mutex
	less    sync.Cond // of mu: less is waiting, or nothing is written any more
	waiting []byte
	spare   []byte // what waited before, to be used again
	writing bool
	held    int // by so many: what is posted waits for them
	posted  int // messages that have waited for them
	err     error
}

const (
	mostWaiting = 64 << 10  // bytes that may wait; whoever brings more waits, too
	mostSpare   = 256 << 10 // bytes of room that are kept
	mostPosted  = 32        // messages that may wait for those who hold
)

func newLineWriter(w io.Writer) *lineWriter {
	l := &lineWriter{w: w, prompt: promptly(w), broken: make(chan struct{})}
	l.less.L = &l.mu
	return l
}

// send sends an answer, nil for none.
func (l *lineWriter) send(message []byte) {
	if message != nil {
		_ = l.write(message) // broken tells
	}
}

func (l *lineWriter) notify(n messages.Notification) error {
	return l.write(jsonrpc.AppendNotification(nil, n.Method, n.Params))
}

// write sends one message, which jsonrpc made without line ends. It may return
// before the message is written; a failure is then told to the next, and by broken.
func (l *lineWriter) write(message []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.writing && len(l.waiting) >= mostWaiting && l.err == nil {
		l.less.Wait()
	}
	switch {
	case l.err != nil:
	case l.writing:
		l.waiting = append(append(l.waiting, message...), '\n')
	default:
		l.writing = true
		message = append(message, '\n')
		if len(l.waiting) > 0 { // held, and comes first
			message, l.waiting = append(l.waiting, message...), nil
		}
		l.out(message)
		if len(l.waiting) > 0 && l.err == nil {
			kit.Go(l.rest) // not on the goroutine of one request
		} else {
			l.done()
		}
	}
	return l.err
}

// post is write for those who must not wait: false when they would have to.
func (l *lineWriter) post(answer response) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case answer.none() || l.err != nil:
		return true
	case len(l.waiting) >= mostWaiting:
		return false
	}
	l.waiting = append(answer.append(l.waiting), '\n')
	l.posted++
	if !l.writing && (l.held == 0 || l.posted >= mostPosted) { // those who hold may take turns
		l.push()
	}
	return true
}

// Hold implements messages.Holder.
func (l *lineWriter) Hold() {
	l.mu.Lock()
	l.held++
	l.mu.Unlock()
}

// Release implements messages.Holder.
func (l *lineWriter) Release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held--; l.held == 0 && !l.writing && len(l.waiting) > 0 && l.err == nil {
		l.push()
	}
}

// push writes what waits as far as nobody has to wait for that. The rest is left
// to a goroutine. The lock is held, but not meanwhile.
func (l *lineWriter) push() {
	l.writing, l.posted = true, 0
	if l.prompt.able() {
		b := l.waiting
		l.waiting, l.spare = l.spare[:0], nil
		l.mu.Unlock()
		n := l.prompt.write(b)
		l.mu.Lock()
		switch {
		case n < len(b): // comes first
			l.waiting = append(b[n:], l.waiting...)
		case cap(b) <= mostSpare:
			l.spare = b
		}
	}
	if len(l.waiting) > 0 {
		kit.Go(l.rest)
	} else {
		l.done()
	}
}

// out writes. The lock is held, but not meanwhile.
func (l *lineWriter) out(b []byte) {
	l.mu.Unlock()
	_, err := l.w.Write(b)
	l.mu.Lock()
	if err != nil {
		l.err = err
		close(l.broken)
	}
}

// rest writes what waits, until nothing does.
func (l *lineWriter) rest() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiting) > 0 && l.err == nil {
		b := l.waiting
		l.waiting, l.spare = l.spare[:0], nil
		l.less.Broadcast()
		l.out(b)
		if cap(b) <= mostSpare {
			l.spare = b
		}
	}
	l.done()
}

func (l *lineWriter) done() {
	l.writing = false
	l.less.Broadcast()
}

// drain waits until everything is written, or nothing more will be.
func (l *lineWriter) drain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for (l.writing || len(l.waiting) > 0) && l.err == nil {
		l.less.Wait()
	}
}

// failed tells why a write failed, nil for none.
func (l *lineWriter) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// findID looks for the id in the beginning of a message that was too long to
// be read, so that its sender learns which request failed.
func findID(start []byte) jsonrpc.ID {
	dec := json.NewDecoder(bytes.NewReader(start))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return jsonrpc.ID{}
	}
	for {
		key, err := dec.Token()
		if err != nil {
			return jsonrpc.ID{}
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return jsonrpc.ID{}
		}
		if key == "id" {
			id, _ := jsonrpc.ParseID(value)
			return id
		}
	}
}
