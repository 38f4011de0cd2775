package front

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/mcp"
)

// newLasting serves a puppet over real client actors, which keep events.
// Responses become streams after the given time.
func newLasting(t *testing.T, streamAfter time.Duration, change ...func(*messages.Limits)) *world {
	t.Helper()
	limits := messages.DefaultLimits()
	for _, f := range change {
		f(&limits)
	}
	runtime := actors.New(actors.Options{Limits: limits})
	t.Cleanup(func() { runtime.Close() })
	service := newPuppet()
	server := httptest.NewServer(NewHTTP(service, runtime, Options{Limits: limits, StreamAfter: streamAfter}))
	t.Cleanup(server.Close)
	return &world{t: t, service: service, client: server.Client(), base: server.URL}
}

const (
	atOnce = time.Nanosecond
	never  = time.Hour
)

// after are the headers of a GET that takes up the stream of an event.
func after(session []string, id string) []string {
	return append(append([]string(nil), session...), mcp.HeaderLastEventID, id)
}

func (e *events) id() string {
	e.t.Helper()
	return await(e.t, "the id of an event", e.ids)
}

// cut breaks the connection, as networks do.
func (e *events) cut() {
	e.cancel()
	e.body.Close()
}

func answered(id int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":%s}`, id, callResult("released"))
}

func TestResume_AClientThatDisconnectsInMidCallGetsItsAnswer(t *testing.T) {
	for _, when := range []string{"before the answer", "behind it"} {
		t.Run(when, func(t *testing.T) {
			w := newLasting(t, atOnce)
			session := w.initialize(mcp.V20251125)
			post := w.open(http.MethodPost, call(1, "wait"), session...)
			await(t, "the start", w.service.started)
			first := post.id()
			post.cut()
			var get *events
			if when == "before the answer" {
				get = w.open(http.MethodGet, "", after(session, first)...)
				close(w.service.release)
			} else {
				close(w.service.release)
				if err := await(t, "the end of the call", w.service.ended); err != nil {
					t.Fatal(err)
				}
				get = w.open(http.MethodGet, "", after(session, first)...)
			}
			get.expect(answered(1))
			last := get.id()
			get.expectEnd()
			if last == first {
				t.Errorf("two events are called %s", last)
			}
			// There is nothing to come back for, and no end of coming back otherwise.
			response := w.do(t.Context(), http.MethodGet, "", after(session, last)...)
			if body := read(t, response); response.StatusCode != http.StatusNoContent || body != "" {
				t.Errorf("behind the answer: %d %s", response.StatusCode, body)
			}
			// Until it expires, the answer can be asked for again.
			again := w.open(http.MethodGet, "", after(session, first)...)
			again.expect(answered(1))
			again.expectEnd()
		})
	}
}

func TestResume_ReplaysWhatFollowedOnThatStreamAndOnNoOther(t *testing.T) {
	w := newLasting(t, atOnce)
	session := w.initialize(mcp.V20251125)
	posts := make([]*events, 3)
	ids := map[string]bool{}
	for i := range posts {
		posts[i] = w.open(http.MethodPost, call(i, "progress"), session...)
		ids[posts[i].id()] = true
	}
	var second string // the id of the second event of the last one
	for i, p := range posts {
		for n := range 3 {
			p.expect(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p%d","progress":%d}}`, i, n))
			id := p.id()
			if ids[id] {
				t.Errorf("two events are called %s", id)
			}
			ids[id] = true
			if n == 1 {
				second = id
			}
		}
		p.expect(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":%s}`, i, callResult("done")))
		p.expectEnd()
	}
	get := w.open(http.MethodGet, "", after(session, second)...)
	get.expect(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p2","progress":2}}`)
	get.expect(fmt.Sprintf(`{"jsonrpc":"2.0","id":2,"result":%s}`, callResult("done")))
	get.expectEnd()
}

// What is sent on the new connection is not sent on the old one, though that
// may still stand.
func TestResume_TheStreamGoesOnInOnePlaceOnly(t *testing.T) {
	w := newLasting(t, atOnce)
	session := w.initialize(mcp.V20251125)
	post := w.open(http.MethodPost, call(1, "wait"), session...)
	await(t, "the start", w.service.started)
	first := post.id()
	one := w.open(http.MethodGet, "", after(session, first)...)
	two := w.open(http.MethodGet, "", after(session, first)...)
	one.expectEnd()
	close(w.service.release)
	two.expect(answered(1))
	two.expectEnd()
	post.expectEnd()
}

func TestResume_AnswersThatComeAtOnceStayPlain(t *testing.T) {
	w := newLasting(t, never)
	session := w.initialize(mcp.V20251125)
	if _, media, body := w.post(call(1, "echo"), session...); media != typeJSON {
		t.Errorf("%s: %s", media, body)
	}
	// A client of before that does not know an event without data gets none.
	old := newLasting(t, atOnce)
	session = old.initialize(mcp.V20250618)
	get := old.open(http.MethodGet, "", session...)
	waiting := old.background(call(1, "wait"), session...)
	await(t, "the start", old.service.started)
	close(old.service.release)
	if got := await(t, "the answer", waiting); got != (ended{http.StatusOK, typeJSON, answered(1)}) {
		t.Errorf("%+v", got)
	}
	get.close()
	if len(get.ids) > 0 {
		t.Errorf("the event %s", <-get.ids)
	}
	// Its streams have ids all the same, once there is something on them.
	post := old.open(http.MethodPost, call(2, "progress"), session...)
	post.expect(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p2","progress":0}}`)
	id := post.id()
	post.cut()
	again := old.open(http.MethodGet, "", after(session, id)...)
	again.expect(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p2","progress":1}}`)
}

func TestResume_WhatIsNotKeptIsNotFound(t *testing.T) {
	w := newLasting(t, atOnce, func(l *messages.Limits) { l.ResumeEvents = 5 })
	session := w.initialize(mcp.V20251125)
	post := w.open(http.MethodPost, call(1, "progress"), session...)
	first := post.id()
	for range 4 {
		await(t, "an event", post.messages)
	}
	post.expectEnd()
	other := w.open(http.MethodPost, call(2, "progress"), session...)
	foreign := other.id()
	for range 4 {
		await(t, "an event", other.messages)
	}
	other.expectEnd()
	strange := w.initialize(mcp.V20251125)
	for name, header := range map[string][]string{
		"evicted":            after(session, first),
		"never sent":         after(session, "9999-1"),
		"not there yet":      after(session, first[:len(first)-1]+"99"),
		"no id of ours":      after(session, "x"),
		"of another session": after(strange, foreign),
	} {
		response := w.do(t.Context(), http.MethodGet, "", header...)
		if body := read(t, response); response.StatusCode != http.StatusNotFound || code(t, body) == 0 {
			t.Errorf("%s: %d %s", name, response.StatusCode, body)
		}
	}
}

func TestResume_SwitchedOffThereAreNoIDs(t *testing.T) {
	w := newLasting(t, atOnce, func(l *messages.Limits) { l.ResumeEvents = 0 })
	session := w.initialize(mcp.V20251125)
	post := w.open(http.MethodPost, call(1, "progress"), session...)
	for range 4 {
		await(t, "an event", post.messages)
	}
	post.expectEnd()
	waiting := w.background(call(1, "wait"), session...)
	await(t, "the start", w.service.started)
	close(w.service.release)
	if got := await(t, "the answer", waiting); got.media != typeJSON {
		t.Errorf("%+v", got)
	}
	if len(post.ids) > 0 {
		t.Errorf("the event %s", <-post.ids)
	}
}

func TestResume_WhatOneClientTakesUpDoesNotHinderItsOtherStreams(t *testing.T) {
	w := newLasting(t, atOnce, func(l *messages.Limits) { l.StreamsPerClient = 1 })
	session := w.initialize(mcp.V20251125)
	get := w.open(http.MethodGet, "", session...)
	id := get.id()
	for range 5 { // each takes the place of the one before it
		next := w.open(http.MethodGet, "", after(session, id)...)
		get.expectEnd()
		get = next
	}
	response := w.do(t.Context(), http.MethodGet, "", session...)
	if body := read(t, response); response.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a second stream: %d %s", response.StatusCode, body)
	}
	// Requests have streams besides.
	post := w.open(http.MethodPost, call(1, "progress"), session...)
	for range 4 {
		await(t, "an event", post.messages)
	}
	post.expectEnd()
}
