package faults_test

import (
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/testkit"
)

const ofProcess = "A process"

// impatient is a policy for servers that will not answer, and are given up.
func impatient(spec messages.ServerSpec) messages.ServerSpec {
	spec.Policy.RequestTimeout, spec.Policy.HealthCheckTimeout = 2*time.Second, time.Second
	return spec
}

// trusting is one for servers that will not answer, but to a sign of life.
func trusting(spec messages.ServerSpec) messages.ServerSpec {
	spec.Policy.RequestTimeout, spec.Policy.HealthCheckTimeout = 2*time.Second, testkit.Patience
	return spec
}

// signal sends the sick server's process a signal.
func (s *stage) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := syscall.Kill(s.StatusOf(sick).Pid, sig); err != nil {
		s.t.Fatal(err)
	}
}

// create makes a file for which a puppet waits.
func (s *stage) create(name string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), nil, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// one makes a fault of a process whose tool does the harm, for three callers at
// once.
func one(tool string, behaviour string, args ...string) func(s *stage) {
	return func(s *stage) {
		s.begin(true, s.process(behaviour, args...))
		s.answers(s.call(tool, 3))
	}
}

// unanswered is the same for a tool that does not answer; what the server does
// otherwise decides how long it is believed in.
func unanswered(belief func(messages.ServerSpec) messages.ServerSpec, tool string, behaviour string) func(s *stage) {
	return func(s *stage) {
		s.begin(true, belief(s.process(behaviour)))
		s.answers(s.call(tool, 3))
	}
}

var processFaults = []fault{
	{
		ofProcess, "killed in mid-call (SIGKILL)", "puppet hold",
		"unavailable, sent unknown", "a new process",
		func(s *stage) {
			s.begin(true, s.process("hold"))
			calls := s.call("hold", 3)
			s.asked("hold", 3)
			s.signal(syscall.SIGKILL)
			s.answers(calls)
		},
	},
	{
		ofProcess, "stopped in mid-call (SIGSTOP)", "puppet hold",
		"timeout, sent unknown", "a new process",
		func(s *stage) {
			s.begin(true, impatient(s.process("hold")))
			calls := s.call("hold", 3)
			s.asked("hold", 3)
			s.signal(syscall.SIGSTOP)
			s.answers(calls)
		},
	},
	{
		ofProcess, "closes its output and lives on", "puppet hush",
		"unavailable, sent unknown", "a new process",
		one("hush", "hush"),
	},
	{
		ofProcess, "stops reading its input", "puppet deaf",
		"timeout, sent unknown", "a new process",
		func(s *stage) {
			s.begin(true, impatient(s.process("deaf")))
			testkit.WantResult(s.t, s.Start(testkit.ToolCall(sick, "deafen", 0), 0).Outcome(s.t), "content")
			s.answers(s.call("echo", 3))
		},
	},
	{
		ofProcess, "half a line, then silence", "puppet half",
		"timeout, sent unknown", "a new process",
		unanswered(impatient, "half", "half"),
	},
	{
		ofProcess, "a line of 64 MiB", "puppet overlong",
		"upstream_error, sent done", "the same process",
		func(s *stage) {
			s.begin(true, s.process("overlong", "67108864"))
			s.answers(s.call("first", 1))
			s.answers(s.call("last", 1))
		},
	},
	{
		ofProcess, "invalid JSON that names the call", "puppet garbled",
		"upstream_error, sent done", "the same process",
		one("garbled", "garbled"),
	},
	{
		ofProcess, "invalid JSON that names nobody", "puppet garbled",
		"timeout, sent unknown", "the same process",
		unanswered(trusting, "noise", "garbled"),
	},
	{
		ofProcess, "answers under wrong ids", "puppet confused",
		"timeout, sent unknown", "the same process",
		unanswered(trusting, "stranger", "confused"),
	},
	{
		ofProcess, "duplicate answers", "puppet confused",
		"the result", "the same process",
		one("confused", "confused"),
	},
	{
		ofProcess, "answers after the deadline", "puppet confused",
		"timeout, sent unknown", "the same process",
		unanswered(trusting, "late", "confused"),
	},
	{
		ofProcess, "a flood of notifications", "puppet flood",
		"the result", "the same process",
		one("flood", "flood", "5000"),
	},
	{
		ofProcess, "a storm of list_changed", "puppet flood",
		"the result", "the same process; the catalog is read every 200 ms at most",
		func(s *stage) {
			s.begin(true, s.process("flood", "2000"))
			read := s.has(`"tools/list"`)
			begun := time.Now()
			s.answers(s.call("storm", 3))
			s.afterwards(func() {
				most := 2 + int(time.Since(begun)/(200*time.Millisecond))
				if more := s.has(`"tools/list"`) - read; more > most {
					s.t.Errorf("6000 changes made mcpx read the catalog %d times, want at most %d", more, most)
				}
			})
		},
	},
	{
		ofProcess, "a slow start", "puppet slow",
		"the result", "as soon as it is up; calls wait for that",
		func(s *stage) {
			s.begin(false, s.process("slow", filepath.Join(s.dir, "up")))
			calls := s.call("echo", 3)
			actortest.Eventually(s.t, "the calls wait", func() bool { return len(s.Paths("s")) >= len(calls) })
			s.load.More(20)
			s.create("up")
			s.answers(calls)
			s.warm = s.Holds()
		},
	},
	{
		ofProcess, "a start that takes too long", "puppet slow",
		"unavailable, sent no", "the next attempt, when it is fast enough",
		func(s *stage) {
			spec := s.process("slow", filepath.Join(s.dir, "up"))
			spec.Policy.ConnectionTimeout, spec.Policy.RetryAttempts = 2*time.Second, 1
			s.begin(false, spec)
			s.answers(s.call("echo", 3))
			s.create("up")
			s.afterwards(func() { s.warm = s.Holds() })
		},
	},
	{
		ofProcess, "a crash loop", "puppet mended",
		"unavailable, sent no", "the next attempt after it is mended",
		func(s *stage) {
			spec := s.process("mended", filepath.Join(s.dir, "mended"))
			spec.Policy.RetryAttempts = 2
			s.begin(false, spec)
			s.answers(s.call("echo", 3))
			actortest.Await(s.t, s.Events, 3, func(e messages.ConnectFailed) bool { return e.GaveUp })
			if now := s.StatusOf(sick); now.Reason == "" {
				s.t.Errorf("the status does not say why: %+v", now)
			}
			s.create("mended")
			// Nobody calls it: the next attempt comes by itself.
			actortest.Await(s.t, s.Events, 1, func(e messages.StateChanged) bool {
				return e.Server == sick && e.New == messages.StateConnected
			})
			s.afterwards(func() { s.warm = s.Holds() })
		},
	},
	{
		ofProcess, "its child holds the pipes when it dies", "puppet family",
		"unavailable, sent unknown", "a new process; of the old ones none is left",
		one("orphan", "family", "holder"),
	},
	{
		ofProcess, "its great-grandchild, a daemon that called setsid, holds the pipes when it dies", "puppet family",
		"unavailable, sent unknown", "a new process; of the old ones none is left",
		one("orphan", "family", "daemon", "deaf"),
	},
}
