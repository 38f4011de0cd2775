package messages

// Subscriber is who hears of changes of resources: a listen stream of a client
// session, or, with Stream 0, the session itself.
type Subscriber struct {
	Client ClientID
	Stream StreamID
}

// Subscribe asks that a subscriber hear of changes of resources. Without URIs it
// asks for no more than that there be a session of the server in the caller's
// name, although nobody calls.
//
// Sender: the door, or, by way of the gateway and without a sender, a client
// whose subscription was lost. Reply to the door: Subscribed.
type Subscribe struct {
	By   Subscriber
	Call Call // for whom; without a request
	URIs []string
	// Tries is how often in a row the session of the server was lost before
	// anybody had called.
	Tries int
}

// Subscribed answers Subscribe.
type Subscribed struct {
	Granted []string // in the order in which they were asked for
	Failure *Failure // why others were not, where that is known
}

// Unsubscribe ends subscriptions: those of these resources, or without URIs all
// of the subscriber's.
//
// Sender: the door, or a client by way of the gateway. No reply.
type Unsubscribe struct {
	By     Subscriber
	Server string
	URIs   []string
}

// SubscriptionLost says that nobody tells of what was asked for any more: the
// session of the server has ended. A client that still wants it sends the
// Subscribe again.
//
// Sender: an upstream, or its child that kept the subscription. No reply.
type SubscriptionLost struct{ Subscribe Subscribe }

// SubscribeNoted says that a Subscribe that was sent again has arrived. Until
// then it is sent again and again: who has it may be about to end.
//
// Sender: an upstream. No reply.
type SubscribeNoted struct{ By Subscriber }

// SubscriptionEnded says that the server does not grant any more what a stream
// listens to, or is not there any more: the stream ends in good order.
//
// Sender: the child of an upstream that kept the subscription, or the gateway.
// No reply.
type SubscriptionEnded struct{ By Subscriber }

// ResourceUpdated brings a notification of the server about a resource to a
// subscriber.
//
// Sender: the child of an upstream that keeps the subscription. No reply.
type ResourceUpdated struct {
	Stream       StreamID
	Notification Notification
}

func (Subscribe) toUpstream()       {}
func (Unsubscribe) toUpstream()     {}
func (Subscribe) toGateway()        {}
func (Unsubscribe) toGateway()      {}
func (SubscriptionLost) toClient()  {}
func (SubscriptionEnded) toClient() {}
func (SubscribeNoted) toClient()    {}
func (ResourceUpdated) toClient()   {}
