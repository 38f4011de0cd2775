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
		if err := o.send(outgoing{line: line, id: int64(i + 1), sent: &flags[i], urgent: true}); err != nil {
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

// outboxTo returns an outbox that writes into a pipe which nobody reads yet.
func outboxTo(t *testing.T) (o *outbox, r *os.File, failed chan error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	failed = make(chan error, 1)
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return newOutbox(w, func(err error) { failed <- err }), r, failed
}

func (o *outbox) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.flushing && len(o.queue) == 0 && o.bytes == 0
}

func TestOutbox_WhatIsUrgentIsWrittenBeforeSendReturns(t *testing.T) {
	o, r, _ := outboxTo(t)
	for range 3 {
		sent := new(link.SentFlag)
		if err := o.send(outgoing{line: []byte("now\n"), sent: sent, urgent: true}); err != nil || sent.Sent() != messages.SentUnknown || !o.idle() {
			t.Errorf("%v, sent %v", err, sent.Sent())
		}
		var b [16]byte
		if n, err := r.Read(b[:]); err != nil || string(b[:n]) != "now\n" {
			t.Errorf("%q (%v)", b[:n], err)
		}
	}
}

func TestOutbox_WhatIsNotGoesOutByItself(t *testing.T) {
	o, r, _ := outboxTo(t)
	if err := o.send(outgoing{line: []byte("alone\n"), sent: new(link.SentFlag)}); err != nil {
		t.Fatal(err)
	}
	var b [16]byte
	if n, err := r.Read(b[:]); err != nil || string(b[:n]) != "alone\n" {
		t.Errorf("%q (%v)", b[:n], err)
	}
	eventually(t, "the end of the flusher", o.idle)
}

// The first ones fill the pipe; of those behind them only what one write takes
// has begun, and the rest can be withdrawn.
func TestOutbox_OneWriteTakesSeveralLinesAndNoMore(t *testing.T) {
	o, r, _ := outboxTo(t)
	full := append(slices.Repeat([]byte{'x'}, 1<<20), '\n')
	if err := o.send(outgoing{line: full, sent: new(link.SentFlag), urgent: true}); err != nil {
		t.Fatal(err)
	}
	const lines, size = 64, 1 << 10 // four batches
	want := string(full)
	flags := make([]link.SentFlag, lines)
	for i := range lines {
		line := append(slices.Repeat([]byte{byte('0' + i)}, size-1), '\n')
		if err := o.send(outgoing{line: line, id: int64(i + 1), sent: &flags[i]}); err != nil {
			t.Fatal(err)
		}
		if i%8 != 7 {
			want += string(line)
		}
	}
	for i := 7; i < lines; i += 8 {
		if flags[i].Sent() != messages.SentNo || !o.withdraw(int64(i+1)) || o.withdraw(int64(i+1)) {
			t.Errorf("%d has not begun, and can be withdrawn once", i)
		}
	}
	got := make([]byte, len(want))
	for n := 0; n < len(got); {
		m, err := r.Read(got[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
	if string(got) != want {
		t.Error("the lines came otherwise")
	}
	eventually(t, "the end of the flusher", o.idle)
	for i := range lines {
		if sent := flags[i].Sent() != messages.SentNo; sent == (i%8 == 7) {
			t.Errorf("%d: sent %v", i, sent)
		}
	}
}

// Of a batch that fails, what no byte was written of was not sent.
func TestOutbox_AWriteThatFailsTakesBackWhatWasNotWritten(t *testing.T) {
	o, r, failed := outboxTo(t)
	flags := make([]link.SentFlag, 8)
	if err := o.send(outgoing{line: make([]byte, 1<<20), sent: &flags[0], urgent: true}); err != nil { // more than the pipe holds
		t.Fatal(err)
	}
	for i := 1; i < len(flags); i++ {
		if err := o.send(outgoing{line: []byte("lost\n"), sent: &flags[i]}); err != nil {
			t.Fatal(err)
		}
	}
	_ = r.Close()
	if err := <-failed; err == nil {
		t.Error("no error, though nobody can read any more")
	}
	eventually(t, "the end of the flusher", o.idle)
	for i := range flags {
		if sent := flags[i].Sent() != messages.SentNo; sent != (i == 0) {
			t.Errorf("%d: sent %v", i, sent)
		}
	}
	if err := o.send(outgoing{line: []byte("late\n"), sent: new(link.SentFlag), urgent: true}); err == nil {
		t.Error("a broken outbox took a line")
	}

	o, r, failed = outboxTo(t)
	_ = r.Close()
	sent := new(link.SentFlag)
	if err := o.send(outgoing{line: []byte("lost\n"), sent: sent}); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil {
		t.Error("no error, though nobody reads")
	}
	if sent.Sent() != messages.SentNo {
		t.Error("the only line of a write that failed counts as sent")
	}
}
