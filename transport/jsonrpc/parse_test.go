package jsonrpc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

const depth = 256

func TestParse_TellsTheKindsOfMessagesApart(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want Message
	}{
		{`{"jsonrpc":"2.0","id":1,"method":"ping"}`, Message{Kind: Request, ID: IntID(1), Method: "ping"}},
		{`{"jsonrpc":"2.0","id":"a","method":"m","params":{"x":[1]}}`,
			Message{Kind: Request, ID: StringID("a"), Method: "m", Params: json.RawMessage(`{"x":[1]}`)}},
		{`{"jsonrpc":"2.0","method":"n","params":[]}`, Message{Kind: Notification, Method: "n", Params: json.RawMessage(`[]`)}},
		{`{"jsonrpc":"2.0","id":0,"result":null}`, Message{Kind: Response, ID: IntID(0), Result: json.RawMessage(`null`)}},
		{`{"jsonrpc":"2.0","id":-7,"result":{"a":1}}`, Message{Kind: Response, ID: IntID(-7), Result: json.RawMessage(`{"a":1}`)}},
		{`{"jsonrpc":"2.0","id":1,"error":{"code":1}}`, Message{Kind: ErrorResponse, ID: IntID(1), Err: json.RawMessage(`{"code":1}`)}},
		{`{"jsonrpc":"2.0","id":null,"error":{}}`, Message{Kind: ErrorResponse, Err: json.RawMessage(`{}`)}},
		{`{"jsonrpc":"2.0","error":{}}`, Message{Kind: ErrorResponse, Err: json.RawMessage(`{}`)}},
		// Libraries that write absent members as null.
		{`{"jsonrpc":"2.0","id":1,"result":3,"error":null}`, Message{Kind: Response, ID: IntID(1), Result: json.RawMessage(`3`)}},
		{`{"jsonrpc":"2.0","id":1,"result":null,"error":{}}`, Message{Kind: ErrorResponse, ID: IntID(1), Err: json.RawMessage(`{}`)}},
		// Any order, white space, unknown members (twice, too), and members of the same name deeper down.
		{"\r\n{ \"params\" : {\"id\":2,\"method\":\"x\"} ,\t\"x\":{},\"x\":1, \"id\":\"z\" ,\"method\":\"m\",\"jsonrpc\":\"2.0\" }\n",
			Message{Kind: Request, ID: StringID("z"), Method: "m", Params: json.RawMessage(`{"id":2,"method":"x"}`)}},
		// Escapes in keys, in the version and in the method.
		{`{"\u006asonrpc":"2\u002E0","\u0069\u0064":1,"\u006dethod":"tools\/c\u0061ll\n","para\u006Ds":{}}`,
			Message{Kind: Request, ID: IntID(1), Method: "tools/call\n", Params: json.RawMessage(`{}`)}},
		{`{"jsonrpc":"2.0","id":1,"method":"\ud83d\ude00\ud800é"}`, Message{Kind: Request, ID: IntID(1), Method: "😀\ufffdé"}},
	} {
		got, err := Parse([]byte(tc.in), depth)
		if err != nil {
			t.Errorf("%s: %v", tc.in, err)
		} else if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", tc.want) {
			t.Errorf("%s\n got %+v\nwant %+v", tc.in, got, tc.want)
		}
	}
}

func TestParse_RefusesWhatIsNoMessage(t *testing.T) {
	for _, tc := range []struct {
		in   string
		code int
		id   string
		says string
	}{
		{``, CodeParse, "", "at byte 0: unexpected end"},
		{" \n", CodeParse, "", "at byte 2: unexpected end"},
		{"\ufeff{}", CodeParse, "", "at byte 0"},
		{`{"jsonrpc":"2.0","id":1,"method":"m"`, CodeParse, "1", "at byte 36: unexpected end"},
		{`{"jsonrpc":"2.0","id":1,"method":"m"} x`, CodeParse, "1", `at byte 38: unexpected "x", want nothing after the message`},
		{`{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":tru}}`, CodeParse, "1", `at byte 54: unexpected "}", want true`},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\nb\"}", CodeParse, "1", "control character 0x0a inside a string"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"params\":{\"x\":\"\xff\"}}", CodeParse, "1", "not valid UTF-8"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"x\xc0\xaf\":1}", CodeParse, "1", "not valid UTF-8"},
		{`{"jsonrpc":"2.0","id":1,}`, CodeParse, "1", "a key in quotes"},
		{`{"jsonrpc":"2.0" "id":1}`, CodeParse, "", "',' or '}' after a member"},
		{`{"jsonrpc" 1}`, CodeParse, "", "':' after a key"},
		{`{"id":1,"x":[1 2]}`, CodeParse, "1", "',' or ']' after an element"},
		{`{"id":1,"x":{"a":1 2}}`, CodeParse, "1", "',' or '}' after a member"},
		{`{"id":1,"x":"\q"}`, CodeParse, "1", "an escape"},
		{`{"id":1,"x":"\u12g4"}`, CodeParse, "1", "four hexadecimal digits"},
		{`{"id":1,"x":01}`, CodeParse, "1", "after a member"},
		{`{"id":1,"x":1.}`, CodeParse, "1", "a digit"},
		{`{"id":1,"x":NaN}`, CodeParse, "1", "a value"},
		{`[{"a":]`, CodeParse, "", "a value"},
		{`7 7`, CodeParse, "", "nothing after"},

		{`[]`, CodeInvalidRequest, "", "batches are not accepted"},
		{`[{"jsonrpc":"2.0","id":1,"method":"m"}]`, CodeInvalidRequest, "", "batches are not accepted"},
		{`"x"`, CodeInvalidRequest, "", "must be a JSON object"},
		{`{}`, CodeInvalidRequest, "", `"jsonrpc" must be "2.0"`},
		{`{"id":1,"method":"m"}`, CodeInvalidRequest, "1", `"jsonrpc" must be "2.0"`},
		{`{"jsonrpc":2.0,"id":1,"method":"m"}`, CodeInvalidRequest, "1", `"jsonrpc" must be "2.0"`},
		{`{"jsonrpc":"1.0","id":1,"method":"m"}`, CodeInvalidRequest, "1", `"jsonrpc" must be "2.0"`},
		{`{"jsonrpc":"2.0","id":null,"method":"m"}`, CodeInvalidRequest, "", "must not be null"},
		{`{"jsonrpc":"2.0","id":1.0,"method":"m"}`, CodeInvalidRequest, "", "string or an integer"},
		{`{"jsonrpc":"2.0","id":1e2,"method":"m"}`, CodeInvalidRequest, "", "string or an integer"},
		{`{"jsonrpc":"2.0","id":{},"method":"m"}`, CodeInvalidRequest, "", "string or an integer"},
		{`{"jsonrpc":"2.0","id":true,"result":1}`, CodeInvalidRequest, "", "string or an integer"},
		{`{"jsonrpc":"2.0","id":1,"method":7}`, CodeInvalidRequest, "1", `"method" must be a string`},
		{`{"jsonrpc":"2.0","id":1,"method":null}`, CodeInvalidRequest, "1", `"method" must be a string`},
		{`{"jsonrpc":"2.0","id":1,"method":"m","params":7}`, CodeInvalidRequest, "1", "object or an array"},
		{`{"jsonrpc":"2.0","id":1,"method":"m","params":null}`, CodeInvalidRequest, "1", "object or an array"},
		{`{"jsonrpc":"2.0","id":1,"method":"m","result":1}`, CodeInvalidRequest, "1", "neither"},
		{`{"jsonrpc":"2.0","id":1,"method":"m","error":null}`, CodeInvalidRequest, "1", "neither"},
		{`{"jsonrpc":"2.0","id":1,"result":1,"error":{}}`, CodeInvalidRequest, "1", "both"},
		{`{"jsonrpc":"2.0","id":1,"error":"no"}`, CodeInvalidRequest, "1", `"error" must be an object`},
		{`{"jsonrpc":"2.0","id":1,"error":null}`, CodeInvalidRequest, "1", `"error" must be an object`},
		{`{"jsonrpc":"2.0","id":1}`, CodeInvalidRequest, "1", "needs"},
		{`{"jsonrpc":"2.0","result":1}`, CodeInvalidRequest, "", "needs an id"},
		{`{"jsonrpc":"2.0","id":null,"result":1}`, CodeInvalidRequest, "", "needs an id"},
		{`{"jsonrpc":"2.0","id":1,"method":"m","method":"n"}`, CodeInvalidRequest, "1", `"method" occurs twice`},
		{`{"jsonrpc":"2.0","id":1,"method":"m","\u0069d":2}`, CodeInvalidRequest, "", `"id" occurs twice`},
		{`{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"m"}`, CodeInvalidRequest, "1", `"jsonrpc" occurs twice`},
	} {
		m, err := Parse([]byte(tc.in), depth)
		switch {
		case err == nil:
			t.Errorf("%q: accepted as %+v", tc.in, m)
		case err.Code != tc.code || m.ID.String() != tc.id || !strings.Contains(err.Message, tc.says):
			t.Errorf("%q: %d id=%s %q, want %d id=%s %q", tc.in, err.Code, m.ID, err.Message, tc.code, tc.id, tc.says)
		}
	}
}

func TestParse_KeepsIntegerIDsBeyond53Bits(t *testing.T) {
	for _, id := range []string{"9007199254740993", "-9007199254740993", "123456789012345678901234567890", "0", `"\u0061"`, `""`} {
		m, err := Parse([]byte(`{"jsonrpc":"2.0","id":`+id+`,"method":"m"}`), depth)
		if err != nil || m.ID.String() != id || m.ID.IsZero() {
			t.Errorf("%s came out as %q, %v", id, m.ID, err)
		}
	}
}

func TestParse_BoundsTheDepth(t *testing.T) {
	for _, tc := range []struct {
		open, end string
	}{{`[`, `]`}, {`{"a":`, `}`}, {`[{"a":`, `}]`}} {
		per := len(tc.end)
		for _, limit := range []int{2, 3, 256, 511, 512, 513, 10_000} {
			for _, levels := range []int{limit - 1, limit} {
				if levels%per != 0 {
					continue
				}
				in := `{"jsonrpc":"2.0","method":"m","x":` + strings.Repeat(tc.open, levels/per) + "1" + strings.Repeat(tc.end, levels/per) + `}`
				_, err := Parse([]byte(in), limit)
				if levels < limit && err != nil {
					t.Errorf("%d levels of %s under limit %d: %v", levels+1, tc.open, limit, err)
				}
				if levels == limit && (err == nil || err.Code != CodeParse || !strings.Contains(err.Message, fmt.Sprintf("at most %d levels", limit))) {
					t.Errorf("%d levels of %s under limit %d: %v", levels+1, tc.open, limit, err)
				}
			}
		}
	}
	if _, err := Parse([]byte(`{}`), 0); err == nil || err.Code != CodeParse {
		t.Errorf("an object under limit 0: %v", err)
	}
	if _, err := Parse([]byte(`[[]]`), 1); err == nil || err.Code != CodeParse {
		t.Errorf("a deep array under limit 1: %v", err)
	}
}

func TestParse_ReadsTheIDOfAMessageThatIsCutOff(t *testing.T) {
	whole := `{"jsonrpc":"2.0","id":"r-1","method":"tools/call","params":{"x":"` + strings.Repeat("y", 2000) + `"}}`
	m, err := Parse([]byte(whole[:1024]), depth)
	if err == nil || err.Code != CodeParse || m.ID != StringID("r-1") || m.Method != "tools/call" {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestParse_AliasesItsInputAndCannotGrowIntoIt(t *testing.T) {
	b := []byte(`{"jsonrpc":"2.0","method":"m","params":{"a":1},"id":1}`)
	m, err := Parse(b, depth)
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(b)
	_ = append(m.Params, "overwritten"...)
	if !bytes.Equal(b, before) {
		t.Errorf("appending to Params changed the input to %s", b)
	}
	copy(m.Params, `[777777]`)
	if bytes.Equal(b, before) {
		t.Error("Params are a copy")
	}
}

func TestParse_AllocatesForIDAndMethodOnly(t *testing.T) {
	notification := []byte(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"a":[{"b":"cé"}]}}`)
	response := []byte(`{"jsonrpc":"2.0","id":"request-1","result":{"content":[{"type":"text","text":"x"}]}}`)
	for _, in := range [][]byte{notification, response} {
		if n := testing.AllocsPerRun(100, func() {
			if _, err := Parse(in, depth); err != nil {
				t.Fatal(err)
			}
		}); n > 1 {
			t.Errorf("%v allocations for %s", n, in)
		}
	}
}

func TestParseID_AcceptsStringsAndIntegersOnly(t *testing.T) {
	for in, want := range map[string]string{
		`1`: `1`, ` "a" `: `"a"`, `-0`: `-0`, `"\n"`: `"\n"`,
		``: ``, ` `: ``, `null`: ``, `1.0`: ``, `1e2`: ``, `1E2`: ``, `01`: ``, `-`: ``, `1 2`: ``, `"a`: ``, `"a"b`: ``, `true`: ``, `[1]`: ``, "\"\xff\"": ``,
	} {
		id, err := ParseID([]byte(in))
		if id.String() != want || (err != nil) != (want == "") || id.IsZero() != (want == "") {
			t.Errorf("%q: %q, %v", in, id, err)
		}
	}
	if id := StringID("a\"é\n"); id.String() != `"a\"é\n"` {
		t.Errorf("StringID made %s", id)
	}
}

func TestSplitBatch_GivesTheElementsAsTheyStand(t *testing.T) {
	for in, want := range map[string]string{
		`[1]`:                               `1`,
		" [ {\"a\":[1,2]} ,\n\"]\" , [] ] ": `{"a":[1,2]}|"]"|[]`,
	} {
		list, err := SplitBatch([]byte(in), depth)
		if got := string(bytes.Join(asBytes(list), []byte("|"))); err != nil || got != want || !IsBatch([]byte(in)) {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
	for in, code := range map[string]int{
		`[]`: CodeInvalidRequest, `{}`: CodeInvalidRequest, ``: CodeInvalidRequest,
		`[`: CodeParse, `[1`: CodeParse, `[1,]`: CodeParse, `[1}`: CodeParse, `[1] 2`: CodeParse, `[] 2`: CodeParse, `[[[]]]`: CodeParse,
	} {
		if list, err := SplitBatch([]byte(in), 1); err == nil || err.Code != code {
			t.Errorf("%s: %s, %v, want %d", in, list, err, code)
		}
	}
	if IsBatch([]byte(` {}`)) || IsBatch(nil) {
		t.Error("no array is no batch")
	}
}

func asBytes(list []json.RawMessage) [][]byte {
	out := make([][]byte, len(list))
	for i := range list {
		out[i] = list[i]
	}
	return out
}

func TestParseError_KeepsWhatFits(t *testing.T) {
	for in, want := range map[string]Error{
		`{"code":-32602,"message":"a\"b","data":{"n":9007199254740993}}`: {
			Code: -32602, Message: `a"b`, Data: json.RawMessage(`{"n":9007199254740993}`), Raw: json.RawMessage(`as it came`)},
		`{ "code":1,"message":"\ud800","unknown":1e400}`: {Code: 1, Message: "\ufffd", Raw: json.RawMessage(`as it came`)},
		`{"code":null,"message":""}`:                     {},
		`{"code":7}`:                                     {Code: 7},
		`{"code":"x","message":7}`:                       {},
		`{"code":1.5,"data":null}`:                       {Data: json.RawMessage(`null`)},
		`{"code":1,"code":2,"message":"a","message":"b","data":1,"data":2}`: {Code: 1, Message: "a", Data: json.RawMessage(`1`)},
		`[]`: {}, ``: {},
	} {
		got := ParseError(json.RawMessage(in))
		if got.Code != want.Code || got.Message != want.Message || string(got.Data) != string(want.Data) || got.Error() != want.Message {
			t.Errorf("%s: %+v", in, got)
		}
		again := ""
		if want.Raw != nil {
			again = in
		}
		if string(got.Raw) != again {
			t.Errorf("%s: it is written again as %q", in, got.Raw)
		}
	}
}

// Long strings are looked at in strides: what is special must be found wherever
// it stands in them.
func TestScanString_FindsWhatIsSpecialInLongStringsToo(t *testing.T) {
	for _, length := range []int{63, 64, 65, 127, 4095, 4096, 4097, 9000} {
		for _, special := range []string{`"`, `\n`, `\`, "\x1f", "\x00", "\x7f", "é", "\xff", "\xed\xa0\x80"} {
			for _, at := range []int{0, 1, 7, 8, 31, 32, 62, 64, 71, 95, 96, 100, 4100, 4160, length - 1, length} {
				if at > length {
					continue
				}
				text := strings.Repeat("a", at) + special + strings.Repeat("b", length-at)
				b := []byte(`"` + text + `"`)
				_, err := ScanScalar(b, 0)
				end, _ := ScanScalar(b, 0)
				var want string
				decoder := json.NewDecoder(bytes.NewReader(b))
				decodes := decoder.Decode(&want) == nil && utf8.ValidString(text)
				if decodes != (err == nil) || err == nil && int64(end) != decoder.InputOffset() {
					t.Fatalf("%q at %d of %d: %v, ends at %d; encoding/json: %v, ends at %d", special, at, length, err, end, decodes, decoder.InputOffset())
				}
			}
		}
	}
}
