package front

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// reset is a ResponseWriter that fails, and reads on for a moment what it was given.
type reset struct {
	*httptest.ResponseRecorder
	given []byte
}

func (r *reset) Write(p []byte) (int, error) {
	r.given = p
	return 0, errors.New("the stream was reset")
}

// Over HTTP/2 net/http may still be writing what it has given up: that must not
// become what another client is being sent.
func TestPieces_WhatCouldNotBeSentIsNobodyElses(t *testing.T) {
	options := Options{}.withDefaults()
	held := func(rep *reply, letter string) {
		defer rep.end()
		piece := bytes.Repeat([]byte(letter), 8<<10)
		if !rep.take(jsonrpc.IntID(1), int64(len(piece))+1) || rep.pass(piece) != nil || !rep.finishPieces() {
			t.Error("it was not held")
		}
	}
	hers := &reset{ResponseRecorder: httptest.NewRecorder()}
	held(newReply(hers, accept{json: true}, &options), "a")
	for range 8 {
		his := httptest.NewRecorder()
		if held(newReply(his, accept{json: true}, &options), "b"); his.Body.Len() < 8<<10 {
			t.Fatalf("%d bytes came", his.Body.Len())
		}
	}
	if len(hers.given) == 0 || bytes.ContainsRune(hers.given, 'b') {
		t.Error("another's answer lies where hers was")
	}
}
