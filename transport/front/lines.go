package front

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// lineWriter writes whole messages, one per line, for all goroutines of a
// connection.
type lineWriter struct {
	mu     sync.Mutex
	w      io.Writer
	err    error
	broken chan struct{} // closed when a write failed
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

// write sends one message, which jsonrpc made without line ends.
func (l *lineWriter) write(message []byte) error {
	message = append(message, '\n')
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	if _, err := l.w.Write(message); err != nil {
		l.err = err
		close(l.broken)
	}
	return l.err
}

func (l *lineWriter) failed() bool {
	select {
	case <-l.broken:
		return true
	default:
		return false
	}
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
