package dial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
)

// begun starts a request for which nobody waits.
func begun(ctx context.Context, c *stdioConn, req messages.Request, sent *link.SentFlag, sink messages.Sink) <-chan messages.Outcome {
	out := make(chan messages.Outcome, 2) // it must come once
	c.Start(ctx, req, sent, sink, func(o messages.Outcome) { out <- o })
	return out
}

func TestStdioStart_HundredAtOnceGetTheirOwnAnswersAndWhatCameBeforeThem(t *testing.T) {
	for _, behaviour := range []string{"plain", "modern"} {
		t.Run(behaviour, func(t *testing.T) {
			c := stdioTo(behaviour).dial(t)
			outs, heard, texts := make([]<-chan messages.Outcome, 100), make([]*hearing, 100), make([]string, 100)
			for i := range outs {
				// Some are longer than what is looked through at once, on either way.
				texts[i], heard[i] = fmt.Sprintf("%d-%s", i, strings.Repeat("x", i*300)), newHearing()
				req := toolCall("echo", `{"text":"`+texts[i]+`"}`)
				if i%2 == 0 {
					req = toolCall("progress", `{}`)
					req.ProgressToken = json.RawMessage(fmt.Sprintf(`"token-%d"`, i))
				}
				outs[i] = begun(t.Context(), c, req, new(link.SentFlag), heard[i])
			}
			for i, out := range outs {
				o := outcome(t, out)
				switch got := heard[i].all(); {
				case o.Failure != nil:
					t.Errorf("%d: %s", i, o.Failure.Message)
				case i%2 == 1:
					if !strings.Contains(string(o.Result), `"`+texts[i]+`"`) {
						t.Errorf("%d: a foreign answer %.80s", i, o.Result)
					}
				case len(got) != 3:
					t.Errorf("%d: %d notifications before the answer", i, len(got))
				default:
					for n, g := range got {
						if wanted := fmt.Sprintf(`{"progressToken":"token-%d","progress":%d,"total":3}`, i, n+1); string(g.Params) != wanted {
							t.Errorf("%d: %s, want %s", i, g.Params, wanted)
						}
					}
				}
			}
		})
	}
}

// A reader that does not read holds up its own request, and no other.
func TestStdioStart_ASinkThatBlocksHoldsUpItsOwnRequestOnly(t *testing.T) {
	c := stdioTo("plain").legacy(t)
	stuck, read := make(chan struct{}, 3), make(chan struct{})
	req := toolCall("progress", `{}`)
	req.ProgressToken = json.RawMessage(`1`)
	got := 0 // unguarded: the race detector looks
	slow := begun(t.Context(), c, req, new(link.SentFlag), messages.SinkFunc(func(messages.Notification) error {
		stuck <- struct{}{}
		<-read
		got++
		return nil
	}))
	<-stuck
	serves(t, c)
	wantText(t, outcome(t, begun(t.Context(), c, toolCall("add", `{"a":1,"b":2}`), new(link.SentFlag), messages.Discard)), "3")
	if len(slow) != 0 {
		t.Error("the answer came before what came before it was read")
	}
	close(read)
	wantText(t, outcome(t, slow), "done")
	if got != 3 {
		t.Errorf("%d notifications", got)
	}
}

func TestStdioStart_ASinkThatPanicsCostsItsOwnRequestOnly(t *testing.T) {
	c := stdioTo("plain").legacy(t)
	req := toolCall("progress", `{}`)
	req.ProgressToken = json.RawMessage(`1`)
	out := begun(t.Context(), c, req, new(link.SentFlag), messages.SinkFunc(func(messages.Notification) error { panic("a bug in the sink") }))
	failed(t, outcome(t, out), messages.KindInternal, messages.SentUnknown, "a bug in the sink")
	serves(t, c)
	if len(out) != 0 {
		t.Error("told again")
	}
}

// endsNext is a context that ends when it has been looked at once.
type endsNext struct {
	context.Context
	end context.CancelCauseFunc
}

func (c endsNext) Err() error {
	defer c.end(errors.New("enough"))
	return c.Context.Err()
}

// A long request is written a moment after it was begun. One that was given up
// by then never reaches its server.
func TestStdioStart_GivenUpBeforeItWasWrittenNothingIsSent(t *testing.T) {
	d := stdioTo("plain")
	received := d.recording(t)
	c := d.legacy(t)
	plain, cancel := context.WithCancelCause(t.Context())
	out := begun(endsNext{plain, cancel}, c, toolCall("echo", `{"text":"`+strings.Repeat("x", 2*mostAtOnce)+`"}`), new(link.SentFlag), messages.Discard)
	failed(t, outcome(t, out), messages.KindCancelled, messages.SentNo, "enough")
	serves(t, c)
	if got := received(); count(got, "xxx") != 0 || count(got, "notifications/cancelled") != 0 {
		t.Errorf("the server was told of it: %.300s", got)
	}
	if len(out) != 0 {
		t.Error("told again")
	}
}

func TestStdioStart_GivenUpItsServerIsTold(t *testing.T) {
	d := stdioTo("plain")
	received := d.recording(t)
	c := d.legacy(t)
	for name, end := range map[string]func(context.CancelCauseFunc, *link.Scope){
		"a context": func(cancel context.CancelCauseFunc, _ *link.Scope) { cancel(errors.New("enough")) },
		"a scope":   func(_ context.CancelCauseFunc, s *link.Scope) { s.Cancel(errors.New("enough")) },
	} {
		before := count(received(), `"method":"notifications/cancelled"`)
		plain, cancel := context.WithCancelCause(t.Context())
		scope := &link.Scope{}
		ctx := context.Context(scope)
		if name == "a context" {
			ctx = plain
		}
		sent := new(link.SentFlag)
		out := begun(ctx, c, toolCall("sleep", "{}"), sent, messages.Discard)
		eventually(t, "the request to be written", func() bool { return sent.Sent() != messages.SentNo })
		serves(t, c)
		end(cancel, scope)
		failed(t, outcome(t, out), messages.KindCancelled, messages.SentUnknown, "enough")
		eventually(t, "the server to hear of it", func() bool {
			return count(received(), `"method":"notifications/cancelled"`) == before+1
		})
		cancel(nil)
		if c.table.look(1) != nil || len(out) != 0 {
			t.Errorf("%s: something is left", name)
		}
	}
	over, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("too late"))
	failed(t, outcome(t, begun(over, c, toolCall("sleep", "{}"), new(link.SentFlag), messages.Discard)), messages.KindCancelled, messages.SentNo, "too late")
}

func TestStdioStart_ALostConnectionIsToldToAll(t *testing.T) {
	c := stdioTo("plain").legacy(t)
	var outs []<-chan messages.Outcome
	for range 32 {
		out := make(chan messages.Outcome, 2)
		c.Start(t.Context(), toolCall("sleep", "{}"), new(link.SentFlag), messages.Discard, func(o messages.Outcome) {
			if !isLost(c) {
				t.Error("told before it was lost")
			}
			out <- o
		})
		outs = append(outs, out)
	}
	serves(t, c)
	if err := syscall.Kill(c.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, out := range outs {
		failed(t, outcome(t, out), messages.KindUnavailable, messages.SentUnknown, "was ended by signal 9")
	}
	late := failed(t, outcome(t, begun(t.Context(), c, toolCall("sleep", "{}"), new(link.SentFlag), messages.Discard)), messages.KindUnavailable, messages.SentNo)
	if !late.Stale {
		t.Error("what came too late may be made again")
	}
	for _, out := range outs {
		if len(out) != 0 {
			t.Error("told twice")
		}
	}
}

// Of requests that begin and are given up while the connection breaks, each is told once.
func TestStdioStart_InAStormEachIsToldOnce(t *testing.T) {
	c := stdioTo("plain").legacy(t)
	const many = 300
	told := make(chan int, 2*many)
	var ending sync.WaitGroup
	for i := range many {
		ctx, cancel := context.WithCancelCause(t.Context())
		tool := []string{"sleep", "progress", "echo"}[i%3]
		req := toolCall(tool, "{}")
		req.ProgressToken = json.RawMessage(`7`)
		c.Start(ctx, req, new(link.SentFlag), messages.Discard, func(messages.Outcome) { told <- i })
		ending.Go(func() { cancel(errors.New("enough")) })
		if i == many/2 {
			if err := syscall.Kill(c.Pid(), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	ending.Wait()
	times := make([]int, many)
	for range many {
		times[<-told]++
	}
	awaitLost(t, c)
	for i, n := range times {
		if n != 1 || len(told) != 0 {
			t.Fatalf("%d was told %d times; %d more", i, n, len(told))
		}
	}
}

func TestStdioStart_ContentIsWhatWasWritten(t *testing.T) {
	for _, behaviour := range []string{"plain", "modern"} {
		c := stdioTo(behaviour).dial(t)
		out := outcome(t, begun(t.Context(), c, toolCall("content", "{}"), new(link.SentFlag), messages.Discard))
		if string(out.Result) != puppet.Contents {
			t.Errorf("got  %s (%v)\nwant %s", out.Result, out.Failure, puppet.Contents)
		}
	}
}
