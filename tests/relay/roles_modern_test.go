package relay_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// modernRoles are the messages of 2026-07-28.
var modernRoles = map[string]role{
	"DiscoverRequest": discovers, "DiscoverResult": discovered, "DiscoverResultResponse": inside("result", discovered),

	"CallToolRequest": asked, "CallToolResult": answered("tools/call"), "CallToolResultResponse": response("tools/call"),
	"CompleteRequest": asked, "CompleteResult": answered("completion/complete"), "CompleteResultResponse": response("completion/complete"),
	"GetPromptRequest": asked, "GetPromptResult": answered("prompts/get"), "GetPromptResultResponse": response("prompts/get"),
	"ListPromptsRequest": asked, "ListPromptsResult": answered("prompts/list"), "ListPromptsResultResponse": response("prompts/list"),
	"ListResourcesRequest": asked, "ListResourcesResult": answered("resources/list"), "ListResourcesResultResponse": response("resources/list"),
	"ListResourceTemplatesRequest":        asked,
	"ListResourceTemplatesResult":         answered("resources/templates/list"),
	"ListResourceTemplatesResultResponse": response("resources/templates/list"),
	"ListToolsRequest":                    asked, "ListToolsResult": answered("tools/list"), "ListToolsResultResponse": response("tools/list"),
	"ReadResourceRequest": asked, "ReadResourceResult": answered("resources/read"), "ReadResourceResultResponse": response("resources/read"),
	"EmptyResult": answered("com.example/unknown"), "Result": answered("tools/call"),

	"InputRequiredResult":  requires,
	"CreateMessageRequest": within(requiring, requires), "CreateMessageResult": provides,
	"ElicitRequest": within(requiring, requires), "ElicitResult": provides,
	"ListRootsRequest": within(requiring, requires), "ListRootsResult": provides,

	"ProgressNotification": tellsMeanwhile, "LoggingMessageNotification": tellsMeanwhile,
	"CancelledNotification": givesUp,

	"SubscriptionsListenRequest": listens, "SubscriptionsAcknowledgedNotification": acknowledged,
	"SubscriptionsListenResult": ends, "SubscriptionsListenResultResponse": inside("result", ends),
	"ToolListChangedNotification": announces, "PromptListChangedNotification": announces,
	"ResourceListChangedNotification": announces, "ResourceUpdatedNotification": announces,

	"Error": failed, "JSONRPCErrorResponse": failure,
	"ParseError": failed, "InvalidRequestError": failed, "MethodNotFoundError": failed, "InvalidParamsError": failed, "InternalError": failed,
	"HeaderMismatchError": failure, "MissingRequiredClientCapabilityError": failure, "UnsupportedProtocolVersionError": failure,
	"JSONRPCRequest": asked, "JSONRPCResultResponse": response("com.example/unknown"),
	"JSONRPCNotification": tellsMeanwhile,
}

// modernParts are the definitions of 2026-07-28 that are no messages.
var modernParts = map[string]string{
	"params of requests and notifications": "CallToolRequestParams CancelledNotificationParams CompleteRequestParams CreateMessageRequestParams " +
		"ElicitRequestFormParams ElicitRequestParams ElicitRequestURLParams GetPromptRequestParams InputResponseRequestParams " +
		"LoggingMessageNotificationParams NotificationParams PaginatedRequestParams ProgressNotificationParams ReadResourceRequestParams " +
		"RequestParams ResourceRequestParams ResourceUpdatedNotificationParams SubscriptionsAcknowledgedNotificationParams SubscriptionsListenRequestParams",
	"values within messages": "Annotations AudioContent BlobResourceContents BooleanSchema ClientCapabilities ContentBlock Cursor EmbeddedResource " +
		"EnumSchema Icon Icons ImageContent Implementation InputRequest InputRequests InputResponse InputResponses JSONArray JSONObject JSONValue " +
		"LegacyTitledEnumSchema LoggingLevel MetaObject ModelHint ModelPreferences MultiSelectEnumSchema NotificationMetaObject NumberSchema " +
		"PrimitiveSchemaDefinition ProgressToken Prompt PromptArgument PromptMessage PromptReference RequestId RequestMetaObject Resource " +
		"ResourceContents ResourceLink ResourceTemplate ResourceTemplateReference ResultMetaObject ResultType Role Root SamplingMessage " +
		"SamplingMessageContentBlock ServerCapabilities SingleSelectEnumSchema StringSchema SubscriptionFilter SubscriptionsListenResultMetaObject " +
		"TextContent TextResourceContents TitledMultiSelectEnumSchema TitledSingleSelectEnumSchema Tool ToolAnnotations ToolChoice " +
		"ToolResultContent ToolUseContent UntitledMultiSelectEnumSchema UntitledSingleSelectEnumSchema",
	"what others are built on, and sums of them": "BaseMetadata CacheableResult Request Notification PaginatedRequest PaginatedResult " +
		"JSONRPCMessage JSONRPCResponse ClientNotification ClientRequest ClientResult ServerNotification ServerResult",
}

// inside runs a role with a member of the payload.
func inside(name string, r role) role {
	return func(t *testing.T, s scene, payload string) { r(t, s, string(member([]byte(payload), name))) }
}

var strangers atomic.Int64

// stranger is a _meta of a client that nobody has met.
func stranger() string {
	return meta(fmt.Sprintf(`"io.modelcontextprotocol/clientInfo":{"name":"stranger","version":"%d"}`, strangers.Add(1)))
}

// discovers: what the client says of itself when it asks what there is.
func discovers(t *testing.T, s scene, payload string) {
	m, _ := parse([]byte(payload))
	s.dial(t, "").begin(m.Method, string(m.Params)).result(t)
	info := []string{"_meta", "io.modelcontextprotocol/clientInfo"}
	var came []string
	for _, r := range s.up.log.sofar() { // also before: it is asked once in the name of a client
		if r.Method == m.Method && jsonEqual(member(r.Params, info...), member(m.Params, info...)) {
			if jsonEqual(r.Params, m.Params) {
				return
			}
			came = append(came, string(r.Params))
		}
	}
	t.Errorf("%s: went in as\n%s\nand came out as\n%s", m.Method, m.Params, strings.Join(came, "\n"))
}

// discovered: what the server says of itself then.
func discovered(t *testing.T, s scene, payload string) {
	s.up.says(payload)
	params := strings.Replace(`{"_meta":`+stranger()+`}`, `"io.modelcontextprotocol/clientInfo":{"name":"client","version":"1"},`, "", 1)
	wantPassed(t, "the result of server/discover", []byte(s.dial(t, "").begin("server/discover", params).result(t)), []byte(payload))
}

// requiring is a result that asks for one thing.
const requiring = `{"resultType":"input_required","inputRequests":{"q":%s},"requestState":"s"}`

// requires: a result by which the server asks, and the retry.
func requires(t *testing.T, s scene, payload string) {
	requiresThenGets(t, s, payload, `{"q":{"x":1}}`)
}

// provides: an answer of the client to what the server asks by a result.
func provides(t *testing.T, s scene, payload string) {
	requiresThenGets(t, s, fmt.Sprintf(requiring, `{"method":"roots/list"}`), `{"q":`+payload+`}`)
}

func requiresThenGets(t *testing.T, s scene, payload, responses string) {
	s.up.on("tools/call", func(r *request) {
		if member(r.Params, "inputResponses") == nil {
			r.result(payload)
		} else {
			r.result(s.up.text("thanks"))
		}
	})
	defer s.up.on("tools/call", nil)
	got := tool(s.client, "x", "{}", "").result(t)
	state := member([]byte(payload), "requestState")
	theirs := member([]byte(got), "requestState")
	wantPassed(t, "the result", set([]byte(got), string(state), "requestState"), []byte(payload))
	params := json.RawMessage(`{"name":"x","arguments":{},"inputResponses":` + responses + `,"_meta":` + meta() + `}`)
	retry := params
	if theirs != nil {
		params, retry = jsonrpc.Set(params, state, "requestState"), jsonrpc.Set(params, theirs, "requestState")
	}
	seen := s.up.log.len()
	s.client.begin("tools/call", string(retry)).result(t)
	r, ok := s.up.log.find(seen, isMethod("tools/call"))
	if !ok {
		t.Fatal("the retry did not reach the server")
	}
	wantPassed(t, "the retry", r.Params, params)
}

// givesUp: a cancellation, which over HTTP is the end of the response stream.
func givesUp(t *testing.T, s scene, payload string) {
	m, _ := parse([]byte(payload))
	begun, gone := make(chan *request, 1), make(chan bool, 1)
	s.up.on("tools/call", func(r *request) {
		begun <- r
		gone <- r.hold(nil)
	})
	defer s.up.on("tools/call", nil)
	q := tool(s.client, "x", "{}", "")
	r := <-begun
	seen := s.up.log.len()
	_, stdio := s.client.(*stdioClient)
	if stdio {
		s.client.send(note(m.Method, string(set(m.Params, q.id, "requestId"))))
	} else {
		q.cancel()
	}
	if !<-gone {
		t.Fatal("the cancellation did not reach the server")
	}
	if stdio && r.header == nil { // nothing but the message says it
		got, _ := s.up.log.find(seen, isMethod(m.Method))
		wantEqual(t, "the cancellation", got.Params, set(m.Params, string(r.ID), "requestId"))
	}
}
