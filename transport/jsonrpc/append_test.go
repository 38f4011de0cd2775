package jsonrpc

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestAppend_WritesEnvelopes(t *testing.T) {
	params := json.RawMessage(`{"a":1}`)
	for _, tc := range []struct{ got, want string }{
		{string(AppendRequest(nil, IntID(1), "m\n", params)), `{"jsonrpc":"2.0","id":1,"method":"m\n","params":{"a":1}}`},
		{string(AppendRequest([]byte("x"), StringID("s"), "m", nil)), `x{"jsonrpc":"2.0","id":"s","method":"m"}`},
		{string(AppendNotification(nil, "n", params)), `{"jsonrpc":"2.0","method":"n","params":{"a":1}}`},
		{string(AppendNotification(nil, "n", nil)), `{"jsonrpc":"2.0","method":"n"}`},
		{string(AppendResult(nil, IntID(2), json.RawMessage(`[1]`))), `{"jsonrpc":"2.0","id":2,"result":[1]}`},
		{string(AppendResult(nil, IntID(2), nil)), `{"jsonrpc":"2.0","id":2,"result":{}}`},
		{string(AppendError(nil, IntID(3), &Error{Code: -32601, Message: "<no>"})), `{"jsonrpc":"2.0","id":3,"error":{"code":-32601,"message":"<no>"}}`},
		{string(AppendError(nil, ID{}, &Error{Code: -32700, Message: "\x01", Data: json.RawMessage(`{}`)})),
			`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"\u0001","data":{}}}`},
	} {
		if tc.got != tc.want {
			t.Errorf("got %s, want %s", tc.got, tc.want)
		}
	}
}

// Over HTTP a message may be printed with line ends; on stdio these would cut it.
func TestAppend_MakesOneLineOfPrettyPrintedJSON(t *testing.T) {
	pretty := json.RawMessage("{\r\n\t\"a\": \"x\\ny\",\n\"b\": [\r1\n]\n}")
	before := string(pretty)
	for _, b := range [][]byte{
		AppendRequest([]byte("first\n"), IntID(1), "m", pretty), AppendNotification([]byte("first\n"), "m", pretty),
		AppendResult([]byte("first\n"), IntID(1), pretty), AppendError([]byte("first\n"), IntID(1), &Error{Message: "a\nb", Data: pretty}),
	} {
		line, ok := strings.CutPrefix(string(b), "first\n")
		if !ok || strings.ContainsAny(line, "\r\n") {
			t.Errorf("%q is not one line", b)
		}
		if _, err := Parse([]byte(line), depth); err != nil || !strings.Contains(line, `x\ny`) {
			t.Errorf("%q: %v", line, err)
		}
	}
	if string(pretty) != before {
		t.Error("the caller's bytes were changed")
	}
}

func TestQuote_RoundTripsAndEscapesNoMoreThanItMust(t *testing.T) {
	for in, want := range map[string]string{
		"":                   `""`,
		"a/b<&>é😀\u2028\x7f": "\"a/b<&>é😀\u2028\x7f\"",
		"\"\\\n\r\t\b\x00":   `"\"\\\n\r\t\u0008\u0000"`,
	} {
		if got := string(Quote(in)); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
		if got := Unquote(Quote(in)); got != in {
			t.Errorf("%q came back as %q", in, got)
		}
	}
	if got := string(Quote("a\xffb\xc3")); got != "\"a\ufffdb\ufffd\"" {
		t.Errorf("invalid UTF-8 became %s", got)
	}
}

func TestMarshal_LeavesHTMLAlone(t *testing.T) {
	got, err := Marshal(map[string]any{"a": "<&>", "n": json.Number("9007199254740993")})
	if err != nil || string(got) != `{"a":"<&>","n":9007199254740993}` {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := Marshal(math.Inf(1)); err == nil {
		t.Error("infinity has no JSON")
	}
}
