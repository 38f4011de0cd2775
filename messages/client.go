package messages

// ClientID names one downstream MCP client session: unguessable, the value of
// Mcp-Session-Id for sessions over HTTP.
type ClientID string

// ClientSpec describes a downstream session that is to be opened.
type ClientSpec struct {
	ID        ClientID // given by the door when empty
	Endpoint  string   // "" for the compact endpoint
	Principal Principal
	Protocol  string // the negotiated version
}

// Topic is what a stream of a client wants to hear.
type Topic uint8

// Topics are a set.
const (
	TopicTools     Topic = 1 << iota // notifications/tools/list_changed
	TopicPrompts                     // notifications/prompts/list_changed
	TopicResources                   // notifications/resources/list_changed
)
