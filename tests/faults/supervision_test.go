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
)

// others are two servers that have nothing to do with what happens, with 32
// callers at work.
func (h *house) others() []messages.ServerSpec {
	return []messages.ServerSpec{h.stdio("other-stdio", "plain"), h.http("other-http", modernHTTP(h.t))}
}

func TestUpstream_AProcessKilledInMidCall(t *testing.T) {
	for _, behaviour := range []string{"hold", "hold-modern"} {
		t.Run(behaviour, func(t *testing.T) {
			h := open(t, nil)
			a := stdioHeld(h, "a", behaviour)
			h.connect(append(h.others(), a.spec)...)
			wantResult(t, h.start(toolCall("a", "echo", 1), 1).outcome(t), `"t1"`)
			load := h.work(32, "other-stdio", "other-http")
			call := h.start(toolCall("a", "hold", 2), 2)
			actortest.Eventually(t, "the call is with its server", func() bool { return len(a.asked()) == 1 })

			pid := h.status("a").Pid
			begun := time.Now()
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			out := call.outcome(t)
			answered := time.Since(begun)
			wantKind(t, out, messages.KindUnavailable, messages.SentUnknown)
			if !strings.Contains(out.Failure.Message, "signal 9") {
				t.Errorf("the caller is told %q", out.Failure.Message)
			}
			wantResult(t, h.start(toolCall("a", "echo", 3), 3).outcome(t), `"t3"`)
			again := time.Since(begun)
			// The answer may overtake what the gateway publishes.
			actortest.Eventually(t, "the status shows the new process", func() bool {
				now := h.status("a")
				return now.Pid != pid && now.State == messages.StateConnected
			})
			if e := actortest.Await[messages.LinkLost](t, h.events, 1, nil); e.Server != "a" {
				t.Errorf("%+v", e)
			}
			load.more(h, 32)
			failed := load.end()
			if len(failed) != 0 {
				t.Errorf("callers of other servers: %v", failed)
			}
			t.Logf("answered %q, sent %q after %v, the next call after %v; meanwhile %d callers of other servers: %d results, %d errors",
				out.Failure.Kind, out.Failure.Sent, answered.Round(10*time.Microsecond), again.Round(time.Millisecond),
				load.callers, load.done.Load(), len(failed))
		})
	}
}

func TestUpstream_AServerThatNeverAnswersInitializeDelaysNobody(t *testing.T) {
	h := open(t, nil)
	mute := h.stdio("mute", "mute")
	mute.Policy.ConnectionTimeout = 2 * time.Second
	begun := time.Now()
	h.apply(append(h.others(), mute)...)
	applied := time.Since(begun)
	stuck := h.start(toolCall("mute", "echo", 1), 1)
	for _, server := range []string{"other-stdio", "other-http"} {
		wantResult(t, h.start(toolCall(server, "echo", 2), 2).outcome(t), "t2")
	}
	served := time.Since(begun)
	if s := h.status("mute"); s.State != messages.StateConnecting {
		t.Errorf("status %+v", s)
	}
	actortest.Eventually(t, "the others are listed", func() bool { return len(h.Directory().Catalogs) == 2 })
	listed := time.Since(begun)
	if stuck.answered() {
		t.Error("the server that never answers has answered")
	}
	load := h.work(32, "other-stdio", "other-http")
	out := stuck.outcome(t)
	gaveUp := time.Since(begun)
	wantKind(t, out, messages.KindUnavailable, messages.SentNo)
	load.more(h, 32)
	failed := load.end()
	if len(failed) != 0 {
		t.Errorf("callers of other servers: %v", failed)
	}
	t.Logf("servers applied after %v, the others served after %v and listed after %v; the call of the one that never answers: %q, sent %q after %v (connection_timeout %v); meanwhile %d callers: %d results, %d errors",
		applied.Round(time.Microsecond), served.Round(time.Millisecond), listed.Round(time.Millisecond), out.Failure.Kind, out.Failure.Sent,
		gaveUp.Round(time.Millisecond), mute.Policy.ConnectionTimeout, load.callers, load.done.Load(), len(failed))
}

func TestUpstream_APanicIsOneRestartAndNobodyElseNotices(t *testing.T) {
	h := open(t, nil)
	a := stdioHeld(h, "a", "hold")
	others := h.others()
	h.connect(append(others, a.spec)...)
	was, processes := h.upstreamOf("a"), puppet.Marked(h.mark)
	former := h.status("a").Pid
	siblings := func() (all []string) {
		for _, s := range others {
			all = append(all, h.upstreamOf(s.Name))
		}
		return append(all, h.paths("l")...)
	}
	ofOthers := func() []string {
		return slices.DeleteFunc(siblings(), func(path string) bool { return strings.HasPrefix(path, was+"/") })
	}
	before, process := ofOthers(), h.status("other-stdio").Pid
	load := h.work(32, "other-stdio", "other-http")
	var calls []pending
	for n := range 8 {
		calls = append(calls, h.start(toolCall("a", "hold", n), n))
	}
	actortest.Eventually(t, "8 calls are with the server", func() bool { return len(a.asked()) == len(calls) })

	begun := time.Now()
	if err := h.Crash(was, "a bug"); err != nil {
		t.Fatal(err)
	}
	for _, call := range calls {
		wantKind(t, call.outcome(t), messages.KindUnavailable, messages.SentUnknown)
	}
	answered := time.Since(begun)
	wantResult(t, h.start(toolCall("a", "echo", 9), 9).outcome(t), `"t9"`)
	again := time.Since(begun)
	var restarts []string
	for _, e := range actortest.Of[messages.ActorRestarted](h.events) {
		restarts = append(restarts, e.String())
	}
	if !slices.Equal(restarts, []string{"restart " + was}) || len(actortest.Of[messages.ActorStopped](h.events)) != 0 {
		t.Errorf("supervision events: %v, %v", restarts, actortest.Of[messages.ActorStopped](h.events))
	}
	if after := ofOthers(); !slices.Equal(after, before) || h.status("other-stdio").Pid != process {
		t.Errorf("siblings %v (process %d), were %v (process %d)", after, h.status("other-stdio").Pid, before, process)
	}
	actortest.Eventually(t, "the former process is gone", func() bool {
		now := puppet.Marked(h.mark)
		return len(now) == len(processes) && !slices.Contains(now, former)
	})
	load.more(h, 32)
	failed := load.end()
	if len(failed) != 0 {
		t.Errorf("callers of other servers: %v", failed)
	}
	t.Logf("%v; 8 callers answered after %v, the next call after %v; siblings unchanged: %v; %d callers of theirs: %d results, %d errors",
		restarts, answered.Round(10*time.Microsecond), again.Round(time.Millisecond), before, load.callers, load.done.Load(), len(failed))
}

func TestLink_StoppedOrWithABugIsReplacedWithItsProcess(t *testing.T) {
	for name, end := range map[string]func(h *house, path string) error{
		"killed": func(h *house, path string) error { return h.Kill(path) },
		"panic":  func(h *house, path string) error { return h.Crash(path, "a bug") },
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, nil)
			a := stdioHeld(h, "a", "hold")
			h.connect(append(h.others(), a.spec)...)
			wantResult(t, h.start(toolCall("a", "echo", 1), 1).outcome(t), `"t1"`)
			load := h.work(8, "other-stdio", "other-http")
			call := h.start(toolCall("a", "hold", 2), 2)
			actortest.Eventually(t, "the call is with its server", func() bool { return len(a.asked()) == 1 })
			former := h.status("a").Pid
			links := h.paths("l")
			i := slices.IndexFunc(links, func(path string) bool { return strings.HasPrefix(path, h.upstreamOf("a")+"/") })
			if err := end(h, links[i]); err != nil {
				t.Fatal(err)
			}
			wantKind(t, call.outcome(t), messages.KindUnavailable, messages.SentUnknown)
			wantResult(t, h.start(toolCall("a", "echo", 3), 3).outcome(t), `"t3"`)
			actortest.Eventually(t, "the former process is gone", func() bool { return !slices.Contains(puppet.Marked(h.mark), former) })
			if failed := load.end(); len(failed) != 0 {
				t.Errorf("callers of other servers: %v", failed)
			}
		})
	}
}
