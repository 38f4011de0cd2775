package relay_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/mcpx/mcpx/tests/testkit"
)

const (
	talkers = 64  // calls at a time
	events  = 100 // of each
)

// wantEvents checks that the events of a call are all there, in order, and nobody
// else's, before its answer.
func wantEvents(t *testing.T, q *call, mark string) {
	t.Helper()
	q.answer(t)
	n := 0
	all := q.stream.sofar()
	for i, m := range all {
		switch m.Method {
		case primed:
		case "notifications/progress":
			n++
			want := fmt.Sprintf(`{"progressToken":%q,"progress":%d,"message":%q}`, mark, n, mark)
			if string(m.Params) != want {
				t.Errorf("event %d of %s is %s", n, mark, m.Params)
				return
			}
		case "":
			if i != len(all)-1 {
				t.Errorf("%s: %d messages follow the answer", mark, len(all)-1-i)
			}
		default:
			t.Errorf("%s hears of %s: %s", mark, m.Method, m.Params)
		}
	}
	if n != events {
		t.Errorf("%d events came to %s, of %d", n, mark, events)
	}
}

// talk tells events to the call that it is, and says whose they are.
func talk(r *request) {
	mark := string(member(r.Params, "arguments", "mark"))
	for n := 1; n <= events; n++ {
		r.notify("notifications/progress", `{"progressToken":`+r.token()+`,"progress":`+strconv.Itoa(n)+`,"message":`+mark+`}`)
	}
}

// Each of 64 calls at a time hears its own 100 events, in order: 6,400 in all.
// The tools begin together, when all calls have arrived; or they tell what they
// have to tell and return at once.
func TestNotifications_EachCallHearsItsOwn(t *testing.T) {
	for _, st := range fewer(func(st stage) bool { return st.from == "http" && (!st.modern || st.to == "http") }) {
		t.Run(st.String(), func(t *testing.T) {
			t.Parallel()
			s := st.set(t)
			arrived, all := make(chan struct{}, talkers), make(chan struct{})
			s.up.on("tools/call:together", func(r *request) {
				arrived <- struct{}{}
				r.hold(all)
				talk(r)
				r.result(s.up.text("told"))
			})
			s.up.on("tools/call:atonce", func(r *request) {
				talk(r)
				r.result(s.up.text("told"))
			})
			ways := []string{"together", "atonce"}
			if !testkit.Long() && st.to == "http" {
				ways = ways[:1]
			}
			for _, name := range ways {
				var calls []*call
				for i := range talkers {
					mark := fmt.Sprintf("%s-%d", name, i)
					calls = append(calls, tool(s.client, name, fmt.Sprintf(`{"mark":%q}`, mark), strconv.Quote(mark)))
				}
				if name == "together" {
					for range talkers {
						<-arrived
					}
					close(all)
				}
				for i, q := range calls {
					wantEvents(t, q, fmt.Sprintf("%s-%d", name, i))
				}
			}
		})
	}
}

// One of 64 never reads its response: the others lose nothing.
func TestNotifications_WhoDoesNotReadCostsOthersNothing(t *testing.T) {
	for _, st := range fewer(func(st stage) bool { return !st.modern && st.to == "stdio" }) {
		if st.from != "http" {
			continue // over stdio there is one stream, which all read or none
		}
		t.Run(st.String(), func(t *testing.T) {
			t.Parallel()
			s := st.set(t)
			stuffed := make(chan struct{})
			s.up.on("tools/call:talk", func(r *request) {
				talk(r)
				r.result(s.up.text("told"))
			})
			// More than the network holds for somebody who does not read.
			filler := make([]byte, 64<<10)
			for i := range filler {
				filler[i] = 'x'
			}
			s.up.on("tools/call:stuff", func(r *request) {
				for n := range 200 {
					r.notify("notifications/progress", fmt.Sprintf(`{"progressToken":%s,"progress":%d,"message":"%s"}`, r.token(), n, filler))
					if n == 20 {
						close(stuffed)
					}
				}
				r.hold(nil)
			})
			c := s.client.(*httpClient)
			params := `{"name":"stuff","arguments":{},"_meta":{"progressToken":"deaf"}}`
			if st.modern {
				params = `{"name":"stuff","arguments":{},"_meta":` + meta(`"progressToken":"deaf"`) + `}`
			}
			resp, err := c.do(c.life, http.MethodPost, frame(`"deaf"`, "tools/call", params), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close() // it is never read
			<-stuffed
			var calls []*call
			for i := range talkers - 1 {
				mark := fmt.Sprintf("reader-%d", i)
				calls = append(calls, tool(c, "talk", fmt.Sprintf(`{"mark":%q}`, mark), strconv.Quote(mark)))
			}
			for i, q := range calls {
				wantEvents(t, q, fmt.Sprintf("reader-%d", i))
			}
		})
	}
}
