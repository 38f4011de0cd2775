package dial

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

func TestRing_KeepsTheNewestInOrder(t *testing.T) {
	for _, c := range []struct{ limit, put int }{{1, 1}, {1, 5}, {4, 3}, {4, 4}, {4, 5}, {4, 11}, {0, 3}} {
		p := newPending("x", new(link.SentFlag), c.limit)
		dropped := 0
		for i := range c.put {
			if p.notes.put(messages.Notification{Params: json.RawMessage{byte('a' + i)}}) {
				dropped++
			}
		}
		kept := min(max(1, c.limit), c.put)
		got := p.notes.take()
		if len(got) != kept || dropped != c.put-kept {
			t.Fatalf("%+v: %d kept, %d dropped", c, len(got), dropped)
		}
		for i, n := range got {
			if n.Params[0] != byte('a'+c.put-kept+i) {
				t.Errorf("%+v: %q at %d", c, n.Params, i)
			}
		}
		if again := p.notes.take(); len(again) != 0 {
			t.Errorf("%+v: taken twice", c)
		}
		if len(p.notes.wake) != 1 {
			t.Errorf("%+v: %d wake-ups for one sleeper", c, len(p.notes.wake))
		}
	}
}

func TestTable_EveryRequestEndsOnce(t *testing.T) {
	var tb table
	a, b := newPending("a", new(link.SentFlag), 1), newPending("b", new(link.SentFlag), 1)
	if !tb.add(a) || !tb.add(b) || a.id == b.id {
		t.Fatal("ids", a.id, b.id)
	}
	if tb.only(func(*pending) bool { return true }) != nil || tb.only(func(p *pending) bool { return p == b }) != b {
		t.Error("only")
	}
	if tb.take(a.id) != a || tb.take(a.id) != nil {
		t.Error("taken twice")
	}
	rest, first := tb.close()
	if !first || len(rest) != 1 || rest[b.id] != b {
		t.Errorf("%v %v", rest, first)
	}
	if rest, first := tb.close(); first || len(rest) != 0 {
		t.Error("closed twice")
	}
	if tb.add(a) {
		t.Error("a closed table took a request")
	}
}

func TestOutbox_WhatDoesNotFitWaitsInOrderAndGoesOutAsTheServerReads(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	o := newOutbox(w, func(err error) { t.Errorf("broken: %v", err) })
	const lines, size = 40, 16 << 10
	flags := make([]link.SentFlag, lines)
	for i := range lines {
		line := append(slices.Repeat([]byte{byte('0' + i)}, size-1), '\n')
		if err := o.send(outgoing{line: line, id: int64(i + 1), sent: &flags[i]}); err != nil {
			t.Fatal(err)
		}
	}
	if flags[0].Sent() != messages.SentUnknown || flags[lines-1].Sent() != messages.SentNo {
		t.Error("the flags do not tell what has begun")
	}
	if o.withdraw(1) || !o.withdraw(lines) || o.withdraw(lines) {
		t.Error("what has begun cannot be withdrawn, what has not can, once")
	}
	all := make([]byte, (lines-1)*size)
	for n := 0; n < len(all); {
		m, err := r.Read(all[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
	for i := range lines - 1 {
		if line := all[i*size : (i+1)*size]; line[0] != byte('0'+i) || line[size-2] != line[0] || line[size-1] != '\n' {
			t.Fatalf("line %d begins with %q", i, line[0])
		}
	}
	eventually(t, "the end of the flusher", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return !o.flushing && len(o.queue) == 0 && o.bytes == 0
	})
	o.shut()
	if err := o.send(outgoing{line: []byte("x\n"), sent: new(link.SentFlag)}); err == nil {
		t.Error("a shut outbox took a line")
	}
	_, _ = r.Close(), w.Close()
}

func TestOutbox_AMessageLargerThanTheQueueIsTakenAlone(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	o := newOutbox(w, func(err error) { failed <- err })
	big := make([]byte, 2*mostQueued)
	if err := o.send(outgoing{line: big, sent: new(link.SentFlag)}); err != nil {
		t.Fatalf("the only one: %v", err)
	}
	flag := new(link.SentFlag)
	if err := o.send(outgoing{line: []byte("small\n"), sent: flag}); err != errNotReading || flag.Sent() != messages.SentNo {
		t.Errorf("beyond the bound: %v, sent %v", err, flag.Sent())
	}
	_ = r.Close()
	if err := <-failed; err == nil {
		t.Error("no error, though nobody can read any more")
	}
	_ = w.Close()
	eventually(t, "the end of the flusher", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return !o.flushing && o.bytes == 0
	})
}
