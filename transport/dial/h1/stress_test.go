package h1

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Many requests on few connections, to a server that does all that servers do
// wrong, some of them given up midway: whoever gets an answer gets their own.
func TestStress_NobodyGetsTheAnswerOfAnother(t *testing.T) {
	const callers, each = 16, 60
	s := serve(t, func(p *peer) {
		for req := p.request(); req != nil; req = p.request() {
			id := req.Header.Get("X-Id")
			n, _ := strconv.Atoi(id)
			length := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(id), id)
			chunks := fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(id), id)
			switch n % 10 {
			case 0, 1, 2:
				p.say(length)
			case 3:
				p.say(chunks + "0\r\n\r\n")
			case 4: // as servers write that flush
				for _, part := range []string{"HTTP/1.1 103 Early Hints\r\n\r\n", chunks, "0\r\n", "\r\n"} {
					p.say(part)
				}
			case 5: // closes without saying so
				p.say(length)
				return
			case 6: // says more than it was asked
				p.say(length + length)
			case 7: // breaks off
				p.say(length[:len(length)-1])
				p.reset()
				return
			case 8: // goes on for ever
				p.say(chunks)
				p.gone()
				return
			case 9: // does not answer
				p.gone()
				return
			}
		}
	})
	c := fresh(t)
	var answered atomic.Int64
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			dice := rand.New(rand.NewPCG(uint64(caller), 1))
			for i := range each {
				id := strconv.Itoa(caller*1000 + i)
				kind := i % 10
				ctx, cancel := context.WithCancel(within(t))
				req := newRequest(t, ctx, http.MethodPost, s.url, strings.NewReader(strings.Repeat("x", dice.IntN(100_000))))
				req.Header.Set("X-Id", id)
				if kind == 9 {
					go cancel()
				}
				resp, err := c.RoundTrip(req)
				if err == nil {
					var got []byte
					if kind == 8 {
						got = make([]byte, len(id))
						_, err = io.ReadFull(resp.Body, got)
					} else {
						got, err = io.ReadAll(resp.Body)
					}
					_ = resp.Body.Close()
					if err == nil && string(got) != id {
						t.Errorf("%s got the answer %q", id, got)
					}
				}
				// What a server says unasked may still meet the next request,
				// which fails then; so may a close.
				if err == nil {
					answered.Add(1)
				} else if ctx.Err() == context.DeadlineExceeded {
					t.Errorf("%s hangs", id)
				}
				cancel()
			}
		})
	}
	all.Wait()
	if n := answered.Load(); n < callers*each/2 {
		t.Errorf("%d of %d requests were answered", n, callers*each)
	}
	if n := c.Connections(); n > 8 {
		t.Errorf("%d connections are kept", n)
	}
}
