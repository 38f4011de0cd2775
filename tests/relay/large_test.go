package relay_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/tests/testkit"
)

// large is a JSON text of about that many bytes.
func large(size int) string {
	line := `{"n":9007199254740993,"x":[1e400,-0.0,null],"text":"\u00e9 \"quoted\" \\ \ud83d\ude00` + strings.Repeat(" and more", 200) + `"},`
	return "[" + strings.Repeat(line, size/len(line)+1) + "0]"
}

// What is ten megabytes long comes out as it went in: as arguments, as a result,
// and as an event. In the short form each goes one way that long, of which the
// two between them use every transport on both sides, and the other ways shorter:
// with the race detector ten megabytes cost seconds.
func TestLarge_ComesOutAsItWentIn(t *testing.T) {
	a, b := stage{false, "http", "stdio"}, stage{true, "stdio", "http"}
	long := func(st stage, of ...stage) string {
		if testkit.Long() || slices.Contains(of, st) {
			return large(10 << 20)
		}
		return large(128 << 10)
	}
	for _, st := range stages() {
		t.Run(st.String(), func(t *testing.T) {
			t.Parallel()
			arguments, big, event := long(st, b), long(st, a, b), long(st, a)
			s := st.set(t)
			result := strings.TrimSuffix(s.up.text("large"), "}") + `,"structuredContent":` + big + `}`
			s.up.on("tools/call:large", func(r *request) {
				if got := string(member(r.Params, "arguments", "big")); got != arguments {
					t.Errorf("the arguments came out as %d bytes: %.100s", len(got), got)
				}
				r.result(result)
			})
			if got := tool(s.client, "large", `{"big":`+arguments+`}`, "").result(t); got != result {
				t.Errorf("the result came out as %d bytes, not %d: %.100s", len(got), len(result), got)
			}

			s.up.on("tools/call:event", func(r *request) {
				r.notify("notifications/progress", `{"progressToken":`+r.token()+`,"progress":1,"x":`+event+`}`)
				r.result(s.up.text("told"))
			})
			q := tool(s.client, "event", "{}", `"t"`)
			q.result(t)
			got := await(t, &q.stream, "the event", func(m message) bool { return m.Method == "notifications/progress" })
			if want := `{"progressToken":"t","progress":1,"x":` + event + `}`; string(got.Params) != want {
				t.Errorf("the event came out as %d bytes, not %d: %.100s", len(got.Params), len(want), got.Params)
			}
		})
	}
}
