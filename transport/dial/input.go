package dial

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// answerInputRequired answers for the client where a modern server asks it for
// input (2026-07-28, multi round-trip requests) on a connection that declared
// no client capabilities. ok is false for every other result. A tool call gets
// a tool result with isError, which a model can read; the other methods have no
// such place and get a failure.
func answerInputRequired(server, method string, result json.RawMessage) (answer json.RawMessage, failure *messages.Failure, ok bool) {
	// Mostly the first member: a search for the word itself would read all of a
	// long result.
	if kind, _ := jsonrpc.GetString(result, "resultType"); kind != "input_required" {
		return nil, nil, false
	}
	text := fmt.Sprintf("server %q asks for input (%s), which this connection cannot give", server, asked(result))
	if method == "tools/call" {
		quoted, _ := json.Marshal(text) // a string always has a JSON form
		return slices.Concat([]byte(`{"content":[{"type":"text","text":`), quoted, []byte(`}],"isError":true}`)), nil, true
	}
	return nil, &messages.Failure{
		Kind: messages.KindUpstream, Server: server, Sent: messages.SentDone,
		Code: jsonrpc.CodeInternal, Message: method + ": " + text,
	}, true
}

// asked names the methods of the input requests, each once, sorted and few.
func asked(result json.RawMessage) string {
	requests, _ := jsonrpc.Get(result, "inputRequests")
	var methods []string
	for _, request := range jsonrpc.Members(requests) {
		if m, ok := jsonrpc.GetString(request, "method"); ok && len(m) <= 64 && !slices.Contains(methods, m) {
			methods = append(methods, m)
		}
		if len(methods) == 8 {
			break
		}
	}
	if len(methods) == 0 {
		return "of an unnamed kind"
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}
