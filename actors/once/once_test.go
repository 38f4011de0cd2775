package once

import (
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

const patience = time.Minute

var claim = messages.ClaimOnce{Key: messages.Digest{1}, Body: messages.Digest{2}}

// doors send to a keeper, each under an address of its own.
type doors struct {
	t      *testing.T
	system *actor.ActorSystem
	keeper *actor.PID
}

func start(t *testing.T) doors {
	system := actor.NewActorSystem(actor.WithDeadLetterThrottleInterval(time.Millisecond))
	t.Cleanup(system.Shutdown)
	d := doors{t, system, system.Root.Spawn(Props())}
	system.Root.Send(d.keeper, Begin{Env: &kit.Env{Clock: kit.RealClock{}, Limits: messages.DefaultLimits()}})
	return d
}

func (d doors) ask(m any) *actor.Future {
	f := actor.NewFuture(d.system, patience)
	d.system.Root.RequestWithCustomSender(d.keeper, m, f.PID())
	return f
}

func (d doors) leave(f *actor.Future) {
	d.system.Root.RequestWithCustomSender(d.keeper, messages.LeaveOnce{Key: claim.Key}, f.PID())
}

func (d doors) stop() {
	d.t.Helper()
	if err := d.system.Root.StopFuture(d.keeper).Wait(); err != nil {
		d.t.Error(err)
	}
}

func (d doors) claimed(what string, f *actor.Future) {
	d.t.Helper()
	reply, err := f.Result()
	if _, ok := reply.(messages.OnceClaimed); !ok {
		d.t.Fatalf("%s: %v %v", what, reply, err)
	}
}

func TestKeeper_AMakerThatLeftHandsOnWhatItHasNotMade(t *testing.T) {
	d := start(t)
	a := d.ask(claim)
	d.claimed("the first", a)
	b, c := d.ask(claim), d.ask(claim)
	d.leave(b) // it waits no longer, and must not get the request
	d.leave(a)
	d.claimed("the next that waits", c)
	d.leave(c)
	e := d.ask(claim)
	d.claimed("one that finds the key free", e)
	d.system.Root.Send(d.keeper, messages.SettleOnce{Key: claim.Key, Outcome: messages.Outcome{Result: []byte(`1`)}, Keep: true})
	d.leave(e) // too late to mean anything
	if reply, err := d.ask(claim).Result(); err != nil || string(reply.(messages.Outcome).Result) != "1" {
		t.Fatalf("the last: %v %v", reply, err)
	}
	d.stop()
}

func TestKeeper_StoppingTellsThoseWhoWaitThatNothingIsKnown(t *testing.T) {
	d := start(t)
	a := d.ask(claim)
	d.claimed("the first", a)
	b := d.ask(claim)
	other := claim
	other.Body = messages.Digest{3}
	if reply, err := d.ask(other).Result(); err != nil || reply.(messages.Outcome).Failure.Kind != messages.KindInvalidArgs {
		t.Fatalf("another body: %+v %v", reply, err)
	}
	d.stop() // behind b, which has been heard when others behind it were
	reply, err := b.Result()
	out, _ := reply.(messages.Outcome)
	if err != nil || out.Failure == nil || out.Failure.Kind != messages.KindInternal || out.Failure.Sent != messages.SentUnknown {
		t.Errorf("who waits: %v %+v", err, reply)
	}
}
