package dial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
)

func TestStdioFault_CrashInMidCall(t *testing.T) {
	c := stdioTo("crash").legacy(t)
	other, _ := underway(t, c, toolCall("sleep", "{}"))
	serves(t, c)
	f := failed(t, do(t, c, toolCall("crash", "{}")), messages.KindUnavailable, messages.SentUnknown,
		"exited with status 3", "out of cheese")
	failed(t, outcome(t, other), messages.KindUnavailable, messages.SentUnknown, "exited with status 3")
	if f.Stale {
		t.Error("stale, though it was sent")
	}
	if reason := awaitLost(t, c); !strings.Contains(reason, "out of cheese") {
		t.Errorf("reason %q", reason)
	}
	f = failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUnavailable, messages.SentNo, "exited with status 3")
	if !f.Stale {
		t.Error("a call on a lost connection is not stale")
	}
	if err := c.Close(within(t)); err != nil {
		t.Errorf("close of a dead server: %v", err)
	}
}

func TestStdioFault_KilledInMidCall(t *testing.T) {
	c := stdioTo("plain").legacy(t)
	out, _ := underway(t, c, toolCall("sleep", "{}"))
	serves(t, c)
	if err := syscall.Kill(c.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	failed(t, outcome(t, out), messages.KindUnavailable, messages.SentUnknown, "was ended by signal 9")
}

// Whoever is told that the connection broke finds it lost: of all its calls
// that is one failure.
func TestStdioFault_IsLostBeforeItsRequestsAreTold(t *testing.T) {
	c := stdioTo("plain").legacy(t)
	lost := make(chan bool, 32)
	for range cap(lost) {
		go func() {
			c.Do(context.Background(), toolCall("sleep", "{}"), new(link.SentFlag), messages.Discard)
			lost <- isLost(c)
		}()
	}
	eventually(t, "all are in flight", func() bool {
		c.table.mu.Lock()
		defer c.table.mu.Unlock()
		return len(c.table.open) == cap(lost)
	})
	if err := syscall.Kill(c.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for range cap(lost) {
		if !<-lost {
			t.Fatal("told before it was lost")
		}
	}
}

func TestStdioFault_TheGuardIsKilled(t *testing.T) {
	c := stdioTo("plain").legacy(t)
	out, _ := underway(t, c, toolCall("sleep", "{}"))
	serves(t, c)
	if err := syscall.Kill(parentOf(t, c.Pid()), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	failed(t, outcome(t, out), messages.KindUnavailable, messages.SentUnknown, "guard")
}

func TestStdioFault_AnswersWrittenBeforeTheEndCount(t *testing.T) {
	// The server answers, dies, and leaves children that hold its pipes open.
	c := stdioTo("family").legacy(t)
	out, _ := started(t, c, toolCall("orphan", "{}"), messages.Discard)
	failed(t, outcome(t, out), messages.KindUnavailable, messages.SentUnknown, "exited with status 5")

	c = stdioTo("last-words").legacy(t)
	first := do(t, c, toolCall("last", "{}"))
	wantText(t, first, "last words")
	awaitLost(t, c)
}

func TestStdioFault_StopsReadingItsInput(t *testing.T) {
	c := stdioTo("deaf").legacy(t)
	if out := do(t, c, toolCall("deafen", "{}")); out.Failure != nil {
		t.Fatal(out.Failure)
	}
	// Fill pipe and queue. Nobody may wait, and giving up must be quick.
	big := toolCall("echo", `{"text":"`+strings.Repeat("x", 1<<20)+`"}`)
	var outs []<-chan messages.Outcome
	var cancels []context.CancelCauseFunc
	for range 4 {
		out, cancel := started(t, c, big, messages.Discard)
		outs, cancels = append(outs, out), append(cancels, cancel)
	}
	eventually(t, "a full queue", func() bool {
		c.out.mu.Lock()
		defer c.out.mu.Unlock()
		return len(c.out.queue) == 4
	})
	f := failed(t, do(t, c, big), messages.KindUnavailable, messages.SentNo, "does not read its input")
	if f.Stale {
		t.Error("stale: another attempt would meet the same server")
	}
	sent := map[messages.Sent]int{}
	for i, cancel := range cancels {
		cancel(errors.New("enough"))
		out := outcome(t, outs[i])
		if out.Failure == nil || out.Failure.Kind != messages.KindCancelled {
			t.Fatalf("%+v", out)
		}
		sent[out.Failure.Sent]++
	}
	if sent[messages.SentUnknown] != 1 || sent[messages.SentNo] != 3 {
		t.Errorf("%v: one request was begun, three were not", sent)
	}
	if err := c.Close(within(t)); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestStdioFault_ALostConnectionSaysWhichRequestsWereNotBegun(t *testing.T) {
	c := stdioTo("deaf").legacy(t)
	if out := do(t, c, toolCall("deafen", "{}")); out.Failure != nil {
		t.Fatal(out.Failure)
	}
	big := toolCall("echo", `{"text":"`+strings.Repeat("x", 1<<20)+`"}`)
	begun, _ := started(t, c, big, messages.Discard)
	eventually(t, "the first in the queue", func() bool { c.out.mu.Lock(); defer c.out.mu.Unlock(); return len(c.out.queue) == 1 })
	waiting, _ := started(t, c, big, messages.Discard)
	eventually(t, "the second in the queue", func() bool { c.out.mu.Lock(); defer c.out.mu.Unlock(); return len(c.out.queue) == 2 })
	if err := syscall.Kill(c.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	failed(t, outcome(t, begun), messages.KindUnavailable, messages.SentUnknown)
	if f := failed(t, outcome(t, waiting), messages.KindUnavailable, messages.SentNo); !f.Stale {
		t.Error("not stale, though no byte was written")
	}
}

func TestStdioFault_ClosesItsOutputAndLivesOn(t *testing.T) {
	d := stdioTo("hush")
	c := d.legacy(t)
	failed(t, do(t, c, toolCall("hush", "{}")), messages.KindUnavailable, messages.SentUnknown, "closed its output but runs on")
	awaitLost(t, c)
	eventually(t, "the end of the useless process", func() bool { return len(puppet.Marked(d.mark)) == 0 })
}

func TestStdioFault_ClosesItsInputAndLivesOn(t *testing.T) {
	c := stdioTo("plug").legacy(t)
	if out := do(t, c, toolCall("plug", "{}")); out.Failure != nil {
		t.Fatal(out.Failure)
	}
	f := failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUnavailable, messages.SentNo, "does not take input any more")
	if !f.Stale {
		t.Error("not stale, though no byte was written")
	}
	if !isLost(c) {
		t.Error("whoever tries again is sent here again")
	}
}

func TestStdioFault_HalfALineThenSilence(t *testing.T) {
	c := stdioTo("half").legacy(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	out := make(chan messages.Outcome)
	go func() { out <- c.Do(ctx, toolCall("half", "{}"), new(link.SentFlag), messages.Discard) }()
	eventually(t, "the request", func() bool { return c.table.look(2) != nil })
	cancel(context.DeadlineExceeded)
	failed(t, outcome(t, out), messages.KindTimeout, messages.SentUnknown, "did not answer tools/call in time")
	if isLost(c) {
		t.Error("lost; that is for the health checks to say")
	}
}

func TestStdioFault_LinesOverTheLimitFailTheirRequestOnly(t *testing.T) {
	d := stdioTo("overlong", "100000")
	d.Request.Limits.MessageBytes = 10_000
	c := d.legacy(t)
	says := []string{"message too large", "10000 bytes", "tools/call"}
	t.Run("the id comes first", func(t *testing.T) {
		other, cancel := underway(t, c, toolCall("sleep", "{}"))
		f := failed(t, do(t, c, toolCall("first", "{}")), messages.KindUpstream, messages.SentDone, says...)
		if f.Code != -32603 {
			t.Errorf("code %d", f.Code)
		}
		cancel(errors.New("done"))
		failed(t, outcome(t, other), messages.KindCancelled, messages.SentUnknown)
	})
	t.Run("the id comes last, one in flight", func(t *testing.T) {
		failed(t, do(t, c, toolCall("last", "{}")), messages.KindUpstream, messages.SentDone, says...)
	})
	t.Run("a notification", func(t *testing.T) {
		wantText(t, do(t, c, toolCall("notification", "{}")), "fine")
	})
	serves(t, c)
	if !strings.Contains(d.stderr.all(), "limits.message_bytes") {
		t.Errorf("said %q", d.stderr.all())
	}
}

func TestStdioFault_ALine64MiBLongCostsNoMoreThanTheLimit(t *testing.T) {
	d := stdioTo("overlong", fmt.Sprint(64<<20))
	d.Request.Limits.MessageBytes = 1 << 20
	c := d.legacy(t)
	failed(t, do(t, c, toolCall("first", "{}")), messages.KindUpstream, messages.SentDone, "message too large")
	serves(t, c)
}

func TestStdioFault_AnAnswerNestedTooDeepFailsItsRequest(t *testing.T) {
	d := stdioTo("deep", "100000")
	c := d.legacy(t)
	failed(t, do(t, c, toolCall("deep", "{}")), messages.KindUpstream, messages.SentDone, "malformed", "nest")
	serves(t, c)
}

func TestStdioFault_TextOnStdoutIsShownAndDoesNoHarm(t *testing.T) {
	d := stdioTo("banner")
	c := d.legacy(t)
	for range 30 {
		serves(t, c)
	}
	said := d.stderr.all()
	if !strings.Contains(said, "Welcome to the puppet server!") || !strings.Contains(said, "further problems on stdout are not shown") {
		t.Errorf("said %q", said)
	}
	if n := strings.Count(said, "\n") + 1; n != mostNotes+1 {
		t.Errorf("%d lines shown", n)
	}
}

func TestStdioFault_WrongIdsDuplicatesAndLateAnswersAreDropped(t *testing.T) {
	d := stdioTo("confused")
	c := d.legacy(t)
	wantText(t, do(t, c, toolCall("confused", "{}")), "right")
	late, cancel := underway(t, c, toolCall("late", "{}"))
	serves(t, c)
	cancel(errors.New("not needed"))
	failed(t, outcome(t, late), messages.KindCancelled, messages.SentUnknown, "not needed")
	eventually(t, "the stray answers", func() bool { return c.counts.stray.Load() == 4 })
	serves(t, c)
}

func TestStdioFault_AFloodOfNotificationsKeepsTheNewestAndTheAnswer(t *testing.T) {
	const flood, kept = 5000, 16
	d := stdioTo("flood", fmt.Sprint(flood))
	d.Request.Limits.RequestNotifications = kept
	c := d.legacy(t)
	req := toolCall("flood", "{}")
	req.ProgressToken = json.RawMessage(`"t"`)
	// The first notification finds a caller who does not come back before all
	// others have been read: another request proves that the reader went on.
	release, reached, heard := make(chan struct{}), make(chan struct{}), newHearing()
	first := true
	out, _ := started(t, c, req, messages.SinkFunc(func(n messages.Notification) error {
		if first {
			first = false
			close(reached)
			<-release
		}
		return heard.Notify(n)
	}))
	select {
	case <-reached:
	case <-within(t).Done():
		t.Fatal("no notification has come")
	}
	eventually(t, "the answer in the reader", func() bool { return c.table.look(2) == nil })
	serves(t, c)
	close(release)
	wantText(t, outcome(t, out), "flooded")
	got := heard.all()
	if last := got[len(got)-1]; string(last.Params) != fmt.Sprintf(`{"progressToken":"t","progress":%d}`, flood) {
		t.Errorf("the last one is %s", last.Params)
	}
	if dropped := c.counts.dropped.Load(); int(dropped)+len(got) != flood {
		t.Errorf("%d dropped and %d delivered of %d", dropped, len(got), flood)
	}
	for i := 1; i < len(got); i++ {
		if progressOf(t, got[i]) <= progressOf(t, got[i-1]) {
			t.Errorf("out of order: %s after %s", got[i].Params, got[i-1].Params)
		}
	}
}

func TestStdioFault_AStormOfListChangedDoesNotDelayTheAnswer(t *testing.T) {
	d := stdioTo("flood", "2000")
	c := d.legacy(t)
	wantText(t, do(t, c, toolCall("storm", "{}")), "stormed")
	d.heard.await(t, "notifications/tools/list_changed", 2000)
}

func TestStdioFault_AStoppedServerDelaysNobodyWhoGivesUp(t *testing.T) {
	d := stdioTo("plain")
	c := d.legacy(t)
	if err := syscall.Kill(c.Pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	out, cancel := started(t, c, toolCall("echo", "{}"), messages.Discard)
	cancel(context.DeadlineExceeded)
	if f := outcome(t, out).Failure; f == nil || f.Kind != messages.KindTimeout {
		t.Errorf("%+v", f)
	}
	if err := syscall.Kill(c.Pid(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	serves(t, c)
}

func TestStdioFault_ARequestWhoseContextHasEndedIsNotSent(t *testing.T) {
	c := stdioTo("plain").legacy(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("changed my mind"))
	failed(t, c.Do(ctx, toolCall("echo", "{}"), new(link.SentFlag), messages.Discard),
		messages.KindCancelled, messages.SentNo, "changed my mind")
}

func TestStdioFault_CancellingTellsTheServerWhichRequestAndWhy(t *testing.T) {
	for _, behaviour := range []string{"plain", "modern"} {
		d := stdioTo(behaviour)
		received := d.recording(t)
		c := d.dial(t)
		keep, _ := started(t, c, toolCall("sleep", `{"who":"keep"}`), messages.Discard)
		out, cancel := started(t, c, toolCall("sleep", `{"who":"drop"}`), messages.Discard)
		eventually(t, "both calls", func() bool { return count(received(), `"who"`) == 2 })
		cancel(errors.New(`the user said "stop"`))
		failed(t, outcome(t, out), messages.KindCancelled, messages.SentUnknown, `said "stop"`)
		id := ""
		for _, line := range received() {
			var m struct {
				ID     json.RawMessage
				Params struct{ Arguments struct{ Who string } }
			}
			if err := json.Unmarshal([]byte(line), &m); err == nil && m.Params.Arguments.Who == "drop" {
				id = string(m.ID)
			}
		}
		cancelled := `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `,"reason":"the user said \"stop\""}}`
		eventually(t, "the cancellation", func() bool { return count(received(), cancelled) == 1 })
		if count(received(), "notifications/cancelled") != 1 {
			t.Error("another request was cancelled too")
		}
		select {
		case o := <-keep:
			t.Errorf("the other call ended: %+v", o)
		default:
		}
		serves(t, c)
	}
}

func TestStdioFault_APanicInAHookCostsThisConnectionOnly(t *testing.T) {
	d := stdioTo("plain")
	d.Request.Unsolicited = func(messages.Notification) { panic("hook") }
	c := d.legacy(t)
	failed(t, do(t, c, toolCall("changed", "{}")), messages.KindUnavailable, messages.SentUnknown, "internal error", "hook")

	d = stdioTo("plain")
	d.Request.Stderr = func(string) { panic("hook") }
	c = d.legacy(t)
	for range 3 {
		wantText(t, do(t, c, toolCall("stderr", `{"text":"`+strings.Repeat("z", 50_000)+`"}`)), "said")
	}
}

func progressOf(t *testing.T, n messages.Notification) int {
	t.Helper()
	var p struct{ Progress int }
	if err := json.Unmarshal(n.Params, &p); err != nil {
		t.Fatal(err)
	}
	return p.Progress
}
