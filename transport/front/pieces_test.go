package front

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// piecemeal is an upstream whose results come in pieces where they are taken.
type piecemeal struct {
	upstream
	pieces func(name string) (pieces []string, behind int, err error) // behind: bytes of the message, -1 for a length that is not known
	before func(sink messages.Sink)                                   // may be nil
	taken  chan bool
	ended  chan error // how passing them on ended
}

func (p *piecemeal) Serve(ctx context.Context, req mcp.Request, sink messages.Sink) (json.RawMessage, error) {
	pieces, behind, err := p.pieces(req.Request.Name)
	length := int64(behind)
	for _, piece := range pieces {
		if behind >= 0 {
			length += int64(len(piece))
		}
	}
	if p.before != nil {
		p.before(sink)
	}
	to, ok := sink.(messages.Taker)
	took := ok && to.Take([]byte(pieces[0]), length)
	p.taken <- took
	if !took {
		return json.RawMessage(strings.Join(pieces, "")), err
	}
	for _, piece := range pieces {
		if err := to.Pass([]byte(piece)); err != nil {
			p.ended <- err
			return nil, messages.Failf(messages.KindCancelled, "a", "nobody reads")
		}
	}
	p.ended <- nil
	return nil, err
}

func newPiecemeal(t *testing.T, opts Options, pieces func(name string) ([]string, int, error)) (*world, *piecemeal) {
	t.Helper()
	p := &piecemeal{pieces: pieces, taken: make(chan bool, 64), ended: make(chan error, 64)}
	return newWorldOf(t, func(s Service, c Clients) http.Handler {
		p.upstream = upstream{s.(*puppet)}
		return NewHTTP(p, c, opts)
	}), p
}

const complete = `{"resultType":"complete","content":[],"x":"`

// aLong is a long result in three pieces.
func aLong() []string {
	x := strings.Repeat("x", 100_000)
	return []string{complete + x, x, x + `"}`}
}

// callOf is a request of an era, and its headers.
func callOf(w *world, modern bool, id int, tool string) (string, []string) {
	if modern {
		return modernCall(id, tool, "")
	}
	return call(id, tool), w.initialize(mcp.V20251125)
}

func bothCallers(t *testing.T, test func(t *testing.T, modern bool)) {
	for _, modern := range []bool{false, true} {
		t.Run(fmt.Sprintf("modern %v", modern), func(t *testing.T) { test(t, modern) })
	}
}

func TestPieces_AreOneAnswerOfTheRightLength(t *testing.T) {
	short := []string{complete + strings.Repeat("x", 5000), strings.Repeat("x", 5000) + `"}`}
	bothCallers(t, func(t *testing.T, modern bool) {
		for i, behind := range []int{-1, 1, 2, 100, 1, 2, 100} {
			pieces := aLong()
			if i >= 4 {
				pieces = short
			}
			w, p := newPiecemeal(t, Options{}, func(string) ([]string, int, error) { return pieces, behind, nil })
			body, header := callOf(w, modern, 7, "long")
			response := w.do(t.Context(), http.MethodPost, body, header...)
			got := read(t, response)
			want := `{"jsonrpc":"2.0","id":7,"result":` + strings.Join(pieces, "") + "}"
			if strings.TrimRight(got, " ") != want || response.Header.Get("Content-Type") != typeJSON {
				t.Errorf("%d behind: %s, %d bytes, not %d: %.100s", behind, response.Header.Get("Content-Type"), len(got), len(want), got)
			}
			if length := int64(len(want) + behind - 1); behind > 0 && response.ContentLength != length || behind < 0 && response.ContentLength != -1 {
				t.Errorf("%d behind: a length of %d, not %d", behind, response.ContentLength, length)
			}
			if !<-p.taken || <-p.ended != nil {
				t.Error("it did not come in pieces")
			}
		}
	})
}

// said is a log, line by line.
type said chan string

func (s said) Write(line []byte) (int, error) {
	s <- string(line)
	return len(line), nil
}

// Who gets a beginning and no end must not take it for an answer.
func TestPieces_ThatStopMidwayEndTheConnection(t *testing.T) {
	bothCallers(t, func(t *testing.T, modern bool) {
		for _, behind := range []int{-1, 1} {
			logged := make(said, 64)
			w, _ := newPiecemeal(t, Options{Logger: slog.New(slog.NewTextHandler(logged, nil))}, func(name string) ([]string, int, error) {
				if name == "breaks" {
					return aLong()[:2], behind, messages.Failf(messages.KindUnavailable, "a", "it died")
				}
				return aLong(), behind, nil
			})
			body, header := callOf(w, modern, 7, "breaks")
			response := w.do(t.Context(), http.MethodPost, body, header...)
			got, err := io.ReadAll(response.Body)
			response.Body.Close()
			if !errors.Is(err, io.ErrUnexpectedEOF) || json.Valid(got) {
				t.Errorf("%d behind: %d bytes, %v", behind, len(got), err)
			}
			if line := await(t, "what is logged", logged); !strings.Contains(line, "broke off") || !strings.Contains(line, "it died") {
				t.Errorf("logged: %s", line)
			}
			// The next one, of the same id, finds nothing of it left.
			body = strings.Replace(body, "breaks", "long", 1)
			if modern {
				body, header = callOf(w, modern, 7, "long")
			}
			if status, _, got := w.post(body, header...); status != http.StatusOK || !strings.HasPrefix(got, `{"jsonrpc":"2.0","id":7,"result":`+complete) {
				t.Errorf("the next: %d %.100s", status, got)
			}
		}
	})
}

// Of a short one nothing is out before it is whole, so its caller hears why.
func TestPieces_OfAShortResultThatFailsLeaveRoomForTheReason(t *testing.T) {
	bothCallers(t, func(t *testing.T, modern bool) {
		w, p := newPiecemeal(t, Options{}, func(string) ([]string, int, error) {
			return []string{complete + `"}`}, 1, messages.Failf(messages.KindUnavailable, "a", "it died")
		})
		body, header := callOf(w, modern, 7, "short")
		if _, media, got := w.post(body, header...); media != typeJSON || !strings.Contains(got, "it died") || !strings.Contains(got, `"id":7,"error"`) {
			t.Errorf("%s %s", media, got)
		}
		if !<-p.taken {
			t.Error("it was not taken")
		}
	})
}

// Where the answer is an event, or has to be completed, it is needed whole.
func TestPieces_AreNotTakenWhereTheAnswerIsNeededWhole(t *testing.T) {
	for name, tc := range map[string]struct {
		modern bool
		pieces []string
		header []string
		before func(messages.Sink)
		want   string
	}{
		"a stream, modern": {true, aLong(), nil, func(s messages.Sink) {
			_ = s.Notify(messages.Notification{Method: "notifications/progress"})
		}, "data: "},
		"a stream, legacy": {false, aLong(), nil, func(s messages.Sink) {
			_ = s.Notify(messages.Notification{Method: "notifications/progress"})
		}, "data: "},
		"streams only":        {true, aLong(), []string{"Accept", typeSSE}, nil, "data: "},
		"not complete":        {true, []string{`{"resultType":"input_required","x":"`, `"}`}, nil, nil, `"result":{"resultType":"input_required"`},
		"not said what it is": {true, []string{`{"content":[],"x":"`, `"}`}, nil, nil, `"result":{"resultType":"complete","_meta"`},
	} {
		t.Run(name, func(t *testing.T) {
			w, p := newPiecemeal(t, Options{}, func(string) ([]string, int, error) { return tc.pieces, 1, nil })
			p.before = tc.before
			body, header := callOf(w, tc.modern, 7, "long")
			if _, _, got := w.post(body, append(header, tc.header...)...); !strings.Contains(got, tc.want) {
				t.Errorf("%.200s", got)
			}
			if <-p.taken {
				t.Error("it came in pieces")
			}
		})
	}
}

// The compact tools make something of a result: it must never pass them by.
func TestPieces_AreOfferedToRelaysOnly(t *testing.T) {
	s := &sink{ctx: t.Context()}
	if s.Take([]byte(complete), 100) {
		t.Error("a result is taken that nobody asked for in pieces")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	s = &sink{ctx: gone, pieces: new(reply)}
	if s.Take([]byte(complete), 100) {
		t.Error("a result is taken for nobody")
	}
	if err := s.Pass([]byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("passed on to nobody: %v", err)
	}
}

// endless is more than a network connection holds when nobody reads.
func endless() []string {
	return append([]string{complete}, slices.Repeat([]string{strings.Repeat("x", chunk)}, 1024)...)
}

// A client that does not read holds nobody up for longer than the write timeout.
func TestPieces_AClientThatStopsReadingEndsThem(t *testing.T) {
	bothCallers(t, func(t *testing.T, modern bool) {
		w, p := newPiecemeal(t, Options{WriteTimeout: 20 * time.Millisecond}, func(string) ([]string, int, error) { return endless(), 1, nil })
		body, header := callOf(w, modern, 7, "endless")
		conn, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url(), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", typeJSON)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		if err := r.Write(conn); err != nil {
			t.Fatal(err)
		}
		if err := await(t, "the end of the pieces", p.ended); err == nil {
			t.Error("64 MiB went to a client that does not read")
		}
	})
}

func TestPieces_AClientThatLeavesEndsThem(t *testing.T) {
	bothCallers(t, func(t *testing.T, modern bool) {
		w, p := newPiecemeal(t, Options{}, func(string) ([]string, int, error) { return endless(), -1, nil })
		body, header := callOf(w, modern, 7, "endless")
		ctx, leave := context.WithCancel(t.Context())
		response := w.do(ctx, http.MethodPost, body, header...)
		_, _ = io.ReadFull(response.Body, make([]byte, chunk))
		leave()
		response.Body.Close()
		if err := await(t, "the end of the pieces", p.ended); err == nil {
			t.Error("64 MiB went to a client that has left")
		}
	})
}

// The moment after which an answer would become a stream may come in the middle.
func TestPieces_DoNotBecomeAStreamMidway(t *testing.T) {
	w, _ := newPiecemeal(t, Options{StreamAfter: time.Nanosecond}, func(string) ([]string, int, error) { return aLong(), 1, nil })
	for id := range 20 {
		body, header := callOf(w, false, id+1, "long")
		_, media, got := w.post(body, header...)
		if media == typeSSE {
			_, got, _ = strings.Cut(got, `data: {"jsonrpc"`)
			got = `{"jsonrpc"` + strings.TrimSpace(got)
		}
		if m, problem := jsonrpc.Parse([]byte(got), 64); problem != nil || string(m.Result) != strings.Join(aLong(), "") {
			t.Fatalf("%s: %v, %.100s", media, problem, got)
		}
	}
}

// deadlines is a response that remembers the last write deadline.
type deadlines struct {
	*httptest.ResponseRecorder
	last time.Time
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.last = at
	return nil
}

// Over HTTP/2 a deadline ends a stream on which nothing is written: while the
// server takes its time there must be none.
func TestPieces_LeaveNoDeadlineBehindWhereItWouldEndTheStream(t *testing.T) {
	for _, pauses := range []bool{false, true} {
		opts := Options{}.withDefaults()
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		r := newReply(w, accept{json: true}, &opts)
		r.pauses = pauses
		if !r.take(jsonrpc.IntID(1), -1) || r.pass([]byte(complete)) != nil {
			t.Fatal("it is not taken")
		}
		if w.last.IsZero() != pauses {
			t.Errorf("pauses %v: a deadline at %v", pauses, w.last)
		}
		if !r.finishPieces() || !w.last.IsZero() {
			t.Errorf("pauses %v: a deadline at %v behind the end", pauses, w.last)
		}
	}
}
