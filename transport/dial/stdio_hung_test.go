package dial

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// hurry is request_timeout in these tests.
const hurry = 50 * time.Millisecond

// impatient makes the times short after which a server is doubted.
func (d *stdioDial) impatient(forAnswer time.Duration) *stdioDial {
	d.Request.Spec.Policy.RequestTimeout, d.Request.Spec.Policy.HealthCheckTimeout = hurry, forAnswer
	return d
}

// expire makes a call that is given up when its time is over, as sessions do.
func expire(t *testing.T, c link.Conn, tool string, after time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), after, &messages.Failure{Kind: messages.KindTimeout, Message: "too late", After: after})
	defer cancel()
	if out := c.Do(ctx, messages.Request{Method: "tools/call", Name: tool, Params: []byte(`{"name":"` + tool + `"}`)}, new(link.SentFlag), nil); out.Failure == nil {
		t.Errorf("%s has a result: %s", tool, out.Result)
	}
}

func TestStdioHung_AProcessThatIsStoppedIsGivenUpAndEnded(t *testing.T) {
	for _, era := range []string{"plain", "modern"} {
		t.Run(era, func(t *testing.T) {
			d := stdioTo(era).impatient(hurry)
			c := d.dial(t)
			if err := syscall.Kill(c.Pid(), syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			expire(t, c, "echo", 2*hurry)
			if why := awaitLost(t, c); !strings.Contains(why, `server "srv" does not answer any more`) || !strings.Contains(why, "health_check_timeout") {
				t.Errorf("lost because %s", why)
			}
		})
	}
}

func TestStdioHung_AServerThatAnswersAPingIsTrusted(t *testing.T) {
	for era, question := range map[string]string{"plain": `"method":"ping"`, "modern": `"method":"server/discover"`} {
		t.Run(era, func(t *testing.T) {
			d := stdioTo(era).impatient(patience)
			received := d.recording(t)
			c := d.dial(t)
			before := count(received(), question)
			expire(t, c, "sleep", 2*hurry)
			eventually(t, "it is asked", func() bool { return count(received(), question) == before+1 })
			eventually(t, "the question is over", func() bool { return !c.doubts.asking.Load() })
			if c.Err() != nil {
				t.Errorf("lost because %v", c.Err())
			}
			serves(t, c)
		})
	}
}

func TestStdioHung_NobodyIsDoubtedForACallerInAHurryOrOneThatLeaves(t *testing.T) {
	d := stdioTo("plain").impatient(hurry)
	d.Request.Spec.Policy.RequestTimeout = time.Hour
	received := d.recording(t)
	c := d.legacy(t)
	expire(t, c, "sleep", hurry)
	ctx, cancel := context.WithTimeout(t.Context(), hurry)
	defer cancel()
	_ = c.Do(ctx, messages.Request{Method: "tools/call", Name: "sleep", Params: []byte(`{"name":"sleep"}`)}, new(link.SentFlag), nil)
	serves(t, c)
	if all := received(); count(all, `"ping"`) != 0 {
		t.Errorf("it was asked: %q", all)
	}
}

func TestStdioHung_AServerThatTalksToOthersIsNotDoubted(t *testing.T) {
	// No two words of it must be as far apart as request_timeout: where the
	// machine is so busy that they are, it is repeated with a longer one.
	for timeout := time.Second; ; timeout *= 4 {
		asked, pause := talkUntilExpired(t, timeout)
		switch {
		case !asked:
			return
		case pause < timeout/2 || timeout > patience:
			t.Fatalf("it was asked, though it said something every %v, and request_timeout is %v", pause, timeout)
		}
		t.Logf("it was silent for %v", pause)
	}
}

// talkUntilExpired calls a server again and again while another call waits
// until request_timeout is over, and tells whether the server was asked for a
// sign of life, and the longest time between two answers.
func talkUntilExpired(t *testing.T, timeout time.Duration) (asked bool, pause time.Duration) {
	d := stdioTo("plain").impatient(hurry)
	d.Request.Spec.Policy.RequestTimeout = timeout
	d.Request.Spec.Policy.HealthCheckTimeout = patience
	received := d.recording(t)
	c := d.legacy(t)
	last := time.Now()
	over := make(chan struct{})
	go func() {
		defer close(over)
		expire(t, c, "sleep", timeout)
	}()
	for talking := true; talking; {
		select {
		case <-over:
			talking = false
		default:
			serves(t, c)
			now := time.Now()
			last, pause = now, max(pause, now.Sub(last))
		}
	}
	eventually(t, "a question, if there is one, to be over", func() bool { return !c.doubts.asking.Load() })
	return count(received(), `"ping"`) != 0, pause
}
