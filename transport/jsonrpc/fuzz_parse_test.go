package jsonrpc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"testing"
)

// oracle is Parse as one would write it with encoding/json: slow, and plainly right.
func oracle(b []byte, depth int) (m Message, code int) {
	if !json.Valid(b) || !utf8.Valid(b) || levels(b) > depth {
		return m, CodeParse
	}
	obj, ok := decoded(b)
	if !ok {
		return m, CodeInvalidRequest
	}
	first := map[string]json.RawMessage{}
	for _, kv := range obj {
		switch kv.key {
		case "jsonrpc", "id", "method", "params", "result", "error":
			if _, twice := first[kv.key]; twice {
				return m, CodeInvalidRequest
			}
			first[kv.key] = kv.value
		}
	}
	null := func(key string) bool { return string(first[key]) == "null" }
	given := func(key string) bool { return first[key] != nil && !null(key) }
	var version, method string
	if first["jsonrpc"] == nil || json.Unmarshal(first["jsonrpc"], &version) != nil || version != "2.0" {
		return m, CodeInvalidRequest
	}
	if given("id") {
		var s string
		if json.Unmarshal(first["id"], &s) != nil && bytes.ContainsFunc(first["id"], func(r rune) bool { return r != '-' && (r < '0' || r > '9') }) {
			return m, CodeInvalidRequest
		}
		m.ID = ID{string(first["id"])}
	}
	if first["method"] != nil {
		if null("method") || json.Unmarshal(first["method"], &method) != nil || first["result"] != nil || first["error"] != nil || null("id") {
			return m, CodeInvalidRequest
		}
		if p := first["params"]; p != nil && p[0] != '{' && p[0] != '[' {
			return m, CodeInvalidRequest
		}
		m.Kind, m.Method, m.Params = Notification, method, first["params"]
		if first["id"] != nil {
			m.Kind = Request
		}
		return m, 0
	}
	switch {
	case given("error") && !given("result") && first["error"][0] == '{':
		m.Kind, m.Err = ErrorResponse, first["error"]
	case first["result"] != nil && !given("error") && !m.ID.IsZero():
		m.Kind, m.Result = Response, first["result"]
	default:
		return m, CodeInvalidRequest
	}
	return m, 0
}

type pair struct {
	key   string
	value json.RawMessage
}

// decoded returns the members of an object in their order.
func decoded(b []byte) ([]pair, bool) {
	dec := json.NewDecoder(bytes.NewReader(b))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return nil, false
	}
	var out []pair
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, false
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return nil, false
		}
		out = append(out, pair{key.(string), value})
	}
	return out, true
}

// levels returns how deep valid JSON is nested.
func levels(b []byte) (deepest int) {
	dec, level := json.NewDecoder(bytes.NewReader(b)), 0
	for {
		token, err := dec.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			level++
			deepest = max(deepest, level)
		case json.Delim('}'), json.Delim(']'):
			level--
		}
	}
}

var parseSeeds = []string{
	`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":[1.5e-3,true,null,"é😀\ud83d\ude00\ud800"]}}}`,
	`{"jsonrpc":"2.0","id":"x","result":{"content":[]}}`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}}`,
	`{"\u006asonrpc":"2.0","method":"n","x":[[[[{}]]]]}`, ` [ {} , [] ] `, `{"id":1.0}`, `{"id":1,"i\u0064":2}`,
	"{\"a\":\"\xff\"}", "{\"a\":\"01234567\x1f\"}", `{"a":"01234567\\89\"","b":-0.0E+1}`, `{"a":tru`, "\ufeff{}", `{"jsonrpc":"2.0","id":1,"result":null,"error":null}`,
}

func FuzzParse(f *testing.F) {
	for _, seed := range parseSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		const depth = 6
		before := bytes.Clone(b)
		got, err := Parse(b, depth)
		want, code := oracle(b, depth)
		switch {
		case err == nil && code != 0 || err != nil && err.Code != code:
			t.Fatalf("%q: %v, want code %d", b, err, code)
		case err == nil && fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want):
			t.Fatalf("%q\n got %+v\nwant %+v", b, got, want)
		case !bytes.Equal(b, before):
			t.Fatalf("%q was changed to %q", before, b)
		}
		if err == nil { // what we write of it, we read as the same
			var line []byte
			switch got.Kind {
			case Request:
				line = AppendRequest(nil, got.ID, got.Method, got.Params)
			case Notification:
				line = AppendNotification(nil, got.Method, got.Params)
			case Response:
				line = AppendResult(nil, got.ID, got.Result)
			case ErrorResponse:
				line = AppendError(nil, got.ID, ParseError(got.Err))
			}
			again, err := Parse(line, depth)
			if err != nil || again.Kind != got.Kind || again.ID != got.ID || again.Method != got.Method || bytes.ContainsAny(line, "\r\n") {
				t.Fatalf("%q was written as %q: %+v, %v", b, line, again, err)
			}
		}
		if list, err := SplitBatch(b, depth); err == nil {
			var want []json.RawMessage
			if json.Unmarshal(b, &want) != nil || len(want) != len(list) {
				t.Fatalf("%q split into %q, want %q", b, list, want)
			}
			for i := range list {
				if !bytes.Equal(list[i], want[i]) {
					t.Fatalf("%q split into %q, want %q", b, list, want)
				}
			}
		}
	})
}
