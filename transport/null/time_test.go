package null

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpx/mcpx/tests/testkit"
)

// talk is a conversation over stdio in a bubble, whose clock stands still
// unless everybody waits.
type talk struct {
	t     *testing.T
	in    *io.PipeWriter
	out   *bufio.Reader
	begun time.Time
	done  chan error
}

func (s *Server) talk(ctx context.Context, t *testing.T) *talk {
	in, input := io.Pipe()
	output, out := io.Pipe()
	c := &talk{t, input, bufio.NewReader(output), time.Now(), make(chan error, 1)}
	go func() {
		c.done <- s.ServeStdio(ctx, in, out)
		_ = in.Close()
		_ = out.Close()
	}()
	return c
}

func (c *talk) say(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

// hear returns the next line and when it came.
func (c *talk) hear() (string, time.Duration) {
	c.t.Helper()
	line, err := c.out.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimSpace(line), time.Since(c.begun)
}

func (c *talk) end() {
	c.t.Helper()
	_ = c.in.Close()
	if err := <-c.done; err != nil {
		c.t.Errorf("ended with %v", err)
	}
}

func TestDelay_ManyCallsInFlightWaitAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newServer(t, Options{Delay: 5 * time.Millisecond}).talk(t.Context(), t)
		for i := range 64 {
			c.say(toolCall(i))
		}
		c.say(`{"jsonrpc":"2.0","id":"ping","method":"ping"}`)
		if line, at := c.hear(); !strings.Contains(line, "ping") || at != 0 {
			t.Errorf("what is no call came after %v: %s", at, line)
		}
		for range 64 {
			if line, at := c.hear(); at != 5*time.Millisecond {
				t.Errorf("after %v: %s", at, line)
			}
		}
		c.end()
	})
}

func TestDelay_TheEndOfInputDropsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newServer(t, Options{Delay: time.Hour}).talk(t.Context(), t)
		c.say(toolCall(1))
		_ = c.in.Close()
		if line, at := c.hear(); at != time.Hour {
			t.Errorf("after %v: %s", at, line)
		}
		c.end()
	})
}

func TestDelay_AnEndByContextAnswersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := newServer(t, Options{Delay: time.Hour}).talk(ctx, t)
		c.say(toolCall(1))
		synctest.Wait()
		cancel()
		if line, at := c.hear(); at != 0 || !strings.Contains(line, `"id":1,"result"`) {
			t.Errorf("after %v: %s", at, line)
		}
		c.end()
	})
}

func TestCancel_ACancelledCallIsNotAnsweredAndOthersAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newServer(t, Options{Delay: time.Second}).talk(t.Context(), t)
		c.say(toolCall(1))
		c.say(toolCall(2))
		c.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
		c.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}`)
		c.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}`)
		_ = c.in.Close()
		if line, at := c.hear(); at != time.Second || !strings.Contains(line, `"id":2,`) {
			t.Errorf("after %v: %s", at, line)
		}
		if rest, err := c.out.ReadString('\n'); !errors.Is(err, io.EOF) {
			t.Errorf("then %q, %v", rest, err)
		}
		c.end()
	})
}

func TestStall_HoldsEveryAnswerThatIsDueInIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{Delay: 10 * time.Millisecond, StallAfter: time.Second, StallFor: time.Second})
		time.Sleep(time.Minute) // of the bubble: the stall counts from the first call
		c := s.talk(t.Context(), t)
		for i, want := range []struct{ asked, answered time.Duration }{
			{0, 10 * time.Millisecond},
			{500 * time.Millisecond, 510 * time.Millisecond},
			{995 * time.Millisecond, 2 * time.Second}, // due in the stall
			{2 * time.Second, 2010 * time.Millisecond},
			{3 * time.Second, 3010 * time.Millisecond},
		} {
			time.Sleep(want.asked - time.Since(c.begun))
			c.say(toolCall(i))
			if line, at := c.hear(); at != want.answered {
				t.Errorf("call %d after %v, want %v: %s", i, at, want.answered, line)
			}
		}
		c.end()
	})
}

// withToken is a modern call that asks for progress.
var withToken = strings.Replace(testkit.Modern(1, "tools/call", `{"name":"null"}`), `"_meta":{`, `"_meta":{"progressToken":"t",`, 1)

func TestProgress_IsToldEvenlyAndOnlyToWhomAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newServer(t, Options{Delay: 3 * time.Second, Progress: 2}).talk(t.Context(), t)
		c.say(withToken)
		for i := 1; i <= 2; i++ {
			want := fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":%d,"total":2}}`, i)
			if line, at := c.hear(); line != want || at != time.Duration(i)*time.Second {
				t.Errorf("after %v: %s\nwant %s", at, line, want)
			}
		}
		if line, at := c.hear(); at != 3*time.Second || !strings.Contains(line, `"id":1,"result"`) {
			t.Errorf("after %v: %s", at, line)
		}
		c.say(toolCall(2))
		if line, at := c.hear(); at != 6*time.Second || !strings.Contains(line, `"id":2,"result"`) {
			t.Errorf("without a token, after %v: %s", at, line)
		}
		c.end()
	})
}

func TestProgress_MakesAnHTTPResponseAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{Bytes: 1, Delay: 2 * time.Second, Progress: 1})
		r := httptest.NewRequest("POST", "/mcp", strings.NewReader(withToken))
		r.Header = testkit.ModernHeaders("tools/call", "null")
		w := httptest.NewRecorder()
		begun := time.Now()
		s.HTTP().ServeHTTP(w, r)
		want := `data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":1,"total":1}}` + "\n\n" +
			`data: {"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","content":[{"type":"text","text":"N"}]}}` + "\n\n"
		if got := w.Body.String(); got != want || w.Header().Get("Content-Type") != "text/event-stream" {
			t.Errorf("%v\n%s", w.Header(), got)
		}
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestHTTP_AClientThatLeavesCancelsItsCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{Delay: time.Hour})
		ctx, leave := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, "POST", "/mcp", strings.NewReader(toolCall(1)))
		w, begun := httptest.NewRecorder(), time.Now()
		time.AfterFunc(time.Second, leave)
		s.HTTP().ServeHTTP(w, r)
		if took := time.Since(begun); took != time.Second || w.Body.Len() > 0 {
			t.Errorf("after %v: %s", took, w.Body)
		}
	})
}

func TestServe_AnswersHeldCallsWhenItEnds(t *testing.T) {
	s := newServer(t, Options{Delay: time.Hour, Progress: 1})
	url := s.listen(t, s.HTTP())
	resp, err := http.Post(url, "application/json", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"null","_meta":{"progressToken":1}}}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	s.Close() // the header of the stream has come, so the call is being held
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(body), `"id":1,"result"`) {
		t.Errorf("%s (%v)", body, err)
	}
}

// broken is a client that has gone.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("nobody reads") }

func TestStdio_AClientThatDoesNotReadIsAnError(t *testing.T) {
	s := newServer(t, Options{})
	err := s.ServeStdio(t.Context(), strings.NewReader(toolCall(1)+"\n"+toolCall(2)), broken{})
	if err == nil || !strings.Contains(err.Error(), "nobody reads") {
		t.Errorf("ended with %v", err)
	}
}

type brokenInput struct{}

func (brokenInput) Read([]byte) (int, error) { return 0, errors.New("the wire is cut") }

func TestStdio_AWireThatBreaksIsAnErrorAndALongLineIsNot(t *testing.T) {
	s := newServer(t, Options{Bytes: 1})
	var out testkit.Buffer
	tooLong := strings.Repeat("x", limits.RequestBytes+1) + "\n" + toolCall(2) + "\n"
	err := s.ServeStdio(t.Context(), io.MultiReader(strings.NewReader(tooLong), brokenInput{}), &out)
	if err == nil || !strings.Contains(err.Error(), "the wire is cut") {
		t.Errorf("ended with %v", err)
	}
	want := `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"message too large"}}` + "\n" +
		`{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"N"}]}}` + "\n"
	if out.String() != want {
		t.Errorf("%s", out.String())
	}
}

func TestStdio_AClientThatDoesNotReadBoundsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{Bytes: 1 << 20})
		c := s.talk(t.Context(), t)
		var said atomic.Int64
		go func() {
			for i := range 20 {
				_, _ = io.WriteString(c.in, toolCall(i)+"\n")
				said.Add(1)
			}
		}()
		// The server is writing the first answer, and reads no further line.
		synctest.Wait()
		if n := said.Load(); n != 1 {
			t.Errorf("%d lines were read from a client that reads nothing", n)
		}
		for i := range 20 {
			if line, _ := c.hear(); !strings.HasPrefix(line, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result"`, i)) {
				t.Fatalf("%.60s, want the answer to %d", line, i)
			}
		}
		c.end()
	})
}
