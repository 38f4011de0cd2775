package relay_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/tests/testkit"
)

// upstreams runs a test with an upstream of each transport, in the legacy era.
func upstreams(t *testing.T, run func(t *testing.T, up *upstream)) {
	for _, transport := range []string{"http", "stdio"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			run(t, upstreamOver(t, transport, false))
		})
	}
}

// ending is how the end of a session looks at its server.
func (u *upstream) ending(s *session) func(received) bool {
	return func(r received) bool { return r.session == s.id && (r.Method == "DELETE" || r.Method == "EOF") }
}

// A client that is cut off in mid-call takes its stream up again and gets its
// answer; its server has noticed nothing.
func TestSession_CutOffInMidCallItsAnswerIsResumed(t *testing.T) {
	upstreams(t, func(t *testing.T, up *upstream) {
		h := hold(up)
		c := dialHTTP(t, testkit.ServeConfig(t, configOf(up)), false, initialize())
		ctx, cut := context.WithCancel(t.Context())
		defer cut()
		resp, err := c.do(ctx, http.MethodPost, frame("7", "tools/call", `{"name":"hold","arguments":{"n":1}}`), nil)
		if err != nil {
			t.Fatal(err)
		}
		last := ""
		read(resp, func(_ message, id string) {
			last = id
			cut()
		})
		_ = resp.Body.Close()
		if last == "" {
			t.Fatal("nothing came by which the stream could be taken up again")
		}
		actortest.Eventually(t, "the call is with its server", func() bool { return len(h.seen(h.arrived)) == 1 })
		h.release()
		again, err := c.do(t.Context(), http.MethodGet, "", http.Header{"Last-Event-Id": {last}})
		if err != nil {
			t.Fatal(err)
		}
		defer again.Body.Close()
		var answer message
		read(again, func(m message, _ string) { answer = m })
		if string(answer.ID) != "7" || !strings.Contains(string(answer.Result), "held 1") {
			t.Errorf("resumed after %s: %s: %+v", last, again.Status, answer)
		}
		if n := up.log.count(isMethod("notifications/cancelled")); n != 0 {
			t.Errorf("the server was told of %d cancellations", n)
		}
	})
}

// DELETE ends the client's session and the one that it has of the server, and
// no other.
func TestSession_DeletedItEndsAtTheServerToo(t *testing.T) {
	upstreams(t, func(t *testing.T, up *upstream) {
		g := testkit.ServeConfig(t, configOf(up))
		s := scene{up: up}
		c, other := dialHTTP(t, g, false, initialize()), dialHTTP(t, g, false, initialize())
		theirs, others := s.session(t, c), s.session(t, other)
		if theirs == others {
			t.Fatal("two clients have one session of the server")
		}
		status, _ := c.exchange(http.MethodDelete, "", nil)
		if status != http.StatusNoContent {
			t.Errorf("DELETE: status %d", status)
		}
		await(t, &up.log, "the end of the client's session at the server", up.ending(theirs))
		if status, _ := c.exchange(http.MethodPost, frame("9", "ping", ""), nil); status != http.StatusNotFound {
			t.Errorf("a session that was deleted: status %d", status)
		}
		if s.session(t, other) != others || up.log.count(up.ending(others)) != 0 {
			t.Error("the other client has lost its session of the server")
		}
	})
}

// Over HTTP+SSE the session is its stream: with that it ends, and so does the one
// that it has of the server, and no other.
func TestSession_OverSSEItEndsAtTheServerTooWithItsStream(t *testing.T) {
	upstreams(t, func(t *testing.T, up *upstream) {
		g := testkit.ServeConfig(t, configOf(up))
		s := scene{up: up}
		c, other := dialSSE(t, g, initialize()), dialSSE(t, g, initialize())
		theirs, others := s.session(t, c), s.session(t, other)
		if theirs == others {
			t.Fatal("two clients have one session of the server")
		}
		c.leave()
		await(t, &up.log, "the end of the client's session at the server", up.ending(theirs))
		if s.session(t, other) != others || up.log.count(up.ending(others)) != 0 {
			t.Error("the other client has lost its session of the server")
		}
	})
}

// A session of which nothing is heard for limits.client_idle ends, here and at
// the server; one with an open stream does not.
func TestSession_LeftAloneItEndsAtTheServerToo(t *testing.T) {
	upstreams(t, func(t *testing.T, up *upstream) {
		g := testkit.ServeConfig(t, configOf(up, map[string]any{"limits": map[string]any{"client_idle": "3s"}}))
		s := scene{up: up}
		listening := dialHTTP(t, g, false, initialize())
		kept := s.session(t, listening)
		c := newHTTPClient(t, g, false)
		c.initialize(initialize())
		theirs := s.session(t, c)
		await(t, &up.log, "the end of the client's session at the server", up.ending(theirs))
		if status, _ := c.exchange(http.MethodPost, frame("9", "ping", ""), nil); status != http.StatusNotFound {
			t.Errorf("a session that was left alone: status %d", status)
		}
		if s.session(t, listening) != kept {
			t.Error("the client that listens has lost its session of the server")
		}
	})
}

// A session that another principal presents does not exist.
func TestSession_OfSomebodyElseDoesNotExist(t *testing.T) {
	upstreams(t, func(t *testing.T, up *upstream) {
		g := testkit.ServeConfig(t, configOf(up, map[string]any{"api_keys": map[string]any{
			"alice": "key-of-alice-1234567890", "bob": "key-of-bob-1234567890",
		}}))
		open := func(key string) *httpClient {
			c := newHTTPClient(t, g, false)
			c.key = key
			c.initialize(initialize())
			return c
		}
		alice, bob := open("key-of-alice-1234567890"), open("key-of-bob-1234567890")
		s := scene{up: up}
		theirs := s.session(t, alice)
		for _, request := range []struct{ method, body string }{
			{http.MethodPost, frame("9", "tools/call", `{"name":"whose","arguments":{}}`)},
			{http.MethodPost, note("notifications/cancelled", `{"requestId":1}`)},
			{http.MethodGet, ""},
			{http.MethodDelete, ""},
		} {
			status, answer := bob.exchange(request.method, request.body, http.Header{"Mcp-Session-Id": {alice.session}})
			if status != http.StatusNotFound {
				t.Errorf("%s %.40s: status %d %s", request.method, request.body, status, answer.Error)
			}
		}
		if s.session(t, alice) != theirs {
			t.Error("the session is not what it was")
		}
	})
}

// A session that the server has lost is opened anew within the client's own,
// and is told what the client had asked for: log level and subscriptions.
func TestSession_LostByTheServerIsOpenedAnewWithinTheClients(t *testing.T) {
	upstreams(t, func(t *testing.T, up *upstream) {
		s := scene{up: up}
		for _, method := range []string{"logging/setLevel", "resources/subscribe", "resources/unsubscribe"} {
			up.on(method, func(r *request) { r.result("{}") })
		}
		c := dialHTTP(t, testkit.ServeConfig(t, configOf(up)), false, initialize())
		theirs := s.session(t, c)
		const level, a, b = `{"level":"warning"}`, `{"uri":"file:///a"}`, `{"uri":"file:///b"}`
		ask(c, "logging/setLevel", `{"level":"debug"}`, "").result(t)
		ask(c, "logging/setLevel", level, "").result(t)
		ask(c, "resources/subscribe", a, "").result(t)
		ask(c, "resources/subscribe", b, "").result(t)
		ask(c, "resources/unsubscribe", b, "").result(t)
		up.lose(theirs)
		// A call may meet a process that is just dying, and fail: it may have been heard.
		actortest.Eventually(t, "the end of the session is noticed", func() bool { return tool(c, "whose", "{}", "").answer(t).Error == nil })
		again := s.session(t, c)
		if again == theirs {
			t.Fatal("the session was not lost")
		}
		var told []string
		for _, r := range up.log.sofar() {
			if r.session == again.id && r.Method != "GET" && r.Method != "ping" {
				told = append(told, r.Method+" "+string(r.Params))
			}
		}
		want := []string{"initialize", "notifications/initialized", "logging/setLevel " + level, "resources/subscribe " + a, "tools/call"}
		if len(told) < len(want) {
			t.Fatalf("the new session was told %q, want %q", told, want)
		}
		for i := range want {
			if !strings.HasPrefix(told[i], want[i]) {
				t.Errorf("the new session was told %q, want %q", told[i], want[i])
			}
		}
	})
}
