package dial

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
)

// slow is a client that fails, and reads on for a moment what it was given.
type slow struct{ given []byte }

func (s *slow) Notify(messages.Notification) error { return nil }
func (s *slow) Take([]byte, int64) bool            { return true }
func (s *slow) Pass(piece []byte) error {
	s.given = piece
	return errors.New("the stream was reset")
}

// Over HTTP/2 net/http may still be writing what it has given up: that must not
// become what another client is being sent.
func TestTaken_WhatAClientThatFailedWasGivenIsNobodyElses(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	c := httpTo(p.URL).era("modern").dial(t)
	for _, length := range []int{2 * worthwhile, 4 * longBytes} {
		hers := `{"resultType":"complete","x":"` + strings.Repeat("a", length) + `"}`
		his := `{"resultType":"complete","x":"` + strings.Repeat("b", length) + `"}`
		p.Once("tools/call:echo", says(envelope+hers+"}", true))
		client := new(slow)
		out := c.Do(within(t), toolCall("echo", "{}"), new(link.SentFlag), client)
		failed(t, out, messages.KindCancelled, messages.SentUnknown, "nobody reads")
		if len(client.given) == 0 || bytes.ContainsRune(client.given, 'b') {
			t.Fatalf("%d bytes were given", len(client.given))
		}
		for range 8 {
			p.Once("tools/call:echo", says(envelope+his+"}", true))
			if e := new(eater); taking(within(t), c, e).Failure != nil || e.got.String() != his {
				t.Fatalf("%d bytes came", e.got.Len())
			}
		}
		if bytes.ContainsRune(client.given, 'b') {
			t.Errorf("%d bytes: another's result lies where hers was", length)
		}
	}
}
