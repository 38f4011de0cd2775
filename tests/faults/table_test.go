package faults_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/testkit"
)

// fault is one row of the table of faults: what goes wrong, what the callers
// concerned are told, and how it is over without anybody's help.
type fault struct {
	group string // who is at fault
	name  string
	by    string // who plays it
	gets  string // what each of the callers concerned gets; "N x" where they differ
	again string // how the server, or the client, is of use again

	// run brings the fault about and collects what the callers got. The stage
	// is cleared, and looked at, behind it.
	run func(s *stage)
}

// faults are all of them, as the table shows them.
func faults() []fault {
	return slices.Concat(processFaults, httpFaults, clientFaults)
}

// Every fault that mcpx promises to survive, each in a runtime of its own with
// two servers that are fine and have callers at work: those concerned get one
// typed answer each, the others no error, the server is of use again without
// anybody's help, and nothing is left. The table that this run observes is
// tests/reports/faults.md.
func TestFaults(t *testing.T) {
	base := testkit.Holds("nobody's")
	all := faults()
	rows := make([][]string, 0, len(all))
	for _, f := range all {
		t.Run(f.group+": "+f.name, func(t *testing.T) {
			s := newStage(t)
			f.run(s)
			s.recovers()
			s.whichProcess(f.again)
			s.othersAreFine()
			s.clear()
			if got := s.observed(); got != f.gets {
				t.Errorf("the callers concerned got\n\t%s\nwant\n\t%s", got, f.gets)
			}
			rows = append(rows, []string{f.group, f.name, f.by, s.observed(), f.again})
		})
		var after testkit.Holdings
		actortest.Eventually(t, "all is given back after "+f.name, func() bool {
			after = testkit.Holds("nobody's")
			return after.Within(base) && after.Heap < base.Heap+heapSlack
		})
	}
	if t.Failed() || len(rows) < len(all) {
		return // not the whole table
	}
	report(t, rows)
}

// heapSlack is what may be in use of the heap beyond what was before: less than
// the smallest thing that a fault could leave behind and that would matter.
const heapSlack = 16 << 20

const heading = `# Faults that are survived

What TestFaults in tests/faults has observed; a run that observes something else fails. In each row a server or a client
misbehaves in its way while callers of two other servers are at work through the same mcpx. In every row:

- each caller concerned gets exactly one answer, of the kind that stands here;
- callers of the other servers see no error;
- the server is of use again without an operator, in the way that stands here;
- afterwards goroutines, file descriptors and processes are what they were before, and so, but for 16 MiB, is the heap.

"Sent" says of a call that failed how far it got: "no" means that it may be made again, "unknown" that the server may
have acted, "done" that the server answered. The puppets are in tests/fakes.
`

// report compares the table with the one in the documentation, or with
// MCPX_REPORTS writes it into that folder.
func report(t *testing.T, rows [][]string) {
	t.Helper()
	var b strings.Builder
	b.WriteString(heading)
	group := ""
	for _, row := range rows {
		if row[0] != group {
			group = row[0]
			fmt.Fprintf(&b, "\n## %s\n\n| fault | played by | callers concerned get | of use again |\n|---|---|---|---|\n", group)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row[1:], " | "))
	}
	const file = "faults.md"
	if dir := os.Getenv("MCPX_REPORTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(b.String()), 0o644); err != nil {
			t.Error(err)
		}
		return
	}
	committed, err := os.ReadFile(filepath.Join("..", "reports", file))
	if err != nil || string(committed) != b.String() {
		t.Errorf("tests/reports/%s does not say what was observed; write it with MCPX_REPORTS=$PWD/tests/reports (%v). Observed:\n%s", file, err, &b)
	}
}

// stage is a runtime with two servers that are fine, callers of theirs at work,
// and servers that are not fine.
type stage struct {
	*testkit.House
	t     *testing.T
	dir   string
	sick  []string // names of servers
	pid   int      // of the process that is about to go wrong; 0 for none
	load  *testkit.Load
	warm  testkit.Holdings // what is held before anything goes wrong
	got   []string         // what the callers concerned got
	later []func()         // further checks, behind the recovery
}

// sick is the name of the only server that is not fine.
const sick = "sick"

// idleTTL is short, so that what is held settles within the test.
const idleTTL = 250 * time.Millisecond

func newStage(t *testing.T) *stage {
	return &stage{House: testkit.Open(t, nil), t: t, dir: t.TempDir()}
}

// process is a server that is a puppet process, with times that suit a test.
// What it receives is recorded.
func (s *stage) process(behaviour string, args ...string) messages.ServerSpec {
	spec := s.Stdio(sick, "record", append([]string{s.received(), behaviour}, args...)...)
	spec.Policy.RetryDelay, spec.Policy.RetryDelayMax = 20*time.Millisecond, 200*time.Millisecond
	spec.Policy.PoolIdleTTL = idleTTL
	if slices.Contains(args, "deaf") {
		spec.Policy.KillAfter = time.Second // its relatives have to be killed
	}
	return spec
}

func (s *stage) received() string { return filepath.Join(s.dir, "received") }

// has tells how many messages that hold a text the process has received.
func (s *stage) has(text string) (n int) {
	for _, line := range puppet.Recorded(s.received()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// leisure is the pause between two calls of those who have nothing to do with
// the fault: the processors are for those who have.
const leisure = 10 * time.Millisecond

// begin lets the servers come up, and the callers of the good ones begin. With
// warm those that are not fine must have served a call before anything goes wrong.
func (s *stage) begin(warm bool, specs ...messages.ServerSpec) {
	s.t.Helper()
	good := others(s.House)
	for i := range good {
		good[i].Policy.PoolIdleTTL = idleTTL
	}
	s.ServeAll(good...)
	s.Serve(append(good, specs...)...)
	for _, spec := range specs {
		s.sick = append(s.sick, spec.Name)
		if warm {
			if err := s.Connect(s.t.Context(), spec.Name); err != nil {
				s.t.Fatal(err)
			}
			testkit.WantResult(s.t, s.Start(testkit.ToolCall(spec.Name, "echo", 1), 1).Outcome(s.t), `"t1"`)
		}
	}
	if warm && specs[0].Transport == messages.TransportStdio {
		s.pid = s.StatusOf(sick).Pid
	}
	s.load = s.Pace(4, leisure, good[0].Name, good[1].Name)
	s.load.More(8)
	s.warm = s.Holds()
}

// call begins n calls of a tool of each server that is not fine.
func (s *stage) call(tool string, n int) (calls []testkit.Pending) {
	for _, server := range s.sick {
		for i := range n {
			c := testkit.ToolCall(server, tool, i)
			c.Request.ProgressToken = []byte(fmt.Sprintf(`"p%d"`, i))
			calls = append(calls, s.Start(c, i))
		}
	}
	return calls
}

// asked waits until n calls of a tool are with the process.
func (s *stage) asked(tool string, n int) {
	s.t.Helper()
	actortest.Eventually(s.t, "calls are with the server", func() bool { return s.has(`"name":"`+tool+`"`) == n })
}

// answers waits for calls and notes how they ended.
func (s *stage) answers(calls []testkit.Pending) {
	s.t.Helper()
	for _, c := range calls {
		s.note(c.Outcome(s.t))
	}
}

func (s *stage) note(out messages.Outcome) {
	if out.Failure == nil {
		s.got = append(s.got, "the result")
		return
	}
	text := fmt.Sprintf("%s, sent %s", out.Failure.Kind, out.Failure.Sent)
	if out.Failure.Kind == messages.KindOverloaded || out.Failure.RetryAfter >= 2*time.Second {
		text += fmt.Sprintf(", retry after %v", out.Failure.RetryAfter)
	}
	s.got = append(s.got, text)
}

// observed is what the callers concerned got, equal answers once.
func (s *stage) observed() string {
	return strings.Join(slices.Compact(slices.Clone(s.got)), "; then ")
}

// afterwards orders a check that is made when the server is of use again.
func (s *stage) afterwards(check func()) { s.later = append(s.later, check) }

// recovers waits until the server serves, with nobody's help.
func (s *stage) recovers() {
	s.t.Helper()
	for _, server := range s.sick {
		actortest.Eventually(s.t, server+" is of use again", func() bool {
			out := s.Call(context.Background(), testkit.ToolCall(server, "echo", 9), messages.Discard)
			return out.Failure == nil && strings.Contains(string(out.Result), `"t9"`)
		})
	}
	for _, check := range s.later {
		check()
	}
}

// whichProcess compares what the table says of the process that serves now.
func (s *stage) whichProcess(says string) {
	s.t.Helper()
	another := strings.HasPrefix(says, "a new process")
	if s.pid == 0 || !another && !strings.HasPrefix(says, "the same process") {
		return
	}
	// An answer may overtake the status.
	actortest.Eventually(s.t, "the status shows "+says, func() bool {
		now := s.StatusOf(sick).Pid
		return now != 0 && (now != s.pid) == another
	})
}

// othersAreFine looks at the callers of the good servers.
func (s *stage) othersAreFine() {
	s.t.Helper()
	s.load.More(8)
	if failed := s.load.End(); len(failed) != 0 {
		s.t.Errorf("callers of other servers: %v", failed)
	}
}

// connectionsSlack is for connections over HTTP that are kept open for a while:
// how many there are depends on how many calls happened to meet.
const connectionsSlack = 12

// clear looks at what is held while all servers are up, then closes them.
func (s *stage) clear() {
	s.t.Helper()
	var rest testkit.Holdings
	defer func() { s.t.Logf("held before the fault: %v; after it: %v", s.warm, rest) }()
	actortest.Eventually(s.t, "no more is held than before the fault", func() bool {
		rest = s.Holds()
		return len(s.Paths("s")) == 0 && rest.Processes <= s.warm.Processes &&
			rest.Goroutines <= s.warm.Goroutines+connectionsSlack && rest.Descriptors <= s.warm.Descriptors+connectionsSlack && rest.Heap < s.warm.Heap+heapSlack
	})
	s.Close()
	s.NothingLeft()
}
