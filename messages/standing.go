package messages

// Remember notes a request of the client that the upstream has granted and that
// holds until further notice: logging/setLevel, resources/subscribe, or
// resources/unsubscribe, which ends one.
//
// Sender: the door. No reply.
type Remember struct {
	Principal Principal
	Request   Request
}

// Recall asks for what an upstream session must be told that takes the place of
// an earlier one.
//
// Sender: a link that has opened one in the client's name. Reply: Standing.
type Recall struct{}

// Standing answers Recall: requests, in the order in which they were made.
type Standing struct{ Requests []Request }

func (Remember) toClient() {}
func (Recall) toClient()   {}
