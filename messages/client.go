package messages

import "encoding/json"

// ClientID names one downstream MCP client session: unguessable, the value of
// Mcp-Session-Id for sessions over HTTP.
type ClientID string

// ClientSpec describes a downstream session that is to be opened.
type ClientSpec struct {
	ID        ClientID // given by the door when empty
	Endpoint  string   // "" for the compact endpoint
	Principal Principal
	Protocol  string // the negotiated version

	Capabilities json.RawMessage // as the client declared them; nil when it did not
	Info         json.RawMessage // clientInfo as the client gave it; nil when it did not
	Asked        string          // the version that the client asked for
	Hello        json.RawMessage // legacy: all that it said when it opened the session, the params of initialize
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
	// Resources are what a listen stream asks to hear of, beside topics.
	Resources []string

	// Keep: what is sent is kept, within limits.resume_*, so that the client can
	// take the stream up where it was cut off; with After that is done.
	Keep  bool
	After EventID
	// Request: it is the answer to a request, and ends with that. Nothing else
	// goes there, and it does not count against limits.streams_per_client.
	Request bool
}

// ToClient is what a client actor accepts.
//
//sumtype:decl
type ToClient interface{ toClient() }

// CheckClient asks whether the session is open to a principal.
//
// Sender: the door. Reply: ClientChecked.
type CheckClient struct{ Principal Principal }

// ClientChecked answers CheckClient, BeginRequest and CloseClient.
type ClientChecked struct {
	Spec    ClientSpec
	Failure *Failure
}

// BeginRequest notes a request in flight.
//
// Sender: the door's process of that request, which is told CancelRequest if
// the request is to be given up. Reply to it: ClientChecked.
type BeginRequest struct {
	Principal Principal
	RequestID string
}

// InFlight is a request that its session has noted.
type InFlight struct {
	Spec ClientSpec // of the session
	End  func()     // forgets the request
}

// EndRequest forgets a request.
//
// Sender: the door. No reply.
type EndRequest struct{ RequestID string }

// CancelRequest gives up a request in flight. The client actor passes it to the
// request's process at the door.
//
// Sender: the door. No reply.
type CancelRequest struct {
	Principal Principal
	RequestID string
	Reason    string
	Said      json.RawMessage // the params of the notification by which its client gave it up
}

// OpenStream registers a stream.
//
// Sender: the door. Reply: StreamOpened.
type OpenStream struct {
	Principal Principal
	Spec      StreamSpec
}

// StreamOpened answers OpenStream.
type StreamOpened struct {
	Stream  StreamID
	First   EventID // with Keep: what stands before its first event; zero when nothing is kept
	Over    bool    // with After: nothing follows that event any more, and no stream was opened
	Failure *Failure
}

// PullEvents asks for the next notifications of a stream, or for what was kept
// behind an event.
//
// Sender: the door. Reply: Events, when there are some.
type PullEvents struct {
	Stream StreamID
	After  uint64 // the number of the last event that was sent on it, where they are kept
}

// Events answers PullEvents. Ended: the stream closed in good order, or is taken
// up elsewhere.
type Events struct {
	Kept          []KeptEvent // of before, as they were; Notifications is empty then
	Notifications []Notification
	Ended         bool
}

// CloseStream forgets a stream.
//
// Sender: the door. No reply.
type CloseStream struct{ Stream StreamID }

// CloseClient ends the session.
//
// Sender: the door. Reply: ClientChecked.
type CloseClient struct{ Principal Principal }

// ListsChanged says that lists of what mcpx offers differ from before; with a
// Server, that this one says so of its own.
//
// Sender: the gateway. No reply.
type ListsChanged struct {
	Topics Topic
	Server string
	Said   map[Topic]json.RawMessage // as in ListsTold, for the client To
	To     ClientID
}

// TopicOf returns the list of whose change a notification tells, 0 for any other.
func TopicOf(method string) Topic {
	switch method {
	case "notifications/tools/list_changed":
		return TopicTools
	case "notifications/prompts/list_changed":
		return TopicPrompts
	case "notifications/resources/list_changed":
		return TopicResources
	}
	return 0
}

// EndClient ends the session when the runtime closes: streams end in good order.
//
// Sender: the gateway. No reply.
type EndClient struct{}

// YieldClient asks the session for the connection that is kept for it: somebody
// else waits for one. A session whose client has left ends, which frees it.
//
// Sender: an upstream that watches the session. Reply: ClientStays, unless it ends.
type YieldClient struct{}

// FromServer brings what a mirrored connection said outside of any request: a
// notification, or a question.
//
// Sender: the connection's reader. No reply.
type FromServer struct{ Notification Notification }

// AskClient notes a question that a stream is about to put to the client.
//
// Sender: the door. No reply.
type AskClient struct{ Question Notification }

// AnswerQuestion is the client's answer to a question.
//
// Sender: the door. No reply.
type AnswerQuestion struct {
	Principal Principal
	ID        string // the question's, as raw JSON
	Answer    Answer
}

// DropQuestion forgets a question that its server does not ask any more: a late
// answer is nobody's.
//
// Sender: the door. No reply.
type DropQuestion struct{ ID string }

// LeaveQuestion says that the connection has ended on which a question was put.
// A client that does not come back will not answer.
//
// Sender: the door. No reply.
type LeaveQuestion struct{ ID string }

func (DropQuestion) toClient()   {}
func (LeaveQuestion) toClient()  {}
func (FromServer) toClient()     {}
func (AskClient) toClient()      {}
func (AnswerQuestion) toClient() {}
func (CheckClient) toClient()    {}
func (*BeginRequest) toClient()  {}
func (*EndRequest) toClient()    {}
func (CancelRequest) toClient()  {}
func (OpenStream) toClient()     {}
func (PullEvents) toClient()     {}
func (CloseStream) toClient()    {}
func (CloseClient) toClient()    {}
func (ListsChanged) toClient()   {}
func (EndClient) toClient()      {}
func (YieldClient) toClient()    {}
