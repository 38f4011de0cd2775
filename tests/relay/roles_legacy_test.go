package relay_test

import (
	"encoding/json"
	"testing"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// legacyRoles are the messages of 2025-11-25.
var legacyRoles = map[string]role{
	"InitializeRequest":       opens,
	"InitializeResult":        welcomed,
	"InitializedNotification": initialized,
	"PingRequest":             both(pings, pinged),
	"EmptyResult":             both(answered("logging/setLevel"), answered("resources/subscribe"), replies("com.example/unknown")),

	"CallToolRequest": asked, "CallToolResult": answered("tools/call"), "CreateTaskResult": both(answered("tools/call"), replies("sampling/createMessage")),
	"CompleteRequest": asked, "CompleteResult": answered("completion/complete"),
	"GetPromptRequest": asked, "GetPromptResult": answered("prompts/get"),
	"ListPromptsRequest": asked, "ListPromptsResult": answered("prompts/list"),
	"ListResourcesRequest": asked, "ListResourcesResult": answered("resources/list"),
	"ListResourceTemplatesRequest": asked, "ListResourceTemplatesResult": answered("resources/templates/list"),
	"ListToolsRequest": asked, "ListToolsResult": answered("tools/list"),
	"ReadResourceRequest": asked, "ReadResourceResult": answered("resources/read"),
	"SubscribeRequest": asked, "UnsubscribeRequest": asked, "SetLevelRequest": asked,

	// Tasks are asked for by either side.
	"GetTaskRequest": both(asked, asks), "GetTaskResult": both(answered("tasks/get"), replies("tasks/get")),
	"GetTaskPayloadRequest": both(asked, asks), "GetTaskPayloadResult": both(answered("tasks/result"), replies("tasks/result")),
	"ListTasksRequest": both(asked, asks), "ListTasksResult": both(answered("tasks/list"), replies("tasks/list")),
	"CancelTaskRequest": both(asked, asks), "CancelTaskResult": both(answered("tasks/cancel"), replies("tasks/cancel")),
	"TaskStatusNotification": both(tells, told),

	"CreateMessageRequest": asks, "CreateMessageResult": replies("sampling/createMessage"),
	"ElicitRequest": asks, "ElicitResult": replies("elicitation/create"),
	"ListRootsRequest": asks, "ListRootsResult": replies("roots/list"),

	"ProgressNotification":            both(tellsMeanwhile, told),
	"LoggingMessageNotification":      both(tellsMeanwhile, tells),
	"ElicitationCompleteNotification": both(tellsMeanwhile, tells),
	"PromptListChangedNotification":   tells, "ResourceListChangedNotification": tells, "ToolListChangedNotification": tells,
	"ResourceUpdatedNotification":  tells,
	"RootsListChangedNotification": told,
	"CancelledNotification":        both(cancels, withdraws),

	"Error": both(failed, refuses), "JSONRPCErrorResponse": failure, "URLElicitationRequiredError": failure,
	"JSONRPCRequest": both(asked, asks), "JSONRPCResultResponse": response("com.example/unknown"),
	"JSONRPCNotification": both(told, tells, tellsMeanwhile),
}

// legacyParts are the definitions of 2025-11-25 that are no messages.
var legacyParts = map[string]string{
	"params of requests and notifications": "CallToolRequestParams CancelledNotificationParams CompleteRequestParams CreateMessageRequestParams " +
		"ElicitRequestFormParams ElicitRequestParams ElicitRequestURLParams GetPromptRequestParams InitializeRequestParams " +
		"LoggingMessageNotificationParams NotificationParams PaginatedRequestParams ProgressNotificationParams ReadResourceRequestParams " +
		"RequestParams ResourceRequestParams ResourceUpdatedNotificationParams SetLevelRequestParams SubscribeRequestParams " +
		"TaskAugmentedRequestParams TaskStatusNotificationParams UnsubscribeRequestParams",
	"values within messages": "Annotations AudioContent BlobResourceContents BooleanSchema ClientCapabilities ContentBlock Cursor EmbeddedResource " +
		"EnumSchema Icon Icons ImageContent Implementation LegacyTitledEnumSchema LoggingLevel ModelHint ModelPreferences MultiSelectEnumSchema " +
		"NumberSchema PrimitiveSchemaDefinition ProgressToken Prompt PromptArgument PromptMessage PromptReference RelatedTaskMetadata RequestId " +
		"Resource ResourceContents ResourceLink ResourceTemplate ResourceTemplateReference Role Root SamplingMessage SamplingMessageContentBlock " +
		"ServerCapabilities SingleSelectEnumSchema StringSchema Task TaskMetadata TaskStatus TextContent TextResourceContents " +
		"TitledMultiSelectEnumSchema TitledSingleSelectEnumSchema Tool ToolAnnotations ToolChoice ToolExecution ToolResultContent ToolUseContent " +
		"UntitledMultiSelectEnumSchema UntitledSingleSelectEnumSchema",
	"what others are built on, and sums of them": "BaseMetadata Request Notification Result PaginatedRequest PaginatedResult JSONRPCMessage " +
		"JSONRPCResponse ClientNotification ClientRequest ClientResult ServerNotification ServerRequest ServerResult",
}

// opens: what the client says of itself when it opens its session.
func opens(t *testing.T, s scene, payload string) {
	m, _ := parse([]byte(payload))
	seen := s.up.log.len()
	s.dial(t, string(m.Params))
	want := func(r received) bool {
		return r.Method == "initialize" && string(member(r.Params, "clientInfo")) == string(member(m.Params, "clientInfo"))
	}
	got, ok := s.up.log.find(seen, want)
	if !ok {
		t.Fatalf("no session was opened by this client: %+v", s.up.log.sofar()[seen:])
	}
	wantPassed(t, "initialize", got.Params, m.Params)
}

// welcomed: what the server says of itself then.
func welcomed(t *testing.T, s scene, payload string) {
	s.up.says(payload)
	wantPassed(t, "the result of initialize", []byte(s.dial(t, initialize()).hello().result(t)), []byte(payload))
}

// initialized: the server hears once that a session is.
func initialized(t *testing.T, s scene, payload string) {
	c := s.dial(t, initialize()) // which says so
	c.send(payload)              // and says it again
	id := s.session(t, c).id
	ask(c, "com.example/unknown", "{}", "").answer(t) // behind which nothing waits
	if n := s.up.log.count(func(r received) bool { return r.session == id && r.Method == "notifications/initialized" }); n != 1 {
		t.Errorf("the server heard %d times that its session is initialized", n)
	}
}

// pings: a ping of the client is answered by whom it is connected to.
func pings(t *testing.T, s scene, payload string) {
	m, _ := parse([]byte(payload))
	wantPassed(t, "the answer to ping", []byte(s.client.begin("ping", string(m.Params)).result(t)), []byte("{}"))
}

// pinged: so is one of the server.
func pinged(t *testing.T, s scene, payload string) {
	m, _ := parse([]byte(payload))
	answers := make(chan message, 1)
	s.up.on("tools/call", func(r *request) {
		got, _ := r.ask(nextID(), "ping", string(m.Params))
		answers <- got
		r.result(s.up.text("pinged"))
	})
	defer s.up.on("tools/call", nil)
	tool(s.client, "x", "{}", "").result(t)
	wantPassed(t, "the answer to the server's ping", (<-answers).Result, []byte("{}"))
}

// cancels: the client cancels a request; the server hears of that one.
func cancels(t *testing.T, s scene, payload string) {
	m, _ := parse([]byte(payload))
	begun := make(chan *request, 1)
	s.up.on("tools/call", func(r *request) {
		begun <- r
		if !r.hold(nil) {
			t.Error("the request was not cancelled")
		}
	})
	defer s.up.on("tools/call", nil)
	q := tool(s.client, "x", "{}", "")
	r := <-begun
	seen := s.up.log.len()
	s.client.send(note(m.Method, string(set(m.Params, q.id, "requestId"))))
	got, ok := s.up.log.find(seen, isMethod(m.Method))
	if !ok {
		t.Fatal("the cancellation did not reach the server")
	}
	wantEqual(t, "the cancellation", got.Params, set(m.Params, string(r.ID), "requestId"))
}

// withdraws: the server does not ask any more what it has asked.
func withdraws(t *testing.T, s scene, payload string) {
	m, _ := parse([]byte(payload))
	let := make(chan struct{})
	id := nextID()
	s.up.on("tools/call", func(r *request) {
		r.say(frame(id, "elicitation/create", paramsOf("elicitation/create")))
		r.notify(m.Method, string(set(m.Params, id, "requestId")))
		r.hold(let)
		r.result(s.up.text("asked"))
	})
	defer s.up.on("tools/call", nil)
	seen := s.client.others().len()
	q := tool(s.client, "x", "{}", "")
	question := s.heardMeanwhile(t, q, seen, "elicitation/create")
	got := s.heardMeanwhile(t, q, seen, m.Method)
	wantPassed(t, "the question's end", got.Params, jsonrpc.Set(m.Params, json.RawMessage(question.ID), "requestId"))
	close(let)
	q.result(t)
}
