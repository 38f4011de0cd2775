package faults_test

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/testkit"
)

// others are two servers that have nothing to do with what happens, with 32
// callers at work.
func others(h *testkit.House) []messages.ServerSpec {
	return []messages.ServerSpec{h.Stdio("other-stdio", "plain"), h.HTTP("other-http", modernHTTP(h.T))}
}

func TestUpstream_AProcessKilledInMidCall(t *testing.T) {
	t.Parallel()
	for _, behaviour := range []string{"hold", "hold-modern"} {
		t.Run(behaviour, func(t *testing.T) {
			h := testkit.Open(t, nil)
			a := stdioHeld(h, "a", behaviour)
			h.ServeAll(append(others(h), a.spec)...)
			testkit.WantResult(t, h.Start(testkit.ToolCall("a", "echo", 1), 1).Outcome(t), `"t1"`)
			load := h.Work(32, "other-stdio", "other-http")
			call := h.Start(testkit.ToolCall("a", "hold", 2), 2)
			actortest.Eventually(t, "the call is with its server", func() bool { return len(a.asked()) == 1 })

			pid := h.StatusOf("a").Pid
			begun := time.Now()
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			out := call.Outcome(t)
			answered := time.Since(begun)
			testkit.WantKind(t, out, messages.KindUnavailable, messages.SentUnknown)
			if !strings.Contains(out.Failure.Message, "signal 9") {
				t.Errorf("the caller is told %q", out.Failure.Message)
			}
			testkit.WantResult(t, h.Start(testkit.ToolCall("a", "echo", 3), 3).Outcome(t), `"t3"`)
			again := time.Since(begun)
			// The answer may overtake what the gateway publishes.
			actortest.Eventually(t, "the status shows the new process", func() bool {
				now := h.StatusOf("a")
				return now.Pid != pid && now.State == messages.StateConnected
			})
			if e := actortest.Await[messages.LinkLost](t, h.Events, 1, nil); e.Server != "a" {
				t.Errorf("%+v", e)
			}
			load.More(32)
			failed := load.End()
			if len(failed) != 0 {
				t.Errorf("callers of other servers: %v", failed)
			}
			t.Logf("answered %q, sent %q after %v, the next call after %v; meanwhile %d callers of other servers: %d results, %d errors",
				out.Failure.Kind, out.Failure.Sent, answered.Round(10*time.Microsecond), again.Round(time.Millisecond),
				load.Callers, load.Done.Load(), len(failed))
		})
	}
}

func TestUpstream_AServerThatNeverAnswersInitializeDelaysNobody(t *testing.T) {
	t.Parallel()
	// Where the machine is so busy that the others take as long as that, it is
	// repeated with more time.
	for timeout := 2 * time.Second; !neverAnswers(t, timeout); timeout *= 4 {
		if timeout > testkit.Patience {
			t.Fatalf("the other servers were not up within %v", timeout)
		}
	}
}

// neverAnswers is the test with that connection_timeout; false when the other
// servers were not up before it was over.
func neverAnswers(t *testing.T, timeout time.Duration) bool {
	h := testkit.Open(t, nil)
	mute := h.Stdio("mute", "mute")
	mute.Policy.ConnectionTimeout = timeout
	begun := time.Now()
	h.Serve(append(others(h), mute)...)
	applied := time.Since(begun)
	stuck := h.Start(testkit.ToolCall("mute", "echo", 1), 1)
	for _, server := range []string{"other-stdio", "other-http"} {
		testkit.WantResult(t, h.Start(testkit.ToolCall(server, "echo", 2), 2).Outcome(t), "t2")
	}
	served := time.Since(begun)
	status := h.StatusOf("mute")
	actortest.Eventually(t, "the others are listed", func() bool { return len(h.Directory().Catalogs) == 2 })
	answered := stuck.Answered()
	listed := time.Since(begun)
	if listed >= timeout {
		return false
	}
	if status.State != messages.StateConnecting {
		t.Errorf("status %+v", status)
	}
	if answered {
		t.Error("the server that never answers has answered")
	}
	load := h.Work(32, "other-stdio", "other-http")
	out := stuck.Outcome(t)
	gaveUp := time.Since(begun)
	testkit.WantKind(t, out, messages.KindUnavailable, messages.SentNo)
	load.More(32)
	failed := load.End()
	if len(failed) != 0 {
		t.Errorf("callers of other servers: %v", failed)
	}
	t.Logf("servers applied after %v, the others served after %v and listed after %v; the call of the one that never answers: %q, sent %q after %v (connection_timeout %v); meanwhile %d callers: %d results, %d errors",
		applied.Round(time.Microsecond), served.Round(time.Millisecond), listed.Round(time.Millisecond), out.Failure.Kind, out.Failure.Sent,
		gaveUp.Round(time.Millisecond), timeout, load.Callers, load.Done.Load(), len(failed))
	return true
}

func TestUpstream_APanicIsOneRestartAndNobodyElseNotices(t *testing.T) {
	t.Parallel()
	h := testkit.Open(t, nil)
	a := stdioHeld(h, "a", "hold")
	others := others(h)
	h.ServeAll(append(others, a.spec)...)
	was, processes := h.UpstreamOf("a"), puppet.Marked(h.Mark)
	former := h.StatusOf("a").Pid
	siblings := func() (all []string) {
		for _, s := range others {
			all = append(all, h.UpstreamOf(s.Name))
		}
		return append(all, h.Paths("l")...)
	}
	ofOthers := func() []string {
		return slices.DeleteFunc(siblings(), func(path string) bool { return strings.HasPrefix(path, was+"/") })
	}
	before, process := ofOthers(), h.StatusOf("other-stdio").Pid
	load := h.Work(32, "other-stdio", "other-http")
	var calls []testkit.Pending
	for n := range 8 {
		calls = append(calls, h.Start(testkit.ToolCall("a", "hold", n), n))
	}
	actortest.Eventually(t, "8 calls are with the server", func() bool { return len(a.asked()) == len(calls) })

	begun := time.Now()
	if err := h.Crash(was, "a bug"); err != nil {
		t.Fatal(err)
	}
	for _, call := range calls {
		testkit.WantKind(t, call.Outcome(t), messages.KindUnavailable, messages.SentUnknown)
	}
	answered := time.Since(begun)
	testkit.WantResult(t, h.Start(testkit.ToolCall("a", "echo", 9), 9).Outcome(t), `"t9"`)
	again := time.Since(begun)
	actortest.Await[messages.ActorRestarted](t, h.Events, 1, nil)
	var restarts []string
	for _, e := range actortest.Of[messages.ActorRestarted](h.Events) {
		restarts = append(restarts, e.String())
	}
	if !slices.Equal(restarts, []string{"restart " + was}) || len(actortest.Of[messages.ActorStopped](h.Events)) != 0 {
		t.Errorf("supervision events: %v, %v", restarts, actortest.Of[messages.ActorStopped](h.Events))
	}
	if after := ofOthers(); !slices.Equal(after, before) || h.StatusOf("other-stdio").Pid != process {
		t.Errorf("siblings %v (process %d), were %v (process %d)", after, h.StatusOf("other-stdio").Pid, before, process)
	}
	actortest.Eventually(t, "the former process is gone", func() bool {
		now := puppet.Marked(h.Mark)
		return len(now) == len(processes) && !slices.Contains(now, former)
	})
	load.More(32)
	failed := load.End()
	if len(failed) != 0 {
		t.Errorf("callers of other servers: %v", failed)
	}
	t.Logf("%v; 8 callers answered after %v, the next call after %v; siblings unchanged: %v; %d callers of theirs: %d results, %d errors",
		restarts, answered.Round(10*time.Microsecond), again.Round(time.Millisecond), before, load.Callers, load.Done.Load(), len(failed))
}

func TestLink_StoppedOrWithABugIsReplacedWithItsProcess(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(h *testkit.House, path string) error{
		"killed": func(h *testkit.House, path string) error { return h.Kill(path) },
		"panic":  func(h *testkit.House, path string) error { return h.Crash(path, "a bug") },
	} {
		t.Run(name, func(t *testing.T) {
			h := testkit.Open(t, nil)
			a := stdioHeld(h, "a", "hold")
			h.ServeAll(append(others(h), a.spec)...)
			testkit.WantResult(t, h.Start(testkit.ToolCall("a", "echo", 1), 1).Outcome(t), `"t1"`)
			load := h.Work(8, "other-stdio", "other-http")
			call := h.Start(testkit.ToolCall("a", "hold", 2), 2)
			actortest.Eventually(t, "the call is with its server", func() bool { return len(a.asked()) == 1 })
			former := h.StatusOf("a").Pid
			links := h.Paths("l")
			i := slices.IndexFunc(links, func(path string) bool { return strings.HasPrefix(path, h.UpstreamOf("a")+"/") })
			if err := end(h, links[i]); err != nil {
				t.Fatal(err)
			}
			testkit.WantKind(t, call.Outcome(t), messages.KindUnavailable, messages.SentUnknown)
			testkit.WantResult(t, h.Start(testkit.ToolCall("a", "echo", 3), 3).Outcome(t), `"t3"`)
			actortest.Eventually(t, "the former process is gone", func() bool { return !slices.Contains(puppet.Marked(h.Mark), former) })
			if failed := load.End(); len(failed) != 0 {
				t.Errorf("callers of other servers: %v", failed)
			}
		})
	}
}
