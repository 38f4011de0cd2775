package actors_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

// Over HTTP nobody says that it goes. A client that had a stream open, has had
// none for a while and asks for nothing has left: whoever waits gets its place,
// and it finds its session ended, as the protocol has it. Of one that never
// listened nobody knows, and one that listens or asks is there.
func TestPool_AClientThatHasLeftMakesRoomForWhoWaits(t *testing.T) {
	s := tallying()
	r, _, clock := still(t, actortest.Dialer{"a": s})
	apply(t, r, isolated("a", messages.IsolationClient, func(s *messages.ServerSpec) { s.Policy.PoolMax = 6 }))
	connect(t, r, "a")
	join := func() (messages.ClientID, messages.Call, counted) {
		c := call("a")
		c.Client = openClient(t, r)
		return c.Client, c, counts(t, r, c)
	}
	listen := func(id messages.ClientID) messages.StreamID {
		stream, err := r.OpenStream(id, messages.Anonymous, messages.StreamSpec{})
		if err != nil {
			t.Fatal(err)
		}
		return stream
	}
	silent, silently, _ := join()
	listening, attentively, _ := join()
	listen(listening)
	back, backAgain, _ := join()
	r.CloseStream(back, listen(back))
	listen(back)
	busy, busily, _ := join()
	r.CloseStream(busy, listen(busy))
	begun, err := r.BeginRequest(busy, messages.Anonymous, "1", func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	defer begun.End()
	left, _, taken := join()
	r.CloseStream(left, listen(left))
	clock.Advance(time.Second)
	later, lately, _ := join()
	r.CloseStream(later, listen(later))
	sessions(t, r, 0)

	clock.Advance(6 * time.Second)
	waiting := background(r, of(call("a"), "somebody"))
	sessions(t, r, 1)
	pass(t, clock, 2*time.Second) // it left nine seconds ago
	actortest.Eventually(t, "it is looked again", func() bool { return slices.Contains(clock.Pending(), "2s") })
	if len(paths(r, "client:")) != 6 {
		t.Fatalf("a session has ended too early: %q", paths(r, "client:"))
	}
	pass(t, clock, 2*time.Second)
	if out := <-waiting; out.Failure != nil {
		t.Fatal(out.Failure)
	}
	_, err = r.CheckClient(left, messages.Anonymous)
	wantErr(t, err, messages.KindUnavailable)
	if s.Conns()[taken.Connection-1].IsOpen() {
		t.Error("the connection of who left is open")
	}
	for id, c := range map[messages.ClientID]messages.Call{silent: silently, listening: attentively, back: backAgain, busy: busily, later: lately} {
		if got := counts(t, r, c); got.Count != 2 {
			t.Errorf("client %s found %+v", id, got)
		}
	}
	if s.Most() > 6 {
		t.Errorf("%d connections at a time", s.Most())
	}
}

// A client that is there, and never listened, may lose its connection to somebody
// who waits, when it has not used it for pool.idle_ttl. What was kept there is
// gone: its next call says so, once, and is not made on a fresh connection as if
// nothing had happened.
func TestPool_WhoLostItsConnectionToAnotherIsTold(t *testing.T) {
	s := tallying()
	r, _, clock := still(t, actortest.Dialer{"a": s})
	apply(t, r, isolated("a", messages.IsolationClient, func(s *messages.ServerSpec) {
		s.Policy.PoolMax, s.Policy.PoolIdleTTL = 1, 15*time.Second // less than connection_timeout
	}))
	connect(t, r, "a")
	alice := call("a")
	alice.Client = openClient(t, r)
	counts(t, r, alice)
	sessions(t, r, 0)
	clock.Advance(10 * time.Second)
	bob := call("a")
	bob.Client = openClient(t, r)
	waiting := background(r, bob)
	sessions(t, r, 1)
	pass(t, clock, 5*time.Second)
	if out := <-waiting; out.Failure != nil {
		t.Fatal(out.Failure)
	}
	out := r.Call(t.Context(), alice, messages.Discard)
	wantKind(t, out, messages.KindUnavailable, messages.SentNo)
	if !strings.Contains(out.Failure.Message, "what it kept is gone") {
		t.Errorf("told %q", out.Failure.Message)
	}
	if err := r.CloseClient(t.Context(), bob.Client, messages.Anonymous); err != nil {
		t.Fatal(err)
	}
	if first, next := counts(t, r, alice), counts(t, r, alice); first != (counted{3, 1}) || next != (counted{3, 2}) {
		t.Errorf("alice found %+v, then %+v", first, next)
	}
}

// One that was cut off during a call comes back for its answer within
// limits.resume_for: until then it has not left.
func TestPool_AClientForWhichAnAnswerIsKeptHasNotLeft(t *testing.T) {
	s := tallying()
	r, _, clock := still(t, actortest.Dialer{"a": s})
	apply(t, r, isolated("a", messages.IsolationClient, func(s *messages.ServerSpec) {
		s.Policy.PoolMax, s.Policy.PoolIdleTTL = 1, 15*time.Second
	}))
	connect(t, r, "a")
	alice := call("a")
	alice.Client = openClient(t, r)
	stream, err := r.OpenStream(alice.Client, messages.Anonymous, messages.StreamSpec{})
	if err != nil {
		t.Fatal(err)
	}
	r.CloseStream(alice.Client, stream)
	counts(t, r, alice)
	sessions(t, r, 0)
	opened, err := r.KeepStream(alice.Client, messages.Anonymous, messages.StreamSpec{Request: true})
	if err != nil {
		t.Fatal(err)
	}
	first := r.KeepEvent(alice.Client, opened.Stream, []byte("the beginning"))
	r.KeepEvent(alice.Client, opened.Stream, []byte("the answer"))
	r.CloseStream(alice.Client, opened.Stream)

	clock.Advance(12 * time.Second)
	bob := call("a")
	bob.Client = openClient(t, r)
	waiting := background(r, bob)
	sessions(t, r, 1)
	actortest.Eventually(t, "it has been asked, and is asked again", func() bool { return slices.Contains(clock.Pending(), "2s") })
	again, err := r.KeepStream(alice.Client, messages.Anonymous, messages.StreamSpec{After: first.ID})
	if err != nil || again.Stream == 0 {
		t.Fatalf("who came back got %+v, %v", again, err)
	}
	r.CloseStream(alice.Client, again.Stream)
	pass(t, clock, 3*time.Second) // pool.idle_ttl
	if out := <-waiting; out.Failure != nil {
		t.Fatal(out.Failure)
	}
}
