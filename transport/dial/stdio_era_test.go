package dial

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
)

// TestStdioEra is the table of what servers of every kind are found to speak,
// and by which messages. Each process starts with a line "discover" or
// "initialize": what a connection has said is the sequence over all of them.
func TestStdioEra(t *testing.T) {
	legacy, modern := "2025-11-25", "2026-07-28"
	for _, c := range []struct {
		name       string
		behaviour  []string
		protocol   string
		remembered string
		silence    bool // the probe's patience is to run out
		speaks     string
		said       string
	}{
		{name: "legacy by its error", behaviour: []string{"plain"}, speaks: legacy, said: "discover initialize initialized"},
		{name: "an old one", behaviour: []string{"old"}, speaks: "2024-11-05", said: "discover initialize initialized"},
		{name: "modern", behaviour: []string{"modern"}, speaks: modern, said: "discover listen"},
		{name: "both eras", behaviour: []string{"dual"}, speaks: modern, said: "discover listen"},
		{name: "both eras, legacy demanded", behaviour: []string{"dual"}, protocol: "legacy", speaks: legacy, said: "initialize initialized"},
		{name: "both eras, one legacy version demanded", behaviour: []string{"dual"}, protocol: "2025-06-18", speaks: "2025-06-18", said: "initialize initialized"},
		{name: "both eras, modern demanded", behaviour: []string{"dual"}, protocol: "modern", speaks: modern, said: "discover listen"},
		{name: "legacy remembered", behaviour: []string{"dual"}, remembered: "2025-11-25", speaks: legacy, said: "initialize initialized"},
		{name: "legacy remembered, modern meanwhile", behaviour: []string{"modern"}, remembered: "2025-11-25", speaks: modern, said: "initialize discover listen"},
		{name: "modern remembered", behaviour: []string{"modern"}, remembered: modern, speaks: modern, said: "discover listen"},
		{name: "modern remembered, legacy meanwhile", behaviour: []string{"plain"}, remembered: modern, speaks: legacy, said: "discover initialize initialized"},
		{name: "legacy remembered, modern demanded", behaviour: []string{"dual"}, remembered: "2025-11-25", protocol: "modern", speaks: modern, said: "discover listen"},
		{name: "discovers legacy versions only", behaviour: []string{"discover-legacy"}, speaks: "2025-06-18", said: "discover initialize initialized"},
		{name: "silent on discover", behaviour: []string{"discover-silent"}, silence: true, speaks: legacy, said: "discover initialize initialized"},
		{name: "answers discover late", behaviour: []string{"discover-late"}, silence: true, speaks: modern, said: "discover initialize listen"},
		{name: "dies of discover", behaviour: []string{"discover-dies"}, speaks: legacy, said: "discover initialize initialized"},
		{name: "answers discover with nonsense", behaviour: []string{"discover-junk"}, speaks: legacy, said: "discover initialize initialized"},
		{name: "a probe spoils initialize", behaviour: []string{"probe-averse"}, speaks: legacy, said: "discover initialize initialize initialized"},
		{name: "unsupported version, legacy named", behaviour: []string{"unsupported", "2025-03-26"}, speaks: "2025-03-26", said: "discover initialize initialized"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var d *stdioDial
			var received func() []string
			var conn *stdioConn
			for tries := 0; ; tries++ {
				d = stdioTo(c.behaviour[0], c.behaviour[1:]...).era(c.protocol)
				d.Request.Known.Protocol = c.remembered
				if c.silence {
					d.Request.Spec.Policy.ConnectionTimeout = 400 * time.Millisecond // a quarter of it is the patience
				}
				received = d.recording(t)
				begun := time.Now()
				conn = d.dial(t)
				if c.silence || time.Since(begun) < mostSilence {
					break
				}
				if tries == 5 {
					t.Fatal("on this machine a server cannot be started within the patience of a probe")
				}
			}
			if peer := conn.Peer(); peer.Protocol != c.speaks || peer.Modern != (c.speaks == modern) || peer.Name != "puppet" {
				t.Errorf("peer %+v, want %s", peer, c.speaks)
			}
			serves(t, conn)
			var said []string
			for _, line := range received() {
				var m struct{ Method string }
				if err := json.Unmarshal([]byte(line), &m); err != nil {
					t.Fatalf("sent %q: %v", line, err)
				}
				said = append(said, m.Method[strings.LastIndexByte(m.Method, '/')+1:])
			}
			said = slices.DeleteFunc(said, func(s string) bool { return s == "call" || s == "cancelled" })
			if got := strings.Join(said, " "); got != c.said {
				t.Errorf("said %q, want %q", got, c.said)
			}
		})
	}
}

func TestStdioEra_NoCommonVersionNamesBothSides(t *testing.T) {
	for _, c := range []struct {
		behaviour []string
		protocol  string
		says      []string
	}{
		{[]string{"unsupported", "1999-01-01"}, "", []string{"1999-01-01", "2026-07-28"}},
		{[]string{"unsupported", "2026-07-28"}, "", []string{"refuses protocol version 2026-07-28"}},
		{[]string{"unsupported"}, "", []string{"refuses server/discover with error -32022"}},
		{[]string{"plain"}, "modern", []string{"does not speak 2026-07-28", "-32601", `"legacy"`}},
		{[]string{"discover-junk"}, "modern", []string{"does not speak 2026-07-28"}},
		{[]string{"discover-dies"}, "modern", []string{"exited with status 4", "what is a discover?"}},
		{[]string{"discover-legacy"}, "modern", []string{"2025-06-18", "2026-07-28"}},
		{[]string{"modern"}, "legacy", []string{"refuses initialize with error -32601"}},
		{[]string{"old"}, "2025-11-25", []string{"2024-11-05", "2025-11-25"}},
		{[]string{"plain"}, "tomorrow", []string{`unknown protocol "tomorrow"`}},
	} {
		f := stdioTo(c.behaviour[0], c.behaviour[1:]...).era(c.protocol).fails(t, within(t))
		if f.Kind != messages.KindUnavailable || f.Sent != messages.SentNo || f.Server != "srv" {
			t.Errorf("%v %s: %+v", c.behaviour, c.protocol, f)
		}
		for _, part := range append(c.says, `server "srv"`) {
			if !strings.Contains(f.Message, part) {
				t.Errorf("%v, protocol %q: %q says nothing of %s", c.behaviour, c.protocol, f.Message, part)
			}
		}
	}
}

func TestStdioEra_AServerThatNeverAnswersCostsTheDeadlineAndLeavesNothing(t *testing.T) {
	for _, protocol := range []string{"auto", "legacy", "modern"} {
		d := stdioTo("mute").era(protocol)
		d.Request.Spec.Policy.ConnectionTimeout = 200 * time.Millisecond
		ctx, cancel := context.WithTimeout(t.Context(), d.Request.Spec.Policy.ConnectionTimeout)
		f := d.fails(t, ctx)
		cancel()
		if f.Kind != messages.KindTimeout || !strings.Contains(f.Message, " in time (connection_timeout: 200ms)") {
			t.Errorf("%s: %v %q", protocol, f.Kind, f.Message)
		}
	}
}

func TestStdioEra_ADialThatIsCancelledSaysSo(t *testing.T) {
	d := stdioTo("mute")
	received := d.recording(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for len(received()) == 0 && ctx.Err() == nil {
			<-time.After(time.Millisecond)
		}
		cancel()
	}()
	if f := d.fails(t, ctx); f.Kind != messages.KindCancelled {
		t.Errorf("%v %q", f.Kind, f.Message)
	}
}

func TestStdioSubscription_ChangesOfAModernServerAreHeardWithoutOurWireId(t *testing.T) {
	d := stdioTo("modern")
	received := d.recording(t)
	c := d.dial(t)
	wantText(t, do(t, c, toolCall("changed", "{}")), "told")
	n := d.heard.await(t, "notifications/tools/list_changed", 1)
	if strings.Contains(string(n.Params), "subscriptionId") {
		t.Errorf("params %s", n.Params)
	}
	if count(received(), `"notifications":{"toolsListChanged":true}`) != 1 {
		t.Errorf("received %q", received())
	}
	for _, n := range d.heard.all() {
		if strings.Contains(n.Method, "acknowledged") {
			t.Errorf("heard %v", n)
		}
	}
}

func TestStdioSubscription_EndedByTheServerItIsOpenedAgainWithGrowingPauses(t *testing.T) {
	for _, how := range []string{"result", "cancelled"} {
		d := stdioTo("unsubscribes", how)
		received := d.recording(t)
		c := d.dial(t)
		// Each time it stands again, what may have been missed is told.
		d.heard.await(t, "notifications/tools/list_changed", 3)
		if n := count(received(), "subscriptions/listen"); n < 4 {
			t.Errorf("%s: opened %d times", how, n)
		}
		c.subscription.mu.Lock()
		if pause := c.subscription.pause; pause < 4*c.pace.first {
			t.Errorf("%s: the pause is %v", how, pause)
		}
		c.subscription.mu.Unlock()
		serves(t, c)
		if err := c.Close(within(t)); err != nil {
			t.Error(err)
		}
	}
}

func TestStdioSubscription_ForeignIdsAndRefusalsDoNoHarm(t *testing.T) {
	d := stdioTo("forger")
	c := d.dial(t)
	wantText(t, do(t, c, toolCall("forge", "{}")), "forged")
	if got := d.heard.all(); len(got) != 0 {
		t.Errorf("heard %v", got)
	}
	if n := c.counts.stray.Load(); n != 1 {
		t.Errorf("%d stray messages", n)
	}
	serves(t, c)
}
