package actors_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

var alice, bob = messages.Principal{Name: "alice"}, messages.Principal{Name: "bob"}

func open(t testing.TB, r *actors.Runtime, p messages.Principal) messages.ClientID {
	t.Helper()
	id, err := r.OpenClient(context.Background(), messages.ClientSpec{Principal: p, Protocol: "2025-11-25"})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func wantErr(t testing.TB, err error, kind messages.Kind) {
	t.Helper()
	var f *messages.Failure
	if !errors.As(err, &f) || f.Kind != kind {
		t.Fatalf("error %v, want kind %v", err, kind)
	}
}

func TestClient_IsOpenToItsPrincipalOnly(t *testing.T) {
	r, _ := start(t, nil, nil)
	id := open(t, r, alice)
	spec, err := r.CheckClient(id, alice)
	if err != nil || spec.Protocol != "2025-11-25" || spec.ID != id {
		t.Fatalf("%+v, %v", spec, err)
	}
	_, foreign := r.CheckClient(id, bob)
	_, forged := r.CheckClient("forged", bob)
	wantErr(t, foreign, messages.KindUnavailable)
	if foreign.Error() != forged.Error() {
		t.Errorf("a foreign session answers %q, one that does not exist %q: they must look the same", foreign, forged)
	}
	if _, err := r.OpenStream(id, bob, messages.StreamSpec{}); err == nil {
		t.Error("a foreigner opened a stream")
	}
	wantErr(t, r.CloseClient(context.Background(), id, bob), messages.KindUnavailable)
	if err := r.CloseClient(context.Background(), id, alice); err != nil {
		t.Fatal(err)
	}
	_, err = r.CheckClient(id, alice)
	wantErr(t, err, messages.KindUnavailable)
	wantErr(t, r.CloseClient(context.Background(), id, alice), messages.KindUnavailable)
}

func TestClient_ARequestIsCancelledByItsIdAndByNobodyElse(t *testing.T) {
	r, _ := start(t, nil, nil)
	id := open(t, r, alice)
	ends := map[string]func(){}
	begin := func(requestID string) (context.Context, error) {
		ctx, cancel := context.WithCancelCause(context.Background())
		begun, err := r.BeginRequest(id, alice, requestID, cancel)
		if err == nil {
			ends[requestID] = begun.End
			if begun.Spec.Principal != alice {
				t.Errorf("the session of %s was opened with %+v", requestID, begun.Spec)
			}
		}
		return ctx, err
	}
	one, err := begin("1")
	if err != nil {
		t.Fatal(err)
	}
	two, err := begin(`"1"`) // the string is another id than the number
	if err != nil {
		t.Fatal(err)
	}
	if _, err := begin("1"); err == nil {
		t.Fatal("a duplicate id was accepted")
	} else {
		wantErr(t, err, messages.KindInvalidArgs)
	}
	r.CancelRequest(id, bob, "1", "not mine", nil)
	r.CancelRequest(id, alice, "99", "unknown", nil)
	r.CancelRequest(id, alice, "1", "changed my mind", nil)
	<-one.Done()
	wantErr(t, context.Cause(one), messages.KindCancelled)
	if got := context.Cause(one).Error(); got != "cancelled: changed my mind" {
		t.Errorf("cause %q", got)
	}
	if two.Err() != nil {
		t.Error("the other request was cancelled")
	}
	ends["1"]()
	if _, err := begin("1"); err != nil {
		t.Errorf("the id is free again, but: %v", err)
	}
	if err := r.CloseClient(context.Background(), id, alice); err != nil {
		t.Fatal(err)
	}
	<-two.Done()
	ends[`"1"`]()
	ends["1"]()
	late, err := begin("2")
	wantErr(t, err, messages.KindUnavailable)
	if late.Err() != nil {
		t.Error("a request that did not begin was cancelled")
	}
}

// Who is with one server hears what that server tells, and nothing of others.
func TestClient_OfOneServerHearsOfItsListsOnly(t *testing.T) {
	servers := actortest.Dialer{"mine": {}, "other": {}}
	r, _ := start(t, servers, nil)
	apply(t, r, actortest.Spec("mine"), actortest.Spec("other"))
	connect(t, r, "mine")
	connect(t, r, "other")
	id, err := r.OpenClient(context.Background(), messages.ClientSpec{Principal: alice, Endpoint: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	topics := messages.TopicTools | messages.TopicPrompts
	stream, err := r.OpenStream(id, alice, messages.StreamSpec{Topics: topics, Listen: true})
	if err != nil {
		t.Fatal(err)
	}
	servers["other"].Last().Request.Unsolicited(messages.Notification{Method: "notifications/tools/list_changed"})
	servers["mine"].Last().Request.Unsolicited(messages.Notification{Method: "notifications/prompts/list_changed"})
	got, err := r.NextEvents(context.Background(), id, stream)
	if err != nil || len(got) != 1 || got[0].Method != "notifications/prompts/list_changed" {
		t.Errorf("%v, %v", got, err)
	}
}

// What a server says of its lists on the connection of one client is not for
// another one, who hears the fact.
func TestClient_WhatIsSaidToOneOfItsListsIsNotForAnother(t *testing.T) {
	s := tallying()
	r, _ := start(t, actortest.Dialer{"a": s}, nil)
	apply(t, r, actortest.Spec("a"))
	connect(t, r, "a")
	listening := func() (messages.ClientID, func() string) {
		id, err := r.OpenClient(t.Context(), messages.ClientSpec{Principal: alice, Endpoint: "a"})
		if err != nil {
			t.Fatal(err)
		}
		stream, err := r.OpenStream(id, alice, messages.StreamSpec{Topics: messages.TopicTools, Listen: true})
		if err != nil {
			t.Fatal(err)
		}
		return id, func() string {
			ctx, cancel := context.WithTimeout(t.Context(), actortest.Patience)
			defer cancel()
			got, err := r.NextEvents(ctx, id, stream)
			if err != nil || len(got) != 1 || got[0].Method != "notifications/tools/list_changed" {
				t.Fatalf("%v, %v", got, err)
			}
			return string(got[0].Params)
		}
	}
	one, oneHears := listening()
	_, otherHears := listening()
	changes := func(on int) {
		s.Conns()[on-1].Request.Unsolicited(messages.Notification{Method: "notifications/tools/list_changed", Params: json.RawMessage(`{"x":1}`)})
	}
	connected := func(caller messages.Caller) int {
		c := call("a")
		c.Principal, c.Client, c.Caller = alice, caller.Client, caller
		return counts(t, r, c).Connection
	}
	own := connected(messages.Caller{Mirror: true, Modern: true, Protocol: "2026-07-28", Client: one})
	token := connected(messages.Caller{Headers: map[string]string{"X-Token": "mine"}})
	for _, c := range []struct {
		on         int
		one, other string
	}{{1, `{"x":1}`, `{"x":1}`}, {own, `{"x":1}`, ""}, {token, "", ""}} {
		changes(c.on)
		if got, others := oneHears(), otherHears(); got != c.one || others != c.other {
			t.Errorf("of what was said on connection %d it heard %q, and the other one %q", c.on, got, others)
		}
	}
}

func TestClient_NotificationsGoToTheNewestStreamAndToEveryListenStreamThatAsked(t *testing.T) {
	servers := actortest.Dialer{}
	for i := range 10 {
		servers[fmt.Sprint(i)] = &actortest.Server{}
	}
	r, _ := start(t, servers, nil)
	id, err := r.OpenClient(context.Background(), messages.ClientSpec{Principal: alice})
	if err != nil {
		t.Fatal(err)
	}
	stream := func(spec messages.StreamSpec) messages.StreamID {
		s, err := r.OpenStream(id, alice, spec)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	old := stream(messages.StreamSpec{Topics: messages.TopicTools})
	newest := stream(messages.StreamSpec{Topics: messages.TopicTools})
	listen := stream(messages.StreamSpec{Topics: messages.TopicTools, Listen: true})

	var specs []messages.ServerSpec
	for name := range servers {
		specs = append(specs, actortest.Spec(name))
	}
	apply(t, r, specs...)
	for _, s := range []messages.StreamID{newest, listen} {
		got, err := r.NextEvents(context.Background(), id, s)
		if err != nil || len(got) != 1 || got[0].Method != "notifications/tools/list_changed" {
			t.Errorf("stream %d: %v, %v", s, got, err)
		}
	}
	// Nothing for the older stream, until the newest closes.
	waiting, cancel := context.WithCancel(context.Background())
	r.CloseStream(id, newest)
	events := make(chan error, 1)
	go func() {
		_, err := r.NextEvents(waiting, id, old)
		events <- err
	}()
	apply(t, r)
	if err := <-events; err != nil {
		t.Errorf("the older stream: %v", err)
	}
	cancel()
	silent := stream(messages.StreamSpec{Listen: true})
	if _, err := r.NextEvents(waiting, id, silent); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ended: %v", err)
	}
}

func TestClient_OfTheCompactEndpointHearsOfToolsOnly(t *testing.T) {
	servers := actortest.Dialer{"a": {Peer: messages.Peer{Capabilities: []byte(`{"resources":{}}`)}}}
	r, rec := start(t, servers, nil)
	id := open(t, r, alice)
	tools, err := r.OpenStream(id, alice, messages.StreamSpec{Topics: messages.TopicTools, Listen: true})
	if err != nil {
		t.Fatal(err)
	}
	apply(t, r, actortest.Spec("a"))
	for {
		got, err := r.NextEvents(context.Background(), id, tools)
		if err != nil || len(got) != 1 || got[0].Method != "notifications/tools/list_changed" {
			t.Fatalf("%v, %v", got, err)
		}
		if _, ok := r.Directory().Catalog("a"); ok {
			break
		}
	}
	actortest.Await[messages.DirectoryChanged](t, rec, 2, nil)
}

func TestClient_StreamsEndInGoodOrderWhenItsSessionOrTheRuntimeCloses(t *testing.T) {
	for name, end := range map[string]func(*actors.Runtime, messages.ClientID){
		"session": func(r *actors.Runtime, id messages.ClientID) {
			_ = r.CloseClient(context.Background(), id, alice)
		},
		"runtime": func(r *actors.Runtime, _ messages.ClientID) { r.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := start(t, nil, nil)
			id := open(t, r, alice)
			s, err := r.OpenStream(id, alice, messages.StreamSpec{Topics: messages.TopicTools})
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() {
				_, err := r.NextEvents(context.Background(), id, s)
				ended <- err
			}()
			end(r, id)
			// Whether the pull was there before the end or came after it.
			if err := <-ended; !errors.Is(err, io.EOF) {
				var f *messages.Failure
				if name == "runtime" || !errors.As(err, &f) {
					t.Errorf("the stream ended with %v", err)
				}
			}
		})
	}
}

func TestClient_ACrashEndsItsSessionOnly(t *testing.T) {
	r, rec := start(t, nil, nil)
	id, other := open(t, r, alice), open(t, r, alice)
	ctx, cancel := context.WithCancelCause(context.Background())
	begun, err := r.BeginRequest(id, alice, "1", cancel)
	if err != nil {
		t.Fatal(err)
	}
	all := paths(r, "client:")
	if len(all) != 2 {
		t.Fatalf("clients %v", all)
	}
	crashed := 0
	for _, p := range all {
		if err := r.Crash(p, "a bug"); err != nil {
			t.Fatal(err)
		}
		actortest.Await[messages.ActorStopped](t, rec, crashed+1, nil)
		crashed++
		if ctx.Err() != nil {
			break
		}
	}
	<-ctx.Done()
	actortest.Eventually(t, "its session is gone", func() bool { _, err := r.CheckClient(id, alice); return err != nil })
	if _, err := r.CheckClient(other, alice); crashed == 1 && err != nil {
		t.Errorf("the other session: %v", err)
	}
	begun.End()
}

func TestClient_LimitsOfSessionsAndStreams(t *testing.T) {
	r, _ := start(t, nil, func(o *actors.Options) { o.Limits.ClientSessions, o.Limits.StreamsPerClient = 2, 1 })
	id := open(t, r, alice)
	open(t, r, alice)
	_, err := r.OpenClient(context.Background(), messages.ClientSpec{})
	wantErr(t, err, messages.KindOverloaded)
	s, err := r.OpenStream(id, alice, messages.StreamSpec{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.OpenStream(id, alice, messages.StreamSpec{})
	wantErr(t, err, messages.KindOverloaded)
	r.CloseStream(id, s)
	if _, err = r.OpenStream(id, alice, messages.StreamSpec{}); err != nil {
		t.Error(err)
	}
	if err := r.CloseClient(context.Background(), id, alice); err != nil {
		t.Fatal(err)
	}
	actortest.Eventually(t, "a place is free again", func() bool {
		_, err := r.OpenClient(context.Background(), messages.ClientSpec{})
		return err == nil
	})
}

func TestClient_IsClosedWhenIdleAndNotWhileARequestOrStreamIsOpen(t *testing.T) {
	clock := actortest.NewClock()
	r, _ := start(t, nil, func(o *actors.Options) { o.Clock = clock })
	idle, busy := open(t, r, alice), open(t, r, alice)
	var cancelled atomic.Bool
	begun, err := r.BeginRequest(busy, alice, "1", func(error) { cancelled.Store(true) })
	if err != nil {
		t.Fatal(err)
	}
	actortest.Eventually(t, "both are armed", func() bool { return len(clock.Pending()) == 2 })
	clock.Advance(30 * time.Minute)
	actortest.Eventually(t, "the idle one is gone", func() bool { return len(paths(r, "client:")) == 1 })
	_, err = r.CheckClient(idle, alice)
	wantErr(t, err, messages.KindUnavailable)
	begun.End()
	actortest.Eventually(t, "the busy one goes when it is idle", func() bool {
		clock.Advance(30 * time.Minute)
		return len(paths(r, "client:")) == 0
	})
	if cancelled.Load() {
		t.Error("a request that had ended was cancelled")
	}
}

func TestKill_OfWhatDoesNotExist(t *testing.T) {
	r, _ := start(t, nil, nil)
	for _, path := range []string{"", "gateway/upstream:x#1", "eventstream"} {
		if err := r.Kill(path); err == nil {
			t.Errorf("killed %q", path)
		}
		if err := r.Crash(path, ""); err == nil {
			t.Errorf("crashed %q", path)
		}
	}
	if err := r.Kill("gateway"); err == nil {
		t.Error("killed the gateway")
	}
}
