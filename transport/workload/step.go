package workload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// Step is one kind of request of a workload.
type Step struct {
	Method string
	Name   string   // the routing name: the tool; empty when the method has none
	Params Template // a JSON object; empty for no params
	Weight int      // its share of the requests; 0 is 1

	// Expect, where it is not empty, must stand in the result: as it is, or as
	// the inside of a JSON string.
	Expect Template

	index int // in its plan
}

// Call returns the step that calls a tool. Arguments must make JSON objects.
func Call(tool string, arguments Template) (Step, error) {
	if err := arguments.object(); err != nil {
		return Step{}, fmt.Errorf("the arguments %s: %w", Brief(arguments.String()), err)
	}
	text := `{"name":` + string(jsonrpc.Quote(tool)) + `,"arguments":` + arguments.String() + `}`
	params, err := NewTemplate(text)
	if err != nil { // only the tool's name is new in it
		return Step{}, fmt.Errorf("the tool's name %q: %w", tool, err)
	}
	return Step{Method: "tools/call", Name: tool, Params: params}, nil
}

// Steps turns a mix into steps. The calls are spread evenly over the given ones.
func Steps(mix []Share, calls []Step) ([]Step, error) {
	var steps []Step
	for _, share := range mix {
		if share.Method != "tools/call" {
			// Their weight must not grow with the number of tools.
			steps = append(steps, Step{Method: share.Method, Weight: share.Weight * max(1, len(calls))})
			continue
		}
		if len(calls) == 0 {
			return nil, errors.New("the mix has tools/call, and there is no tool")
		}
		for _, call := range calls {
			call.Weight = share.Weight
			steps = append(steps, call)
		}
	}
	return steps, nil
}

// telling are the members of a result by which it is judged: whether it is one
// at all, whether a tool failed, and the one that a result of its method always
// holds, by the specification. An answer without that is none.
var telling = map[string][]string{
	"":                         {"resultType", "isError"},
	"tools/call":               {"resultType", "isError", "content"},
	"tools/list":               {"resultType", "isError", "tools"},
	"resources/list":           {"resultType", "isError", "resources"},
	"resources/templates/list": {"resultType", "isError", "resourceTemplates"},
	"prompts/list":             {"resultType", "isError", "prompts"},
}

// verdict says what is wrong with an outcome; the zero Fault when nothing is.
// expect is the text of this request, already written out.
func (s *Step) verdict(out messages.Outcome, expect []byte) Fault {
	if f := out.Failure; f != nil {
		if f.Kind == messages.KindUpstream {
			return Fault{Class: FaultRPC, Code: f.Code}
		}
		return Fault{Class: FaultFailure, Kind: f.Kind, Sent: f.Sent}
	}
	keys := telling[s.Method]
	if keys == nil {
		keys = telling[""]
	}
	// One pass over the members: to search all of a large result for words would
	// cost more than to receive it.
	var found [3]json.RawMessage
	members := found[:len(keys)]
	jsonrpc.Pick(out.Result, keys, members)
	switch {
	case string(members[0]) == `"input_required"`:
		return Fault{Class: FaultQuestion}
	case s.Method == "tools/call" && string(members[1]) == "true":
		return Fault{Class: FaultTool}
	case len(members) == 3 && members[2] == nil, len(expect) > 0 && !holds(out.Result, expect):
		return Fault{Class: FaultUnexpected}
	}
	return Fault{}
}

func holds(result json.RawMessage, expect []byte) bool {
	if bytes.Contains(result, expect) {
		return true
	}
	quoted := jsonrpc.Quote(string(expect))
	return bytes.Contains(result, quoted[1:len(quoted)-1])
}

// Brief cuts a text for a message, and says how long it was.
func Brief(text string) string {
	const most = 160
	if runes := []rune(text); len(runes) > most {
		return fmt.Sprintf("%s… (%d bytes)", string(runes[:most]), len(text))
	}
	return text
}
