package front

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// bundler is a ResponseWriter that sends in one piece, or not at all.
type bundler struct {
	*httptest.ResponseRecorder
	bundles int
	lost    error
}

func (b *bundler) Together(write func() error) error {
	b.bundles++
	if err := write(); err != nil {
		return err
	}
	return b.lost
}

func TestReply_AnswersThatNetHTTPWouldCutLeaveTogether(t *testing.T) {
	options := Options{}.withDefaults()
	for length, want := range map[int]int{100: 0, oneBuffer: 0, 4 << 10: 1, 10 << 10: 1, 40 << 10: 1, chunk: 1, 2 * chunk: 0} {
		w := &bundler{ResponseRecorder: httptest.NewRecorder()}
		rep := newReply(w, accept{json: true}, &options)
		result := []byte(`"` + strings.Repeat("x", length-len(`{"jsonrpc":"2.0","id":1,"result":""}`)) + `"`)
		rep.respond(200, response{id: jsonrpc.IntID(1), result: result})
		rep.end()
		if got := w.Body.Len(); w.bundles != want || got != length {
			t.Errorf("%d bytes: %d bundles, want %d; %d bytes came", length, w.bundles, want, got)
		}
	}
}

func TestReply_WhatIsLostInABundleIsToldAndNothingFollowsIt(t *testing.T) {
	lost := errors.New("the client is gone")
	w, options := &bundler{ResponseRecorder: httptest.NewRecorder(), lost: lost}, Options{}.withDefaults()
	rep := newReply(w, accept{sse: true}, &options)
	var told error
	rep.broken = func(err error) { told = err }
	defer rep.end()
	if err := rep.event([]byte(`"` + strings.Repeat("x", 10<<10) + `"`)); !errors.Is(err, lost) || !errors.Is(told, lost) {
		t.Errorf("%v, and the call was told %v", err, told)
	}
	sent := w.Body.Len()
	if err := rep.event([]byte(`"more"`)); !errors.Is(err, lost) || w.Body.Len() != sent {
		t.Errorf("%v; something was sent behind what was lost", err)
	}
}
