package messages_test

import (
	"testing"

	"github.com/mcpx/mcpx/messages"
)

func TestOnceKey_TellsApartWhatIsNotTheSameRequest(t *testing.T) {
	call := func(principal, server, method, name string) *messages.Call {
		return &messages.Call{
			Principal: messages.Principal{Name: principal}, Server: server,
			Request: messages.Request{Method: method, Name: name},
		}
	}
	seen := map[messages.Digest]string{}
	for what, key := range map[string]messages.Digest{
		"the request":         call("ann", "fs", "tools/call", "write").OnceKey("k"),
		"another principal":   call("bob", "fs", "tools/call", "write").OnceKey("k"),
		"nobody":              call("", "fs", "tools/call", "write").OnceKey("k"),
		"another server":      call("ann", "git", "tools/call", "write").OnceKey("k"),
		"another method":      call("ann", "fs", "prompts/get", "write").OnceKey("k"),
		"another tool":        call("ann", "fs", "tools/call", "read").OnceKey("k"),
		"another key":         call("ann", "fs", "tools/call", "write").OnceKey("k2"),
		"parts moved along":   call("annf", "s", "tools/call", "write").OnceKey("k"),
		"parts moved further": call("ann", "fs", "tools/call", "writek").OnceKey(""),
	} {
		if other, taken := seen[key]; taken {
			t.Errorf("%s and %s are the same", what, other)
		}
		seen[key] = what
	}
	if again := call("ann", "fs", "tools/call", "write").OnceKey("k"); seen[again] != "the request" {
		t.Error("the same request is another one")
	}
}

func TestOnceBody_SeesParamsAndForwardedHeaders(t *testing.T) {
	body := func(params string, headers map[string]string) messages.Digest {
		c := messages.Call{Request: messages.Request{Params: []byte(params)}, Caller: messages.Caller{Headers: headers}}
		return c.OnceBody()
	}
	same := body(`{"a":1}`, map[string]string{"X-User": "u", "X-A": "b"})
	if body(`{"a":1}`, map[string]string{"X-A": "b", "X-User": "u"}) != same {
		t.Error("the order of headers counts")
	}
	for what, other := range map[string]messages.Digest{
		"other params":  body(`{"a":2}`, map[string]string{"X-User": "u", "X-A": "b"}),
		"another user":  body(`{"a":1}`, map[string]string{"X-User": "v", "X-A": "b"}),
		"fewer headers": body(`{"a":1}`, map[string]string{"X-User": "u"}),
		"no headers":    body(`{"a":1}`, nil),
	} {
		if other == same {
			t.Errorf("%s count as the same", what)
		}
	}
}
