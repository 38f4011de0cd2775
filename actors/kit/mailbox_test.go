package kit

import (
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/tests/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

func testSystem(t *testing.T) *actor.ActorSystem {
	t.Helper()
	s := actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }),
		actor.WithDeadLetterThrottleInterval(time.Millisecond),
	)
	t.Cleanup(s.Shutdown)
	return s
}

func each(t *testing.T, f func(t *testing.T, s *actor.ActorSystem, mailbox actor.PropsOption)) {
	t.Helper()
	for name, option := range map[string]func() actor.PropsOption{"inline": Inline, "queued": Queued} {
		t.Run(name, func(t *testing.T) { f(t, testSystem(t), option()) })
	}
}

type numbered struct{ sender, n int }

func TestMailbox_KeepsTheOrderOfEachSenderAndHandlesOneMessageAtATime(t *testing.T) {
	each(t, func(t *testing.T, s *actor.ActorSystem, mailbox actor.PropsOption) {
		const senders, each = 8, 2000
		last, total := make([]int, senders), 0 // unguarded: the race detector looks
		done := make(chan struct{})
		pid := s.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			m, ok := ctx.Message().(numbered)
			if !ok {
				return
			}
			if m.n != last[m.sender]+1 {
				t.Errorf("sender %d: %d follows %d", m.sender, m.n, last[m.sender])
			}
			last[m.sender] = m.n
			if total++; total == senders*each {
				close(done)
			}
		}, mailbox))
		var sending sync.WaitGroup
		for sender := range senders {
			sending.Go(func() {
				for n := range each {
					s.Root.Send(pid, numbered{sender, n + 1})
				}
			})
		}
		sending.Wait()
		<-done
		_ = s.Root.StopFuture(pid).Wait()
	})
}

// prompt is a message that its poster handles.
type prompt int

func (prompt) Prompt() {}

// idle is an actor with a Queued mailbox that has been started and rests.
func idle(t *testing.T, s *actor.ActorSystem, receive actor.ReceiveFunc) *actor.PID {
	t.Helper()
	var m *Mailbox
	pid := s.Root.Spawn(actor.PropsFromFunc(receive, actor.WithMailbox(func() actor.Mailbox {
		m = newMailbox(pool)
		return m
	})))
	t.Cleanup(func() { _ = s.Root.StopFuture(pid).Wait() })
	for running := true; running; runtime.Gosched() {
		m.mu.Lock()
		running = m.running
		m.mu.Unlock()
	}
	return pid
}

func TestMailbox_APromptMessageHasBeenHandledWhenItIsPosted(t *testing.T) {
	s := testSystem(t)
	seen := 0 // unguarded: the goroutine is this one
	pid := idle(t, s, func(ctx actor.Context) {
		if n, ok := ctx.Message().(prompt); ok {
			seen += int(n)
		}
	})
	for i := range 100 {
		if s.Root.Send(pid, prompt(1)); seen != i+1 {
			t.Fatalf("after %d messages it has seen %d", i+1, seen)
		}
	}
}

func TestMailbox_TheEndOfAChildHasBeenHandledWhenItHasEnded(t *testing.T) {
	s := testSystem(t)
	ended := 0 // unguarded: the goroutine is this one
	pid := idle(t, s, func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case prompt:
			child := ctx.Spawn(actor.PropsFromFunc(func(actor.Context) {}, Inline()))
			ctx.Send(ctx.Sender(), child)
		case *actor.Terminated:
			ended++
		}
	})
	children := make(chan *actor.PID, 1)
	door := s.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if child, ok := ctx.Message().(*actor.PID); ok {
			children <- child
		}
	}, Inline()))
	for i := range 100 {
		s.Root.RequestWithCustomSender(pid, prompt(1), door)
		if s.Root.Stop(<-children); ended != i+1 {
			t.Fatalf("of %d ends it has seen %d", i+1, ended)
		}
	}
	_ = s.Root.StopFuture(door).Wait()
}

// Whoever posts has something else to do than to run an actor for all others.
func TestMailbox_APosterIsLetGoAfterAFewMessages(t *testing.T) {
	s := testSystem(t)
	posted, over := make(chan struct{}), make(chan int, 1)
	handled := 0
	pid := idle(t, s, func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case prompt:
			for i := range int(m) {
				ctx.Send(ctx.Self(), i)
			}
		case int:
			if handled++; m == promptly {
				<-posted // for ever, if the poster handled it
			}
			if m == 99 {
				over <- handled
			}
		}
	})
	s.Root.Send(pid, prompt(100))
	close(posted)
	if n := <-over; n != 100 {
		t.Errorf("%d of 100 messages were handled", n)
	}
}

// A bug in an actor is not its poster's.
func TestMailbox_APanicInAPromptMessageEndsAtTheActor(t *testing.T) {
	s := testSystem(t)
	seen := make(chan int, 2)
	pid := idle(t, s, func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case prompt:
			ctx.Send(ctx.Self(), 7)
			panic(m)
		case int:
			seen <- m
		}
	})
	s.Root.Send(pid, prompt(1))
	if n := <-seen; n != 7 { // after its restart
		t.Errorf("then %d", n)
	}
}

// What an actor posts to itself waits its turn, whoever runs it.
func TestMailbox_WhatIsPostedFromWithinWaits(t *testing.T) {
	each(t, func(t *testing.T, s *actor.ActorSystem, mailbox actor.PropsOption) {
		var seen []string
		done := make(chan struct{})
		pid := s.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case int:
				for i := range 10 {
					ctx.Send(ctx.Self(), fmt.Sprint(m, i))
				}
				seen = append(seen, "first")
			case string:
				if seen = append(seen, m); m == "7 9" {
					close(done)
				}
			}
		}, mailbox))
		s.Root.Send(pid, 7)
		<-done
		if seen[0] != "first" || len(seen) != 11 || !slices.IsSorted(seen[1:]) {
			t.Errorf("%q", seen)
		}
		_ = s.Root.StopFuture(pid).Wait()
	})
}

type restart struct{ budget }

type budget struct{}

func (budget) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, _, _ any) {
	sup.RestartChildren(child)
}

// A panic suspends the actor until its supervisor has decided; what waits is
// handled by its next incarnation, and the message that panicked is not.
func TestMailbox_SurvivesAPanic(t *testing.T) {
	each(t, func(t *testing.T, s *actor.ActorSystem, mailbox actor.PropsOption) {
		seen := make(chan any, 10)
		child := actor.PropsFromFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case int:
				if m == 2 {
					panic("two")
				}
				seen <- m
			case *actor.Restarting:
				seen <- "restarting"
			}
		}, mailbox)
		pids := make(chan *actor.PID, 1)
		parent := s.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*actor.Started); ok {
				pids <- ctx.Spawn(child)
			}
		}, actor.WithSupervisor(restart{})))
		pid := <-pids
		for n := range 4 {
			s.Root.Send(pid, n+1)
		}
		for _, want := range []any{1, "restarting", 3, 4} {
			if got := <-seen; got != want {
				t.Fatalf("%v, want %v", got, want)
			}
		}
		_ = s.Root.StopFuture(parent).Wait()
	})
}

func TestFifo_KeepsOrderAndRoomThroughFloods(t *testing.T) {
	var q fifo
	q.messages = q.first[:0]
	next, want := 0, 0
	for _, step := range []struct{ push, pop int }{{2, 1}, {3, 2}, {1, 3}, {5000, 1000}, {3000, 6999}, {3, 3}, {4, 1}, {1, 5}} {
		for range step.push {
			q.push(next)
			next++
		}
		for range step.pop {
			if got := q.pop(); got != want {
				t.Fatalf("%v, want %d", got, want)
			}
			want++
		}
	}
	if !q.empty() || next != want || cap(q.messages) > keptRoom {
		t.Errorf("empty %v, %d of %d came out, room for %d is kept", q.empty(), want, next, cap(q.messages))
	}
}

// An actor has an address before the library has made it whole: whoever stops it
// then is heard when it can hear.
func TestMailbox_StoppedBeforeItHasStarted(t *testing.T) {
	each(t, func(t *testing.T, s *actor.ActorSystem, mailbox actor.PropsOption) {
		seen := make(chan string, 8)
		pid := s.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			seen <- fmt.Sprintf("%T", ctx.Message())
		}, mailbox, actor.WithOnInit(func(ctx actor.Context) {
			s.Root.Send(ctx.Self(), "too early")
			s.Root.Stop(ctx.Self())
		})))
		for _, want := range []string{"*actor.Stopping", "*actor.Stopped"} {
			if got := <-seen; got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
		_ = s.Root.StopFuture(pid).Wait()
		if len(seen) > 0 {
			t.Errorf("then %s", <-seen)
		}
	})
}
