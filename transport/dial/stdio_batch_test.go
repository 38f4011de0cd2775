package dial

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// readSome reads what one read gives.
func readSome(t *testing.T, r *os.File) string {
	t.Helper()
	b := make([]byte, 1<<20)
	n, err := r.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestOutboxBatch_GoesOutAtItsEndInOneWriteAndInOrder(t *testing.T) {
	o, r, _ := outboxTo(t)
	for round := range 3 {
		batch, flags, want := &messages.Batch{}, make([]link.SentFlag, 5), ""
		for i := range flags {
			line := fmt.Sprintf("%d %d\n", round, i)
			want += line
			if err := o.send(outgoing{line: []byte(line), id: int64(i), sent: &flags[i], batch: batch, urgent: i == 0}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range flags {
			if flags[i].Sent() != messages.SentNo {
				t.Errorf("%d counts as sent before the end of its batch", i)
			}
		}
		batch.End()
		if !o.idle() || flags[4].Sent() != messages.SentUnknown {
			t.Error("the end of the batch left something")
		}
		if got := readSome(t, r); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestOutboxBatch_WhoeverIsNotInItWaitsForNobody(t *testing.T) {
	o, r, _ := outboxTo(t)
	over := &messages.Batch{}
	over.End()
	for name, other := range map[string]outgoing{
		"urgent":                     {urgent: true},
		"not urgent":                 {},
		"longer than what is joined": {line: slices.Repeat([]byte("x"), mostTogether+1), batch: &messages.Batch{}},
	} {
		batch, flag := &messages.Batch{}, new(link.SentFlag)
		if err := o.send(outgoing{line: []byte("first\n"), sent: flag, batch: batch}); err != nil {
			t.Fatal(err)
		}
		other.line, other.sent = append(other.line, "other\n"...), new(link.SentFlag)
		if err := o.send(other); err != nil {
			t.Fatal(err)
		}
		if flag.Sent() != messages.SentUnknown || other.sent.Sent() != messages.SentUnknown || !o.idle() {
			t.Errorf("%s: not written before send returned", name)
		}
		if got := readSome(t, r) + "|"; !strings.HasPrefix(got, "first\n") {
			t.Errorf("%s: got %.20q", name, got)
		} else if !strings.HasSuffix(got, "other\n|") && !strings.HasSuffix(readSome(t, r), "other\n") {
			t.Errorf("%s: the other did not come", name)
		}
		batch.End() // finds nothing left
	}
	late := new(link.SentFlag)
	if err := o.send(outgoing{line: []byte("late\n"), sent: late, batch: over, urgent: true}); err != nil || late.Sent() != messages.SentUnknown {
		t.Errorf("begun behind the end of its batch: %v, sent %v", err, late.Sent())
	}
}

func TestOutboxBatch_WhatIsWithdrawnBeforeItsEndIsNotSent(t *testing.T) {
	o, r, _ := outboxTo(t)
	batch, flags := &messages.Batch{}, make([]link.SentFlag, 4)
	for i := range flags[:3] {
		if err := o.send(outgoing{line: fmt.Appendln(nil, i), id: int64(i + 1), sent: &flags[i], batch: batch}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		if i != 1 && (!o.withdraw(int64(i+1)) || o.withdraw(int64(i+1))) {
			t.Errorf("%d can be withdrawn once", i)
		}
	}
	batch.End()
	if got := readSome(t, r); got != "1\n" {
		t.Errorf("got %q", got)
	}
	alone := &messages.Batch{}
	if err := o.send(outgoing{line: []byte("gone\n"), id: 9, sent: &flags[3], batch: alone}); err != nil || !o.withdraw(9) {
		t.Error("the only one of a batch cannot be withdrawn", err)
	}
	alone.End()
	if flags[0].Sent() != messages.SentNo || flags[1].Sent() != messages.SentUnknown || flags[3].Sent() != messages.SentNo || !o.idle() {
		t.Error("the flags do not tell what was sent")
	}
}

// Of a batch that the pipe does not take, the rest goes out as the server reads, and what has not begun can be withdrawn.
func TestOutboxBatch_AServerThatReadsSlowlyGetsAllOfIt(t *testing.T) {
	o, r, _ := outboxTo(t)
	const lines, size = 200, 1 << 10
	flags, want := make([]link.SentFlag, lines), ""
	for i := range lines { // more than a pipe holds, in batches of four
		batch := &messages.Batch{}
		line := append(slices.Repeat([]byte{byte(' ' + i%90)}, size-1), '\n')
		want += string(line)
		if err := o.send(outgoing{line: line, id: int64(i + 1), sent: &flags[i], batch: batch}); err != nil {
			t.Fatal(err)
		}
		if i%4 == 3 {
			batch.End()
		} else {
			defer batch.End()
		}
	}
	if flags[0].Sent() != messages.SentUnknown || flags[lines-1].Sent() != messages.SentNo || !o.withdraw(lines) {
		t.Error("the flags do not tell what has begun")
	}
	want = want[:len(want)-size]
	got := make([]byte, 0, len(want))
	for len(got) < len(want) {
		got = append(got, readSome(t, r)...)
	}
	if string(got) != want {
		t.Error("the lines came otherwise")
	}
	eventually(t, "the end of the flusher", o.idle)
}

func TestOutboxBatch_AWriteThatFailsLeavesNothingAndTells(t *testing.T) {
	o, r, failed := outboxTo(t)
	_ = r.Close()
	batch, flags := &messages.Batch{}, make([]link.SentFlag, 3)
	for i := range flags {
		if err := o.send(outgoing{line: []byte("lost\n"), sent: &flags[i], batch: batch}); err != nil {
			t.Fatal(err)
		}
	}
	batch.End()
	if err := <-failed; err == nil || !o.idle() {
		t.Errorf("told %v", err)
	}
	for i := range flags {
		if flags[i].Sent() != messages.SentNo {
			t.Errorf("%d counts as sent", i)
		}
	}

	o, r, failed = outboxTo(t)
	_ = r.Close()
	sent := new(link.SentFlag)
	if err := o.send(outgoing{line: []byte("lost\n"), sent: sent, urgent: true}); err == nil || sent.Sent() != messages.SentNo {
		t.Errorf("alone: %v, sent %v", err, sent.Sent())
	}
	if err := <-failed; err == nil {
		t.Error("told nothing")
	}
}

func TestOutboxBatch_ShutInItsMiddleNothingMoreIsWritten(t *testing.T) {
	o, r, _ := outboxTo(t)
	batch, sent := &messages.Batch{}, new(link.SentFlag)
	if err := o.send(outgoing{line: []byte("never\n"), sent: sent, batch: batch}); err != nil {
		t.Fatal(err)
	}
	o.shut()
	batch.End()
	_ = o.file.Close()
	if n, err := r.Read(make([]byte, 8)); n != 0 || err == nil || sent.Sent() != messages.SentNo || !o.idle() {
		t.Errorf("%d bytes (%v), sent %v", n, err, sent.Sent())
	}
}

// holder counts who holds it, and answers.
type holder struct {
	mu         sync.Mutex
	held, most int
	answers    int
}

func (h *holder) Hold() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held++
	h.most = max(h.most, h.held)
}

func (h *holder) Release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held--
}

func (h *holder) answered(messages.Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answers++
}

// free tells whether nobody holds it and so many answers have come.
func (h *holder) free(answers int) func() bool {
	return func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.held == 0 && h.answers == answers
	}
}

func TestStdioBatch_NobodyIsHeldTwiceOrForEver(t *testing.T) {
	c := stdioTo("plain").legacy(t)
	holders := []*holder{{}, {}} // two clients in turn
	for range 5 {
		batches := []*messages.Batch{{Answers: holders[0]}, {Answers: holders[1]}}
		for i := range 40 {
			req := toolCall("echo", fmt.Sprintf(`{"text":"%d"}`, i))
			req.Batch = batches[i%2]
			c.Start(t.Context(), req, new(link.SentFlag), messages.Discard, holders[i%2].answered)
		}
		for _, b := range batches {
			b.End()
		}
	}
	for i, h := range holders {
		eventually(t, "the answers", h.free(100))
		if h.most > 1 {
			t.Errorf("client %d was held %d times at once", i, h.most)
		}
	}
}

func TestMux_HoldsAClientOnlyWhileMoreIsThere(t *testing.T) {
	h, x := new(holder), new(mux)
	for want, more := range []bool{false, true} {
		p := newPending("ping", new(link.SentFlag), 1)
		p.batch = &messages.Batch{Answers: h}
		if !x.table.add(p) {
			t.Fatal("closed")
		}
		x.more = more
		x.answer(jsonrpc.IntID(p.id), messages.Outcome{})
		<-p.done
		if h.held != want {
			t.Errorf("more: %v, and it is held %d times", more, h.held)
		}
		x.held.release()
		if h.held != 0 {
			t.Error("held for ever")
		}
	}
}

func TestStdioBatch_AServerThatDiesInItsMiddleEndsAllAndHoldsNobody(t *testing.T) {
	c := stdioTo("plain").legacy(t)
	h := &holder{}
	batch := &messages.Batch{Answers: h}
	for i := range 30 {
		tool := "echo"
		if i%3 == 0 {
			tool = "sleep"
		}
		req := toolCall(tool, `{"text":"x"}`)
		req.Batch = batch
		c.Start(t.Context(), req, new(link.SentFlag), messages.Discard, h.answered)
		if i == 20 {
			batch.End()
			batch = &messages.Batch{Answers: h}
		}
	}
	_ = syscall.Kill(c.Pid(), syscall.SIGKILL)
	awaitLost(t, c)
	batch.End() // behind the end of its server
	eventually(t, "all to be told, and nobody held", h.free(30))
}

func TestStdioBatch_ABugInWhatTakesAnAnswerHoldsNobody(t *testing.T) {
	c := stdioTo("plain").legacy(t)
	h := &holder{}
	batch := &messages.Batch{Answers: h}
	req := toolCall("echo", `{"text":"x"}`)
	req.Batch = batch
	c.Start(t.Context(), req, new(link.SentFlag), messages.Discard, func(o messages.Outcome) {
		h.answered(o)
		if o.Failure == nil {
			panic("a bug behind the answer")
		}
	})
	batch.End()
	if reason := awaitLost(t, c); !strings.Contains(reason, "a bug behind the answer") {
		t.Errorf("lost: %s", reason)
	}
	eventually(t, "nobody to be held", h.free(1))
}
