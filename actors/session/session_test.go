package session

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// A session can be found, and be stopped, as soon as it has a name.
func TestSession_KilledWhileItIsSpawnedAnswersItsCaller(t *testing.T) {
	system := actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }),
		actor.WithDeadLetterThrottleInterval(time.Millisecond))
	defer system.Shutdown()
	answers := make(chan messages.Outcome, 2)
	door := system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if m, ok := ctx.Message().(*messages.Outcome); ok {
			answers <- *m
		}
	}))
	spawner := NewSpawner()
	spawner.props.Configure(actor.WithOnInit(func(ctx actor.Context) { system.Root.Stop(ctx.Self()) }))
	ended := make(chan string, 1)
	upstream := system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *actor.Started:
			call := &messages.Call{Server: "a", Request: messages.Request{Method: "tools/call"}}
			if _, err := spawner.Spawn(ctx, "s1", &Begin{
				Env: &kit.Env{Clock: kit.RealClock{}}, Now: time.Now(), Door: door, Call: call, Policy: &messages.Policy{}, Tell: new(atomic.Bool),
			}); err != nil {
				t.Error(err)
			}
		case *actor.Terminated:
			ended <- kit.Base(m.Who)
		}
	}))
	f := (<-answers).Failure
	if f == nil || f.Kind != messages.KindUnavailable || f.Sent != messages.SentNo || !f.Final || f.Server != "a" {
		t.Errorf("%+v", f)
	}
	if name := <-ended; name != "s1" { // what it held returns
		t.Error(name)
	}
	for _, pid := range []*actor.PID{upstream, door} {
		_ = system.Root.StopFuture(pid).Wait()
	}
	if len(answers) > 0 {
		t.Errorf("then %+v", <-answers)
	}
}
