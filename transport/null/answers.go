package null

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// answer is what follows the id in a response, for each era; nil where the era
// does not know the method.
type answer struct{ legacy, modern []byte }

func (a *answer) of(modern bool) []byte {
	if modern {
		return a.modern
	}
	return a.legacy
}

// answers are all that a server ever says.
type answers struct {
	byMethod map[string]*answer
	hello    map[string][]byte // initialize, by the version that was negotiated

	call, failure *answer         // of tools/call; failure is nil when calls fail with a status
	tools         map[string]bool // JSON texts of their names
}

const (
	methodCall       = "tools/call"
	methodInitialize = "initialize"

	capabilities = `{"tools":{},"resources":{},"prompts":{}}`
	failed       = "this call fails, as it was told to"
)

func prepare(o Options) answers {
	info := json.RawMessage(`{"name":"mcpx-null","version":` + string(jsonrpc.Quote(o.Version)) + `}`)
	result := func(method, result string) *answer {
		modern := mcp.CompleteResult(method, json.RawMessage(result), nil)
		return &answer{legacy: resultMember(result), modern: resultMember(string(modern))}
	}
	a := answers{byMethod: map[string]*answer{}, hello: map[string][]byte{}, tools: map[string]bool{}}

	var tools []string
	for i := range o.Tools {
		name := ToolName
		if i > 0 {
			name = fmt.Sprintf("%s-%d", ToolName, i+1)
		}
		a.tools[`"`+name+`"`] = true
		tools = append(tools, fmt.Sprintf(
			`{"name":%q,"description":"Does nothing, and answers with the same text each time","inputSchema":{"type":"object"}}`, name))
	}
	lists := map[string]string{
		"tools/list":               `{"tools":[` + strings.Join(tools, ",") + `]}`,
		"resources/list":           `{"resources":[]}`,
		"resources/templates/list": `{"resourceTemplates":[]}`,
		"prompts/list":             `{"prompts":[]}`,
	}
	for method, list := range lists {
		a.byMethod[method] = result(method, list)
	}
	a.byMethod["ping"] = &answer{legacy: resultMember(`{}`)}
	discovered := mcp.CompleteResult("server/discover",
		json.RawMessage(`{"supportedVersions":`+supported+`,"capabilities":`+capabilities+`}`), info)
	a.byMethod["server/discover"] = &answer{modern: resultMember(string(discovered))}
	for _, v := range mcp.Versions() {
		if !mcp.IsModern(v) {
			a.hello[v] = resultMember(fmt.Sprintf(`{"protocolVersion":%q,"capabilities":%s,"serverInfo":%s}`, v, capabilities, info))
		}
	}

	a.call = result(methodCall, `{"content":[{"type":"text","text":"`+payload(o.Bytes)+`"}]}`)
	switch o.Errors {
	case ErrorsTool:
		a.failure = result(methodCall, `{"content":[{"type":"text","text":"`+failed+`"}],"isError":true}`)
	case ErrorsRPC:
		e := errorMember(&jsonrpc.Error{Code: jsonrpc.CodeInternal, Message: failed})
		a.failure = &answer{e, e}
	}
	return a
}

// supported are the versions spoken, as a JSON array.
var supported = `["` + strings.Join(mcp.Versions(), `","`) + `"]`

// resultMember and errorMember return the rest of a response from its id on.
func resultMember(result string) []byte { return []byte(`,"result":` + result + `}`) }

func errorMember(e *jsonrpc.Error) []byte {
	return jsonrpc.AppendError(nil, jsonrpc.ID{}, e)[len(head+"null"):]
}

// head of a response; its id follows.
const head = `{"jsonrpc":"2.0","id":`

// payload is a text of n bytes that reads like one and needs no escapes.
func payload(n int) string {
	const line = "Nothing was done, and this is what came of it. "
	return strings.Repeat(line, n/len(line)+1)[:n]
}

// Text returns what the result of a call says.
func (s *Server) Text() string { return payload(s.o.Bytes) }

// reply is what becomes of one message.
type reply struct {
	id   jsonrpc.ID
	rest []byte // of the response, from the id on; nil: none is due

	call   bool // of a tool: held back as long as hold says
	status int  // HTTP status; 0 is 200
	token  json.RawMessage
}

// judge finds the answer to a message. A request with a protocol version in its
// metadata is a modern one, every other a legacy one.
func (s *Server) judge(m jsonrpc.Message, meta mcp.Meta) reply {
	r := reply{id: m.ID}
	if m.Kind != jsonrpc.Request {
		return r
	}
	modern := meta.HasProtocolVersion
	if modern {
		if e := checkMeta(meta); e != nil {
			return refuse(m.ID, http.StatusBadRequest, e)
		}
	}
	switch m.Method {
	case methodCall:
		return s.called(m, meta)
	case methodInitialize:
		if !modern {
			asked, _ := jsonrpc.GetString(m.Params, "protocolVersion")
			r.rest = s.answers.hello[mcp.NegotiateLegacy(asked)]
			return r
		}
	default:
		if a := s.answers.byMethod[m.Method]; a != nil {
			r.rest = a.of(modern)
		}
	}
	if r.rest == nil {
		status := 0
		if modern {
			status = http.StatusNotFound // 2026-07-28, streamable-http: protocol version header
		}
		return refuse(m.ID, status, &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "unknown method " + m.Method})
	}
	return r
}

// called answers tools/call.
func (s *Server) called(m jsonrpc.Message, meta mcp.Meta) reply {
	name, _ := jsonrpc.Get(m.Params, "name")
	if !s.answers.tools[string(name)] {
		return refuse(m.ID, 0, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "unknown tool " + string(name)})
	}
	r := reply{id: m.ID, call: true, token: meta.ProgressToken}
	switch a := s.answers.call; {
	case !s.fails():
		r.rest = a.of(meta.HasProtocolVersion)
	case s.answers.failure == nil:
		r.status, r.rest = http.StatusInternalServerError, []byte(`,"error":{"code":-32603,"message":"`+failed+`"}}`)
	default:
		r.rest = s.answers.failure.of(meta.HasProtocolVersion)
	}
	return r
}

func refuse(id jsonrpc.ID, status int, e *jsonrpc.Error) reply {
	return reply{id: id, status: status, rest: errorMember(e)}
}

// checkMeta checks the required metadata of a modern request (2026-07-28,
// basic: _meta).
func checkMeta(meta mcp.Meta) *jsonrpc.Error {
	switch {
	case meta.ProtocolVersion != mcp.LatestModern:
		return &jsonrpc.Error{
			Code: mcp.CodeUnsupportedVersion, Message: "Unsupported protocol version",
			Data: json.RawMessage(`{"supported":` + supported + `,"requested":` + string(jsonrpc.Quote(meta.ProtocolVersion)) + `}`),
		}
	case meta.ClientCapabilities == nil:
		return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "_meta must hold " + mcp.MetaClientCapabilities}
	}
	return nil
}

// appendResponse appends the response as one line without its end.
func (r *reply) appendResponse(dst []byte) []byte {
	dst = append(dst, head...)
	if r.id.IsZero() {
		dst = append(dst, "null"...)
	} else {
		dst = append(dst, r.id.String()...)
	}
	return append(dst, r.rest...)
}

// progress returns the i-th of n notifications for a token, from 1.
func progress(token json.RawMessage, i, n int) []byte {
	return jsonrpc.AppendNotification(nil, "notifications/progress",
		json.RawMessage(fmt.Sprintf(`{"progressToken":%s,"progress":%d,"total":%d}`, token, i, n)))
}
