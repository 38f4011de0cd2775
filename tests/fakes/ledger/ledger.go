// Package ledger is the book that puppets keep of what reaches them: one line
// per event, in one order over all processes and sessions, together with what
// the test itself notes. What happened before what is read there, and needs no
// clock.
package ledger

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"sync"
)

// What happened.
const (
	Started = "started" // a process began
	Hello   = "hello"   // a session began: the answer to initialize or server/discover goes out
	Ready   = "ready"   // its client has said notifications/initialized
	Called  = "called"  // a tool was called on it
	Bye     = "bye"     // its client has ended it
	Made    = "made"    // the test makes a call
)

// Entry is one event.
type Entry struct {
	What    string `json:"what"`
	Server  string `json:"server,omitempty"`  // a name that the test gave
	Session string `json:"session,omitempty"` // process or HTTP session
	Tool    string `json:"tool,omitempty"`
	N       int    `json:"n,omitempty"`   // the call's argument of that name
	Who     string `json:"who,omitempty"` // and of that one
}

// Tools is what tools/list answers: the same tool under names that say whether
// it may be called twice.
const Tools = `[` +
	`{"name":"count","inputSchema":{"type":"object"}},` +
	`{"name":"read","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}},` +
	`{"name":"put","inputSchema":{"type":"object"},"annotations":{"idempotentHint":true}}]`

// Names are the tools, of which only the first one must not be called twice.
var Names = []string{"count", "read", "put"}

// Count is the result of all tools: which of its session's calls this is.
type Count struct {
	Session string `json:"session"`
	Count   int    `json:"count"`
	N       int    `json:"n"`
}

// Text returns it as the text of a result.
func (c Count) Text() string {
	text, _ := json.Marshal(c) // plain fields cannot fail
	return string(text)
}

// Book is a ledger that this process writes to; others write to the same file.
type Book struct {
	Path string
	file *os.File

	mu   sync.Mutex
	seen []Entry // the complete lines read so far
	at   int64   // behind them
}

// Open opens a book, or begins it.
func Open(path string) (*Book, error) {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	return &Book{Path: path, file: file}, err
}

// Close ends the writing of this process.
func (b *Book) Close() error { return b.file.Close() }

// Note writes an entry. One append is one write, which no other one splits.
func (b *Book) Note(e Entry) {
	line, _ := json.Marshal(e) // plain fields cannot fail
	if _, err := b.file.Write(append(line, '\n')); err != nil {
		panic(err) // a book with gaps proves nothing
	}
}

// Entries returns all that was noted so far. The slice is the book's: it is
// not to be changed.
func (b *Book) Entries() []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	more, err := io.ReadAll(io.NewSectionReader(b.file, b.at, 1<<62))
	if err != nil {
		panic(err)
	}
	for {
		end := bytes.IndexByte(more, '\n')
		if end < 0 {
			return b.seen[:len(b.seen):len(b.seen)]
		}
		var e Entry
		if err := json.Unmarshal(more[:end], &e); err != nil {
			panic(err)
		}
		b.seen = append(b.seen, e)
		b.at, more = b.at+int64(end)+1, more[end+1:]
	}
}
