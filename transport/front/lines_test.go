package front

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// gate is a reader at the far end that decides when a write goes through, and how.
type gate struct {
	arrived chan []byte // what each Write was called with
	pass    chan error
}

func newGate() *gate { return &gate{arrived: make(chan []byte), pass: make(chan error)} }

func (g *gate) Write(b []byte) (int, error) {
	g.arrived <- bytes.Clone(b)
	if err := <-g.pass; err != nil {
		return 0, err
	}
	return len(b), nil
}

// waitingFor waits until that many bytes wait behind a write.
func (l *lineWriter) waitingFor(t *testing.T, n int) {
	t.Helper()
	eventually(t, fmt.Sprint(n, " bytes to wait"), func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.waiting) == n
	})
}

func TestLineWriter_ALoneMessageIsWrittenBeforeWriteReturns(t *testing.T) {
	var b bytes.Buffer
	l := newLineWriter(&b)
	for i, want := range []string{"1\n", "1\n2\n", "1\n2\n3\n"} {
		if err := l.write([]byte{byte('1' + i)}); err != nil || b.String() != want { // unguarded: the race detector looks
			t.Errorf("%q (%v), want %q", b.String(), err, want)
		}
	}
	l.drain()
}

func TestLineWriter_WhatComesMeanwhileGoesOutInOneWriteAndInOrder(t *testing.T) {
	g := newGate()
	l := newLineWriter(g)
	var writing sync.WaitGroup
	writing.Go(func() { l.send([]byte("first")) })
	await(t, "the first write", g.arrived)
	want := ""
	for i := range 50 {
		message := fmt.Sprintf("message %d", i)
		want += message + "\n"
		if err := l.write([]byte(message)); err != nil { // does not wait
			t.Fatal(err)
		}
	}
	l.send(nil)
	g.pass <- nil
	writing.Wait() // whoever wrote first is not kept for the others
	if got := await(t, "the rest", g.arrived); string(got) != want {
		t.Errorf("got %q", got)
	}
	if err := l.notify(messages.Notification{Method: "late"}); err != nil {
		t.Fatal(err)
	}
	g.pass <- nil
	if got := await(t, "the last", g.arrived); string(got) != `{"jsonrpc":"2.0","method":"late"}`+"\n" {
		t.Errorf("got %q", got)
	}
	g.pass <- nil
	l.drain()
}

// Memory is bounded by what may wait and one message of each writer.
func TestLineWriter_WhoeverBringsMoreThanMayWaitWaits(t *testing.T) {
	g := newGate()
	l := newLineWriter(g)
	var writing sync.WaitGroup
	writing.Go(func() { l.send([]byte("first")) })
	await(t, "the first write", g.arrived)
	l.send([]byte(strings.Repeat("x", mostWaiting)))
	done := make(chan struct{}, 3)
	for range 3 {
		writing.Go(func() {
			l.send([]byte(strings.Repeat("y", mostWaiting)))
			done <- struct{}{}
		})
	}
	l.waitingFor(t, mostWaiting+1)
	for i := range 4 {
		if len(done) > i {
			t.Fatalf("%d did not wait before %d had been written", len(done), i)
		}
		g.pass <- nil
		if got := await(t, "a write", g.arrived); len(got) != mostWaiting+1 {
			t.Fatalf("%d bytes in one write", len(got))
		}
	}
	g.pass <- nil
	writing.Wait()
	l.drain()
}

func TestLineWriter_AWriteThatFailsLetsEverybodyGo(t *testing.T) {
	g := newGate()
	l := newLineWriter(g)
	var writing sync.WaitGroup
	writing.Go(func() { l.send([]byte("first")) })
	await(t, "the first write", g.arrived)
	l.send([]byte("second"))
	g.pass <- nil
	await(t, "the second write", g.arrived)
	l.send(bytes.Repeat([]byte("x"), mostWaiting)) // will be lost
	for range 3 {
		writing.Go(func() {
			if err := l.write([]byte("late")); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("whoever waits for room is told %v", err)
			}
		})
	}
	select {
	case <-l.broken:
		t.Error("broken before a write has failed")
	default:
	}
	g.pass <- io.ErrClosedPipe
	await(t, "that it is broken", l.broken)
	writing.Wait()
	l.drain()
	if err := l.failed(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("failed: %v", err)
	}
}

func TestLineWriter_PostNeverWaits(t *testing.T) {
	g := newGate()
	l := newLineWriter(g)
	answer := func(size int) response { return response{ready: bytes.Repeat([]byte("x"), size)} }
	if !l.post(response{}) || !l.post(answer(3)) { // none is nothing to write
		t.Error("refused with nothing waiting")
	}
	if got := await(t, "the first write", g.arrived); string(got) != "xxx\n" {
		t.Errorf("got %q", got)
	}
	if !l.post(response{id: jsonrpc.IntID(1), result: []byte("{}")}) || !l.post(answer(mostWaiting)) {
		t.Error("refused with room left")
	}
	if l.post(answer(1)) {
		t.Error("taken beyond the bound")
	}
	g.pass <- nil
	if got := await(t, "the rest", g.arrived); !bytes.HasPrefix(got, []byte(`{"jsonrpc":"2.0","id":1,"result":{}}`+"\nxx")) {
		t.Errorf("got %.60q", got)
	}
	g.pass <- io.ErrClosedPipe
	l.drain()
	if !l.post(answer(1)) {
		t.Error("what nobody will read need not be kept")
	}
}
