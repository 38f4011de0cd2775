package faults_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/tests/testkit"
)

func TestClose_ThreeAtOnceUnderLoadWithAHungServerAndOneWhoseCloseFails(t *testing.T) {
	refusing, modern := legacyHTTP(t), modernHTTP(t)
	refusing.Always("DELETE", puppethttp.Status(http.StatusInternalServerError, "no"))
	// Draining the hung server and killing it take three seconds; the others need
	// hardly any, but the machine may be busy.
	const limit = 30 * time.Second
	h := testkit.Open(t, func(o *actors.Options) { o.Limits.CloseTimeout = limit })
	before := h.Holds()
	received := t.TempDir() + "/received"
	stubborn := h.Stdio("stubborn", "record", received, "stubborn")
	stubborn.Policy.DrainTimeout, stubborn.Policy.KillAfter = 2*time.Second, time.Second
	h.ServeAll(stubborn, h.HTTP("refusing", refusing), h.Stdio("fine-stdio", "plain"), h.Stdio("fine-modern", "modern"), h.HTTP("fine-http", modern))
	testkit.WantResult(t, h.Start(testkit.ToolCall("stubborn", "echo", 1), 1).Outcome(t), "t1")
	during := h.Holds()
	load := h.Work(32, "stubborn", "refusing", "fine-stdio", "fine-modern", "fine-http")
	// The hung server also has calls that never end: the drain is used up.
	var stuck []testkit.Pending
	for n := range 4 {
		stuck = append(stuck, h.Start(testkit.ToolCall("stubborn", "sleep", n), n))
	}
	actortest.Eventually(t, "calls are stuck", func() bool {
		return strings.Count(strings.Join(puppet.Recorded(received), "\n"), `"sleep"`) == len(stuck)
	})

	type closed struct {
		report messages.CloseReport
		took   time.Duration
	}
	begun := time.Now()
	closings := make(chan closed, 3)
	for range cap(closings) {
		go func() { closings <- closed{h.Close(), time.Since(begun)} }()
	}
	var all []closed
	for range cap(closings) {
		c := <-closings
		all = append(all, c)
		if c.took > limit {
			t.Errorf("a close took %v, limits.close_timeout is %v", c.took, limit)
		}
		if named := slices.Sorted(maps.Keys(c.report.Errors)); !slices.Equal(named, []string{"refusing", "stubborn"}) || c.report.Closed != 3 {
			t.Errorf("closed %d, errors %v; want 3, and the two", c.report.Closed, c.report.Errors)
		}
	}
	for server, want := range map[string]string{"refusing": "500", "stubborn": "killed"} {
		if got := all[0].report.Errors[server]; !strings.Contains(got, want) || !strings.Contains(got, server) {
			t.Errorf("of %q it says %q, want %q in it", server, got, want)
		}
	}
	again := time.Now()
	fourth := h.Close()
	instant := time.Since(again)
	if instant > stubborn.Policy.DrainTimeout || len(fourth.Errors) != 2 {
		t.Errorf("the fourth close took %v and says %v", instant, fourth)
	}

	// Everybody was answered, and typed.
	for _, p := range stuck {
		testkit.WantKind(t, p.Outcome(t), messages.KindUnavailable, messages.SentUnknown)
	}
	failed := load.End()
	for what := range failed {
		if !strings.Contains(what, ": unavailable, sent ") && !strings.Contains(what, ": unknown_upstream, sent no") {
			t.Errorf("a caller was answered %q", what)
		}
	}
	// Nothing is left.
	h.NothingLeft()
	if s := h.Statuses(); len(s) != 0 || h.Connected() != 0 || len(h.Directory().Catalogs) != 0 {
		t.Errorf("left: %v, %d connected, %d catalogs", s, h.Connected(), len(h.Directory().Catalogs))
	}
	var after testkit.Holdings
	actortest.Eventually(t, "all is given back", func() bool { after = h.Holds(); return after.Within(before) })
	t.Logf("three closes took %v, %v and %v of %v, the fourth %v; closed %d in good order; errors: %v; %d calls done before, %d callers answered %v",
		all[0].took.Round(time.Millisecond), all[1].took.Round(time.Millisecond), all[2].took.Round(time.Millisecond), limit, instant,
		fourth.Closed, fourth.Errors, load.Done.Load(), load.Callers, failed)
	t.Logf("before: %v; connected: %v; after: %v", before, during, after)
}

func TestDisconnect_EndsTheProcessAndOnlyConnectBringsItBack(t *testing.T) {
	t.Parallel()
	h := testkit.Open(t, nil)
	p := legacyHTTP(t)
	spec := h.Stdio("a", "plain")
	h.ServeAll(spec, h.HTTP("b", p))
	first := h.StatusOf("a").Pid
	if err := h.Connect(t.Context(), "a"); err != nil || h.StatusOf("a").Pid != first {
		t.Errorf("connecting a connected server: %v, process %d, was %d", err, h.StatusOf("a").Pid, first)
	}
	actortest.Await(t, h.Events, 1, func(e messages.AlreadyConnected) bool { return e.Server == "a" })
	for server, gone := range map[string]func() bool{
		"a": func() bool { return len(puppet.Marked(h.Mark)) == 0 },
		"b": func() bool { return p.Sessions() == 0 },
	} {
		if was, err := h.Disconnect(t.Context(), server); !was || err != nil {
			t.Errorf("%s: %v, %v", server, was, err)
		}
		if !gone() {
			t.Errorf("%s: the other side is still there", server)
		}
		if s := h.StatusOf(server); s.State != messages.StateDisconnected {
			t.Errorf("%+v", s)
		}
		testkit.WantKind(t, h.Start(testkit.ToolCall(server, "echo", 1), 1).Outcome(t), messages.KindUnavailable, messages.SentNo)
		if was, err := h.Disconnect(t.Context(), server); was || err != nil {
			t.Errorf("%s, again: %v, %v", server, was, err)
		}
	}
	if pids := puppet.Marked(h.Mark); len(pids) != 0 {
		t.Errorf("a call has started %v", pids)
	}
	if was, err := h.Disconnect(t.Context(), "nobody"); was || err != nil {
		t.Errorf("an unknown server: %v, %v", was, err)
	}
	for _, server := range []string{"a", "b"} {
		if err := h.Connect(t.Context(), server); err != nil {
			t.Error(err)
		}
		testkit.WantResult(t, h.Start(testkit.ToolCall(server, "echo", 2), 2).Outcome(t), "t2")
	}
	// A close that fails is told, and costs nothing but the telling.
	p.Always("DELETE", puppethttp.Status(http.StatusInternalServerError, "no"))
	was, err := h.Disconnect(t.Context(), "b")
	if !was || err == nil || !strings.Contains(err.Error(), `server "b"`) || !strings.Contains(err.Error(), "500") {
		t.Errorf("a failing close: %v, %v", was, err)
	}
	p.Always("DELETE", nil)
	if err := h.Connect(t.Context(), "b"); err != nil {
		t.Error(err)
	}
}

// Operations on one server are ordered by its actor, whoever asks for them.
func TestConnect_AndDisconnectFromAllSidesLeaveOneProcessOrNone(t *testing.T) {
	t.Parallel()
	h := testkit.Open(t, nil)
	h.ServeAll(h.Stdio("a", "plain"))
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if i%2 == 0 {
				_, _ = h.Disconnect(context.Background(), "a") // somebody else may have
			} else {
				_ = h.Connect(context.Background(), "a") // somebody else may disconnect
			}
		})
	}
	wg.Wait()
	want := map[messages.State]int{messages.StateConnected: 1, messages.StateDisconnected: 0}
	state := h.StatusOf("a").State
	n, settled := want[state]
	if left := len(puppet.Marked(h.Mark)); !settled || left != n || len(h.Paths("l")) != n {
		t.Errorf("state %s with %d processes and links %v", state, left, h.Paths("l"))
	}
	if err := h.Connect(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	testkit.WantResult(t, h.Start(testkit.ToolCall("a", "echo", 1), 1).Outcome(t), "t1")
	t.Logf("after 8 connects and 8 disconnects at once: %s, %d processes", state, n)
}
