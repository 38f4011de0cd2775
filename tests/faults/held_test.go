package faults_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/tests/testkit"
)

// held is a server whose tool "hold" answers when it is told to, and which can
// tell from its own records what it was asked.
type held struct {
	spec    messages.ServerSpec
	asked   func() map[int]string // the argument of each call of hold -> its id on the wire
	given   func() []string       // the ids of calls that were given up, as era and transport demand
	notices func() int            // notifications/cancelled that came, whatever they name
	release func()                // lets all calls answer; costs no call
}

// upstreams are the four ways in which a server may be spoken to.
var upstreams = []struct {
	name     string
	notified bool // a call is cancelled by a notification, else by its closed stream
	open     func(h *testkit.House, name string) held
}{
	{"stdio legacy", true, func(h *testkit.House, name string) held { return stdioHeld(h, name, "hold") }},
	{"stdio modern", true, func(h *testkit.House, name string) held { return stdioHeld(h, name, "hold-modern") }},
	{"http legacy", true, func(h *testkit.House, name string) held { return httpHeld(h, name, legacyHTTP(h.T)) }},
	{"http modern", false, func(h *testkit.House, name string) held { return httpHeld(h, name, modernHTTP(h.T)) }},
}

func legacyHTTP(t testing.TB) *puppethttp.Puppet {
	return puppethttp.Start(t, puppethttp.Options{Versions: []string{puppethttp.Legacy}})
}

func modernHTTP(t testing.TB) *puppethttp.Puppet {
	return puppethttp.Start(t, puppethttp.Options{Versions: []string{puppethttp.Modern}})
}

func stdioHeld(h *testkit.House, name, behaviour string) held {
	file := h.T.TempDir() + "/received"
	lines := func() []wire { return parse(h.T, puppet.Recorded(file)) }
	return held{
		spec:  h.Stdio(name, "record", file, behaviour),
		asked: func() map[int]string { return holds(lines()) },
		given: func() []string {
			var ids []string
			for _, m := range lines() {
				if m.Method == "notifications/cancelled" {
					ids = append(ids, string(m.Params.RequestID))
				}
			}
			return ids
		},
		notices: func() int { return notices(lines()) },
		release: func() {
			if err := syscall.Kill(h.StatusOf(name).Pid, syscall.SIGUSR1); err != nil {
				h.T.Fatal(err)
			}
		},
	}
}

func httpHeld(h *testkit.House, name string, p *puppethttp.Puppet) held {
	released := make(chan struct{})
	p.Always("tools/call:hold", puppethttp.Hold(released))
	lines := func() []wire {
		var bodies []string
		for _, r := range p.Records() {
			if r.HTTP == "POST" {
				bodies = append(bodies, string(r.Body))
			}
		}
		return parse(h.T, bodies)
	}
	return held{
		spec:  h.HTTP(name, p),
		asked: func() map[int]string { return holds(lines()) },
		given: func() []string {
			var ids []string
			for _, e := range p.Ended() {
				ids = append(ids, e.ID)
			}
			return ids
		},
		notices: func() int { return notices(lines()) },
		release: func() { close(released) },
	}
}

// wire is one message as a server got it.
type wire struct {
	ID     json.RawMessage
	Method string
	Params struct {
		Name      string
		Arguments struct{ N int }
		RequestID json.RawMessage
	}
}

func parse(t testing.TB, lines []string) []wire {
	t.Helper()
	all := make([]wire, len(lines))
	for i, line := range lines {
		if err := json.Unmarshal([]byte(line), &all[i]); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return all
}

func holds(lines []wire) map[int]string {
	asked := map[int]string{}
	for _, m := range lines {
		if m.Method == "tools/call" && m.Params.Name == "hold" {
			asked[m.Params.Arguments.N] = string(m.ID)
		}
	}
	return asked
}

func notices(lines []wire) int {
	n := 0
	for _, m := range lines {
		if m.Method == "notifications/cancelled" {
			n++
		}
	}
	return n
}

// answerOf is what the answer to call n of hold contains, over either transport.
func answerOf(n int) func(messages.Outcome) bool {
	return func(out messages.Outcome) bool {
		return out.Failure == nil && (strings.Contains(string(out.Result), `"n":`+strconv.Itoa(n)+`,`) ||
			strings.Contains(string(out.Result), `"text":"`+strconv.Itoa(n)+`"`))
	}
}
