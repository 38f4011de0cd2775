package front

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

func ready(format string, args ...any) response {
	return response{ready: fmt.Appendf(nil, format, args...)}
}

func TestLineWriterHeld_WhatIsPostedGoesOutInOneWriteWhenNobodyHoldsItAnyMore(t *testing.T) {
	g := newGate()
	l := newLineWriter(g)
	l.Hold()
	l.Hold()
	want := ""
	for i := range 20 {
		if !l.post(ready("%d", i)) {
			t.Fatal("refused")
		}
		want += fmt.Sprintln(i)
	}
	l.Release()
	l.waitingFor(t, len(want)) // one of them holds it still
	drained := make(chan struct{})
	go func() { l.drain(); close(drained) }()
	l.Release()
	if got := await(t, "the write", g.arrived); string(got) != want {
		t.Errorf("got %q", got)
	}
	select {
	case <-drained:
		t.Error("drained before it was written")
	default:
	}
	g.pass <- nil
	await(t, "that everything is written", drained)
	l.Hold()
	l.Release() // with nothing to write
	l.drain()
}

// Several readers may hold it in turns, so that at no time nobody does.
func TestLineWriterHeld_MoreThanMayWaitGoesOutThough(t *testing.T) {
	g := newGate()
	l := newLineWriter(g)
	l.Hold()
	want := ""
	for i := range mostPosted {
		l.post(ready("%d", i))
		want += fmt.Sprintln(i)
	}
	if got := await(t, "the write", g.arrived); string(got) != want {
		t.Errorf("got %q", got)
	}
	g.pass <- nil
	l.Release()
	l.drain()
}

// Notifications are written, answers are posted: none overtakes another.
func TestLineWriterHeld_WhatIsWrittenMeanwhileTakesAlongWhatWaits(t *testing.T) {
	var b bytes.Buffer
	l := newLineWriter(&b)
	l.Hold()
	l.post(ready("answer"))
	if err := l.notify(messages.Notification{Method: "next"}); err != nil {
		t.Fatal(err)
	}
	if want := "answer\n" + `{"jsonrpc":"2.0","method":"next"}` + "\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
	if !l.post(ready("%s", strings.Repeat("x", mostWaiting))) || l.post(ready("one more")) {
		t.Error("the bound does not hold while it is held")
	}
	l.send([]byte("one more"))
	if got := b.String(); !strings.HasSuffix(got, "xxx\none more\n") {
		t.Errorf("ends with %q", got[len(got)-20:])
	}
	l.Release()
	l.drain()
}

func TestLineWriterHeld_ABrokenOneLetsGo(t *testing.T) {
	g := newGate()
	l := newLineWriter(g)
	go func() {
		<-g.arrived
		g.pass <- io.ErrClosedPipe
	}()
	l.Hold()
	l.post(ready("before"))
	if err := l.write([]byte("lost")); err == nil {
		t.Error("no error")
	}
	l.post(ready("behind"))
	l.Release()
	l.drain()
}

// Whoever posts must not wait, whatever stdout is; where that can be had without
// another goroutine it is.
func TestLineWriterPrompt_AFileThatTakesItHasItBeforePostReturns(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	_ = w.Fd() // in blocking mode, as stdout is
	l := newLineWriter(w)
	for i := range 100 {
		l.post(ready("%d", i))
		l.mu.Lock()
		late := l.writing && l.prompt.able()
		l.mu.Unlock()
		if late {
			t.Fatal("left to a goroutine although the pipe is empty")
		}
		var b [8]byte
		if n, err := r.Read(b[:]); string(b[:n]) != fmt.Sprintln(i) {
			t.Fatalf("%q (%v)", b[:n], err)
		}
		l.drain()
	}
}

func TestLineWriterPrompt_AClientThatDoesNotReadGetsAllOfItInOrderWhenItDoes(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	_ = w.Fd()
	l := newLineWriter(w)
	posted, rest := 0, strings.Repeat("x", 700) // writes end somewhere in a line
	for l.post(ready("%d %s", posted, rest)) {
		if posted++; posted%5 == 0 {
			l.Hold()
			l.Release()
		}
	}
	got := make(chan string)
	go func() {
		all, _ := io.ReadAll(r)
		got <- string(all)
	}()
	l.drain()
	w.Close()
	n := 0
	for line := range strings.Lines(await(t, "everything", got)) {
		if want := fmt.Sprintf("%d %s\n", n, rest); line != want {
			t.Fatalf("line %d: %.20q", n, line)
		}
		n++
	}
	if n != posted || n < mostWaiting/len(rest) {
		t.Errorf("%d of %d", n, posted)
	}
}

// A client that has gone is noticed as it is without this.
func TestLineWriterPrompt_AClientThatHasGoneBreaksIt(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	_ = w.Fd()
	_ = r.Close()
	l := newLineWriter(w)
	l.post(ready("lost"))
	await(t, "that it is broken", l.broken)
	l.drain()
	if l.failed() == nil {
		t.Error("no reason")
	}
}

func TestLineWriterPrompt_AFileThatCannotDoThatIsLeftToAGoroutine(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	l := newLineWriter(null)
	for range 3 {
		l.post(ready("x"))
		l.drain()
	}
	_ = null.Close()
	l.post(ready("lost"))
	await(t, "that it is broken", l.broken)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.prompt.able() {
		t.Error("a closed file is tried again")
	}
}
