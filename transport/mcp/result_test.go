package mcp

import (
	"encoding/json"
	"testing"
)

func TestCompleteResult_AddsWhatIsMissingAndTouchesNothingElse(t *testing.T) {
	const info = `{"name":"mcpx","version":"1"}`
	const meta = `"_meta":{"@serverInfo":` + info + `}`
	for _, tc := range []struct{ method, result, info, want string }{
		{"tools/call", ``, info, `{"resultType":"complete",` + meta + `}`},
		{"tools/call", ` { } `, info, ` {"resultType":"complete",` + meta + ` } `},
		{"tools/call", `{ "content" : [ ] , "n":9007199254740993 }`, info, `{"resultType":"complete",` + meta + `, "content" : [ ] , "n":9007199254740993 }`},
		{"tools/call", `{"content":[]}`, ``, `{"resultType":"complete","content":[]}`},
		{"tools/call", `{"resultType":"complete","_meta":{"@serverInfo":{"name":"theirs"}}}`, info, `{"resultType":"complete","_meta":{"@serverInfo":{"name":"theirs"}}}`},
		{"tools/call", `{"resultType":"input_required","requestState":"s","_meta":{ "a":1 }}`, info, `{"resultType":"input_required","requestState":"s","_meta":{ "a":1,"@serverInfo":` + info + ` }}`},
		{"tools/call", `{"resultType":"x"}`, ``, `{"resultType":"x"}`},
		{"tools/list", `{"tools":[]}`, ``, `{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[]}`},
		{"tools/list", `{"tools":[],"ttlMs":5}`, ``, `{"resultType":"complete","cacheScope":"private","tools":[],"ttlMs":5}`},
		{"prompts/list", `{"cacheScope":"public"}`, ``, `{"resultType":"complete","ttlMs":0,"cacheScope":"public"}`},
		{"resources/list", `{"resultType":"complete","ttlMs":-1,"cacheScope":null}`, ``, `{"resultType":"complete","ttlMs":-1,"cacheScope":null}`},
		{"resources/templates/list", `{"resultType":"complete"}`, ``, `{"ttlMs":0,"cacheScope":"private","resultType":"complete"}`},
		{"resources/read", `{"resultType":"complete","contents":[]}`, ``, `{"ttlMs":0,"cacheScope":"private","resultType":"complete","contents":[]}`},
		{"resources/read", `{"resultType":"input_required"}`, ``, `{"resultType":"input_required"}`},
		{"server/discover", `{}`, ``, `{"resultType":"complete","ttlMs":0,"cacheScope":"private"}`},
		{"prompts/get", `{}`, ``, `{"resultType":"complete"}`},
		// What is odd stays odd.
		{"tools/list", `{"resultType":7,"_meta":"x"}`, info, `{"resultType":7,"_meta":"x"}`},
		{"tools/list", `[1]`, info, `[1]`}, {"tools/list", ` "{}"`, info, ` "{}"`}, {"tools/list", `null`, info, `null`},
	} {
		in := raw(tc.result)
		got := CompleteResult(tc.method, in, raw(tc.info))
		if string(got) != long(tc.want) {
			t.Errorf("%s %s:\n got %s\nwant %s", tc.method, tc.result, got, long(tc.want))
		}
		if string(in) != long(tc.result) {
			t.Errorf("%s was changed to %s", tc.result, in)
		}
		if !json.Valid(got) {
			t.Errorf("%s is no JSON", got)
		}
		if again := CompleteResult(tc.method, got, raw(tc.info)); string(again) != string(got) {
			t.Errorf("completed again: %s", again)
		}
	}
}
