package relay_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Where a part of a message goes: the whole that it becomes a part of, and the
// role of that.
const (
	inContent  = `{"resultType":"complete","content":[%s]}`
	inSchema   = `{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[{"name":"x","inputSchema":{"type":"object","properties":{"p":%s}}}]}`
	inContents = `{"resultType":"complete","ttlMs":0,"cacheScope":"private","contents":[%s]}`
	inSampling = `{"method":"sampling/createMessage","params":{"maxTokens":1,"messages":[%s]}}`
	inMessage  = `{"method":"sampling/createMessage","params":{"maxTokens":1,"messages":[{"role":"user","content":%s}]}}`
)

// parameters makes a request of its params.
func parameters(method string) role {
	return within(`{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":%s}`, asked)
}

// told by the server, as params.
func tellsParameters(method string, r role) role {
	return within(`{"jsonrpc":"2.0","method":"`+method+`","params":%s}`, r)
}

// questionParameters makes a question of its params.
func questionParameters(method string) role {
	return within(`{"method":"`+method+`","params":%s}`, within(requiring, requires))
}

// listed makes a list of its only element.
func listed(list string) role {
	return within(`{"resultType":"complete","ttlMs":0,"cacheScope":"private","`+list+`":[%s]}`, answered(list+"/list"))
}

// partRoles are the roles of parts, each within a message.
var partRoles = map[string]role{
	"AudioContent": within(inContent, answered("tools/call")), "EmbeddedResource": within(inContent, answered("tools/call")),
	"ImageContent": within(inContent, answered("tools/call")), "ResourceLink": within(inContent, answered("tools/call")),
	"TextContent":          within(inContent, answered("tools/call")),
	"BlobResourceContents": within(inContents, answered("resources/read")), "TextResourceContents": within(inContents, answered("resources/read")),

	"BooleanSchema": within(inSchema, answered("tools/list")), "NumberSchema": within(inSchema, answered("tools/list")),
	"StringSchema":                  within(inSchema, answered("tools/list")),
	"TitledMultiSelectEnumSchema":   within(inSchema, answered("tools/list")),
	"TitledSingleSelectEnumSchema":  within(inSchema, answered("tools/list")),
	"UntitledMultiSelectEnumSchema": within(inSchema, answered("tools/list")), "UntitledSingleSelectEnumSchema": within(inSchema, answered("tools/list")),
	"Tool": listed("tools"), "Resource": listed("resources"),

	"CallToolRequestParams": parameters("tools/call"), "CompleteRequestParams": parameters("completion/complete"),
	"GetPromptRequestParams": parameters("prompts/get"), "PaginatedRequestParams": parameters("resources/list"),
	"CancelledNotificationParams":       tellsParameters("notifications/cancelled", givesUp),
	"LoggingMessageNotificationParams":  tellsParameters("notifications/message", tellsMeanwhile),
	"ProgressNotificationParams":        tellsParameters("notifications/progress", tellsMeanwhile),
	"ResourceUpdatedNotificationParams": tellsParameters("notifications/resources/updated", announces),

	"CreateMessageRequestParams": questionParameters("sampling/createMessage"),
	"ElicitRequestFormParams":    questionParameters("elicitation/create"), "ElicitRequestURLParams": questionParameters("elicitation/create"),
	"ModelPreferences":  within(`{"method":"sampling/createMessage","params":{"maxTokens":1,"messages":[],"modelPreferences":%s}}`, within(requiring, requires)),
	"SamplingMessage":   within(inSampling, within(requiring, requires)),
	"ToolResultContent": within(inMessage, within(requiring, requires)), "ToolUseContent": within(inMessage, within(requiring, requires)),
	"InputRequests":  within(`{"resultType":"input_required","inputRequests":%s,"requestState":"s"}`, requires),
	"InputResponses": provideAll,
	"Root":           within(`{"roots":[%s]}`, provides),

	"ClientCapabilities": within(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{},"_meta":{`+
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"},`+
		`"io.modelcontextprotocol/clientCapabilities":%s}}}`, asked),
	"ServerCapabilities": within(`{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":%s,"ttlMs":0,"cacheScope":"private",`+
		`"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"up","version":"1"}}}`, discovered),
}

// provideAll: all answers to what the server asks by a result.
func provideAll(t *testing.T, s scene, payload string) {
	requiresThenGets(t, s, `{"resultType":"input_required","inputRequests":{"q":{"method":"roots/list"}},"requestState":"s"}`, payload)
}

// Payloads that others have written, one per file in a folder of the name of
// its definition, as the specification keeps its examples: MCPX_PAYLOADS.
func TestPayloads_OfOthersComeOutAsTheyWentIn(t *testing.T) {
	dir := os.Getenv("MCPX_PAYLOADS")
	if dir == "" {
		return // `make prove` says where they are
	}
	var all []payload
	if err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".json" || strings.HasPrefix(entry.Name(), "schema") {
			return err
		}
		text, err := os.ReadFile(path)
		all = append(all, payload{filepath.Base(filepath.Dir(path)) + "/" + strings.TrimSuffix(entry.Name(), ".json"), strings.TrimSpace(string(text))})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatalf("there are no payloads in %s", dir)
	}
	for _, st := range stages() {
		if !st.modern {
			continue
		}
		t.Run(st.String(), func(t *testing.T) {
			t.Parallel()
			// Many clients of their own, each with a session that stays.
			s, passed := st.setWith(t, func(up *upstream) { up.server["pool"] = map[string]any{"max": 64} }), 0
			for _, p := range all {
				role := modernRoles[p.definition()]
				if role == nil {
					role = partRoles[p.definition()]
				}
				if t.Run(p.name, func(t *testing.T) {
					if role == nil {
						t.Fatalf("nothing is known of a %s", p.definition())
					}
					role(t, s, p.text)
				}) {
					passed++
				}
			}
			t.Logf("%d of %d payloads came out as they went in", passed, len(all))
		})
	}
}
