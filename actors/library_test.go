package actors_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/actortest"
)

// Facts about the actor library that the runtime works around. If one of them
// changes with an update, its work-around can go.

func system(t *testing.T) *actor.ActorSystem {
	t.Helper()
	s := actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }),
		actor.WithDeadLetterThrottleInterval(time.Millisecond),
	)
	t.Cleanup(s.Shutdown)
	return s
}

type ping struct{}

// The library's registry has 1024 buckets of maps that are cut into 32 in turn,
// unless it is told otherwise before it is made: 32,768 maps to make and collect.
func TestLibrary_RegistryHasOneMapForEachBucket(t *testing.T) {
	all := system(t).ProcessRegistry.LocalPIDs.LocalPIDs
	for _, bucket := range all {
		if len(bucket) != 1 {
			t.Fatalf("%d buckets, of %d maps", len(all), len(bucket))
		}
	}
}

// A system message overtakes user messages: a child that reports and stops
// itself is seen to terminate before its report. So parents stop children that
// have reported.
func TestLibrary_TerminatedOvertakesAReport(t *testing.T) {
	s := system(t)
	seen := make(chan string, 2)
	child := actor.PropsFromFunc(func(ctx actor.Context) {
		if _, ok := ctx.Message().(ping); ok {
			ctx.Send(ctx.Parent(), "report")
			ctx.Stop(ctx.Self())
		}
	}, actor.WithDispatcher(actor.NewSynchronizedDispatcher(300)))
	root := s.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *actor.Started:
			ctx.Send(ctx.Spawn(child), ping{}) // runs the child to its end, here
		case *actor.Terminated:
			seen <- "terminated"
		case string:
			seen <- m
		}
	}))
	if first, second := <-seen, <-seen; first != "terminated" || second != "report" {
		t.Errorf("seen %s, then %s: reports are not overtaken any more", first, second)
	}
	_ = s.Root.StopFuture(root).Wait()
}

// What waits in the mailbox of an actor that stops is dropped without a dead
// letter. So whoever waits for an answer looks now and then whether it is still owed.
func TestLibrary_DropsTheMailboxOfAStoppingActorWithoutAWord(t *testing.T) {
	s := system(t)
	dead := make(chan struct{}, 10)
	s.EventStream.Subscribe(func(e any) {
		if l, ok := e.(*actor.DeadLetterEvent); ok {
			if _, ours := l.Message.(ping); ours {
				dead <- struct{}{}
			}
		}
	})
	entered, release := make(chan struct{}), make(chan struct{})
	pid := s.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if ctx.Message() == "block" {
			close(entered)
			<-release
		}
		if _, ok := ctx.Message().(ping); ok {
			t.Error("the message was processed")
		}
	}))
	s.Root.Send(pid, "block")
	<-entered
	s.Root.Send(pid, ping{})
	stopped := s.Root.StopFuture(pid)
	close(release)
	_ = stopped.Wait()
	select {
	case <-dead:
		t.Error("a dead letter: waiting can rely on it now")
	default:
	}
}

// The default strategy restarts a child that panics. So every supervisor of
// ours says what it does.
func TestLibrary_RestartsAPanickingChildByDefault(t *testing.T) {
	s := system(t)
	started := make(chan struct{}, 3)
	child := actor.PropsFromFunc(func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case *actor.Started:
			started <- struct{}{}
		case ping:
			panic("bug")
		}
	})
	root := s.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if _, ok := ctx.Message().(*actor.Started); ok {
			ctx.Send(ctx.Spawn(child), ping{})
		}
	}))
	for range 2 {
		select {
		case <-started:
		case <-time.After(actortest.Patience):
			t.Fatal("the child was not restarted")
		}
	}
	_ = s.Root.StopFuture(root).Wait()
}

// A name is free before its last owner has handled Stopped. So names are never
// used again.
func TestLibrary_ANameIsFreeBeforeItsOwnerHasGone(t *testing.T) {
	s := system(t)
	entered, release := make(chan struct{}), make(chan struct{})
	pid, err := s.Root.SpawnNamed(actor.PropsFromFunc(func(ctx actor.Context) {
		if _, ok := ctx.Message().(*actor.Stopped); ok {
			close(entered)
			<-release
		}
	}), "name")
	if err != nil {
		t.Fatal(err)
	}
	stopped := s.Root.StopFuture(pid)
	<-entered
	again, err := s.Root.SpawnNamed(actor.PropsFromFunc(func(actor.Context) {}), "name")
	if err != nil {
		t.Errorf("the name is still taken while its owner stops (%v): it can be used again", err)
	}
	close(release)
	_ = stopped.Wait()
	_ = s.Root.StopFuture(again).Wait()
}
