package actors_test

import (
	"context"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// lateWriter writes the request of a call only when its deadline has passed: a
// busy machine may stop a goroutine anywhere.
type lateWriter struct {
	link.Dialer
	end func(sent *link.SentFlag) messages.Outcome // of a call that was given up
}

func (d lateWriter) Dial(ctx context.Context, req link.DialRequest) (link.Conn, error) {
	c, err := d.Dialer.Dial(ctx, req)
	return lateConn{c, d.end}, err
}

type lateConn struct {
	link.Conn
	end func(sent *link.SentFlag) messages.Outcome
}

func (c lateConn) Do(ctx context.Context, req messages.Request, sent *link.SentFlag, sink messages.Sink) messages.Outcome {
	if req.Method != "tools/call" {
		return c.Conn.Do(ctx, req, sent, sink)
	}
	<-ctx.Done() // the session has answered
	return c.end(sent)
}

func TestSession_ACallThatIsWrittenAtItsDeadlineIsNeverToldUnsent(t *testing.T) {
	given := func(s messages.Sent) messages.Outcome {
		return messages.Outcome{Failure: &messages.Failure{Kind: messages.KindTimeout, Server: "a", Sent: s}}
	}
	for name, c := range map[string]struct {
		end  func(*link.SentFlag) messages.Outcome
		want messages.Sent
	}{
		"written":            {func(f *link.SentFlag) messages.Outcome { f.Raise(); return given(messages.SentUnknown) }, messages.SentUnknown},
		"written, answered":  {func(f *link.SentFlag) messages.Outcome { f.Raise(); return messages.Outcome{Result: []byte("{}")} }, messages.SentUnknown},
		"withdrawn":          {func(*link.SentFlag) messages.Outcome { return given(messages.SentNo) }, messages.SentNo},
		"tried and withheld": {func(f *link.SentFlag) messages.Outcome { f.Raise(); return given(messages.SentNo) }, messages.SentNo},
	} {
		t.Run(name, func(t *testing.T) {
			servers, clock := actortest.Dialer{"a": {}}, actortest.NewClock()
			r, _ := start(t, servers, func(o *actors.Options) { o.Clock, o.Dialer = clock, lateWriter{servers, c.end} })
			apply(t, r, actortest.Spec("a"))
			connect(t, r, "a")
			done := make(chan messages.Outcome, 1)
			go func() {
				hurried := call("a")
				hurried.Timeout = 5 * time.Second
				done <- r.Call(context.Background(), hurried, messages.Discard)
			}()
			var out messages.Outcome
			actortest.Eventually(t, "the deadline has passed", func() bool {
				clock.Advance(time.Second)
				select {
				case out = <-done:
					return true
				default:
					return false
				}
			})
			wantKind(t, out, messages.KindTimeout, c.want)
		})
	}
}
