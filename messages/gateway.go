package messages

import "encoding/json"

// ToGateway is what the gateway accepts.
//
//sumtype:decl
type ToGateway interface{ toGateway() }

// ApplySpecs makes the set of servers what Specs say.
//
// Sender: the door. Reply: Applied.
type ApplySpecs struct{ Specs []ServerSpec }

// Applied answers ApplySpecs.
type Applied struct{ Diff Diff }

// StatusReport says what became of a server. The gateway publishes it for
// readers; the upstream remains its owner.
//
// Sender: an upstream. No reply.
type StatusReport struct{ Status Status }

// CatalogReport says what a server offers.
//
// Sender: an upstream. No reply.
type CatalogReport struct {
	Generation uint64
	Catalog    Catalog
}

// ListsTold says that a server has told of changed lists.
//
// Sender: an upstream. No reply.
type ListsTold struct {
	Server string
	Topics Topic
	Said   map[Topic]json.RawMessage // the params of the latest notification of each, where it has some
	To     ClientID                  // to whom that was said, and to nobody else; empty where it was to all
}

// PassOn hands a reply to a door through the gateway, so that whoever gets it
// finds what was reported before already published.
//
// Sender: an upstream, with the door as the message's sender. No reply.
type PassOn struct{ Reply any }

// Retired says that an upstream has closed its connection for good. The gateway
// stops it then: stopping itself would let Terminated, a system message,
// overtake this one.
//
// Sender: an upstream. No reply.
type Retired struct {
	Server     string
	Generation uint64
	Err        string // why the close was not in good order
}

// OpenClient starts a client session.
//
// Sender: the door. Reply: ClientOpened.
type OpenClient struct{ Spec ClientSpec }

// ClientOpened answers OpenClient.
type ClientOpened struct {
	ID      ClientID
	Failure *Failure
}

// CloseAll drains and closes everything.
//
// Sender: the door. Reply: AllClosed; then the gateway stops.
type CloseAll struct{}

// AllClosed answers CloseAll.
type AllClosed struct{ Report CloseReport }

// Sync asks for nothing: whoever has its reply knows that the gateway has seen
// what was under way to it.
//
// Sender: the door. Reply: Synced.
type Sync struct{}

// Synced answers Sync.
type Synced struct{}

func (Sync) toGateway()          {}
func (ApplySpecs) toGateway()    {}
func (StatusReport) toGateway()  {}
func (CatalogReport) toGateway() {}
func (ListsTold) toGateway()     {}
func (PassOn) toGateway()        {}
func (Retired) toGateway()       {}
func (OpenClient) toGateway()    {}
func (CloseAll) toGateway()      {}
