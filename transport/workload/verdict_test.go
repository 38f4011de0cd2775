package workload

import (
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

func TestVerdict_AnErrorWithStatus200IsAnError(t *testing.T) {
	for _, c := range []struct {
		name, method, expect string
		out                  messages.Outcome
		want                 string
	}{
		{"a result", "tools/call", "", messages.Outcome{Result: []byte(`{"content":[]}`)}, "none"},
		{"a result that says it is none", "tools/call", "", messages.Outcome{Result: []byte(`{"content":[],"isError":true}`)}, "tool error"},
		{"one that says it is one", "tools/call", "", messages.Outcome{Result: []byte(`{"content":[],"isError":false}`)}, "none"},
		{"one in whose text the word stands", "tools/call", "", messages.Outcome{Result: []byte(`{"content":[{"type":"text","text":"\"isError\":true"}]}`)}, "none"},
		{"one in whose data the word stands", "tools/call", "", messages.Outcome{Result: []byte(`{"content":[],"structuredContent":{"isError":true}}`)}, "none"},
		{"a JSON-RPC error", "tools/call", "", messages.Outcome{Failure: &messages.Failure{Kind: messages.KindUpstream, Code: -32603}}, "JSON-RPC error -32603"},
		{"a deadline", "ping", "", messages.Outcome{Failure: &messages.Failure{Kind: messages.KindTimeout, Sent: messages.SentUnknown}}, "timeout, sent unknown"},
		{"a broken connection", "ping", "", messages.Outcome{Failure: &messages.Failure{Kind: messages.KindUnavailable}}, "unavailable, sent no"},
		{"an empty result", "ping", "", messages.Outcome{Result: []byte(`{}`)}, "none"},
		{"an empty result of a tool", "tools/call", "", messages.Outcome{Result: []byte(`{}`)}, "unexpected answer"},
		{"a list of something else", "tools/list", "", messages.Outcome{Result: []byte(`{"resources":[]}`)}, "unexpected answer"},
		{"a list", "tools/list", "", messages.Outcome{Result: []byte(`{"tools":[]}`)}, "none"},
		{"a question", "tools/call", "", messages.Outcome{Result: []byte(`{"resultType":"input_required","inputRequests":{}}`)}, "input required"},
		{"what was expected", "tools/call", "t7", messages.Outcome{Result: []byte(`{"content":[{"text":"t7"}]}`)}, "none"},
		{"what was not", "tools/call", "t8", messages.Outcome{Result: []byte(`{"content":[{"text":"t7"}]}`)}, "unexpected answer"},
		{"what was expected, in JSON", "tools/call", `say "t7"`, messages.Outcome{Result: []byte(`{"content":[{"text":"say \"t7\""}]}`)}, "none"},
	} {
		step := Step{Method: c.method}
		if got := step.verdict(c.out, []byte(c.expect)).String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestFaults_AreCountedByKindTheMostFrequentFirst(t *testing.T) {
	one, other := tally{}, tally{}
	example := func(text string) func() string { return func() string { return text } }
	rpc := Fault{Class: FaultRPC, Code: -32000}
	one.add(Fault{Class: FaultTool}, example("the first"))
	one.add(Fault{Class: FaultTool}, func() string { t.Error("asked for a second example"); return "" })
	other.add(rpc, example(strings.Repeat("ä", 500)))
	other.add(rpc, example(""))
	other.add(rpc, example(""))
	other.add(Fault{Class: FaultTool}, example("of the other"))
	all := tally{}
	all.merge(one)
	all.merge(other)
	list := all.list()
	if len(list) != 2 || list[0] != (FaultCount{"JSON-RPC error -32000", 3, strings.Repeat("ä", 160) + "… (1000 bytes)"}) ||
		list[1] != (FaultCount{"tool error", 3, "the first"}) {
		t.Fatalf("%+v", list)
	}
	if one[Fault{Class: FaultTool}].Count != 2 {
		t.Error("merging has changed what was merged")
	}
}
