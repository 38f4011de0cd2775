package dial

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
)

// Whatever coincides (callers who give up, posts that fail, the end of the
// stream, a close): everybody is answered, nothing is left, and what is called
// unsent the server has never seen.
func TestSSEStorm_EverybodyIsAnsweredAndUnsentMeansUnseen(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *puppethttp.Puppet, *sseConn){
		"the stream ends":   func(_ *testing.T, p *puppethttp.Puppet, _ *sseConn) { p.DropStreams() },
		"the stream breaks": func(_ *testing.T, p *puppethttp.Puppet, _ *sseConn) { p.ResetStreams() },
		"it is closed":      func(t *testing.T, _ *puppethttp.Puppet, c *sseConn) { _ = c.Close(within(t)) },
		"the session is unknown": func(_ *testing.T, p *puppethttp.Puppet, c *sseConn) {
			p.Once("POST tools/call:echo", puppethttp.Status(404, "gone"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			p, d := older(t)
			c := d.sse(t)
			p.Always("POST tools/call:strange", puppethttp.Hang)
			p.Always("POST tools/call:mirror", puppethttp.Reset(""))
			const n = 200
			outs, flags := make([]messages.Outcome, n), make([]link.SentFlag, n)
			begin := make(chan struct{})
			var all sync.WaitGroup
			for i := range n {
				dice := rand.New(rand.NewPCG(seed, uint64(i)))
				tool := []string{"echo", "echo", "sleep", "strange", "mirror", "progress"}[dice.IntN(6)]
				pause, patience := time.Duration(dice.IntN(4000))*time.Microsecond, time.Duration(dice.IntN(4000))*time.Microsecond
				all.Go(func() {
					<-begin
					<-time.After(pause)
					ctx, cancel := context.WithCancelCause(within(t))
					defer cancel(nil)
					if i%2 == 0 {
						defer time.AfterFunc(patience, func() { cancel(errors.New("bored")) }).Stop()
					}
					outs[i] = c.Do(ctx, toolCall(tool, fmt.Sprintf(`{"text":"x","call":"call-%d."}`, i)), &flags[i], messages.Discard)
				})
			}
			close(begin)
			<-time.After(2 * time.Millisecond) // in the middle of it, or elsewhere: all is right
			end(t, p, c)
			if name == "the session is unknown" {
				for !isLost(c) {
					_ = do(t, c, toolCall("echo", "{}"))
				}
			}
			all.Wait()
			nobodyWaits(t, c)
			_ = c.Close(within(t)) // what it says depends on who came first
			p.Stop()               // when it returns, all that was received is recorded
			seen := ""
			for _, rec := range p.Records() {
				seen += string(rec.Params)
			}
			for i, out := range outs {
				f := out.Failure
				switch {
				case f == nil:
				case f.Stale && f.Sent != messages.SentNo:
					t.Errorf("call %d is stale and %v", i, f.Sent)
				case f.Sent == messages.SentNo && !strings.Contains(f.Message, "404 to") && (flags[i].Sent() != messages.SentNo || strings.Contains(seen, fmt.Sprintf("call-%d.", i))):
					t.Errorf("call %d was seen and is called unsent: %s", i, f.Message)
				}
			}
		})
	}
}
