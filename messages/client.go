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

// StreamID names one stream of one client session.
type StreamID uint64

// StreamSpec describes a stream that a client opened.
type StreamSpec struct {
	Topics Topic
	// Listen: a subscriptions/listen stream of the modern era, which gets all
	// it asked for. Otherwise it is a GET stream (or the connection of a stdio
	// client), of which a session uses the newest for each notification.
	Listen bool
}
