package messages

import (
	"encoding/json"
	"time"
)

// ToUpstream is what an upstream actor accepts from outside its subtree.
//
//sumtype:decl
type ToUpstream interface{ toUpstream() }

// Admit asks for one call.
//
// Sender: the door. Reply: a lease from the session that the upstream starts
// for it, and then exactly one Outcome from that session; or, where the call is
// not admitted, the Outcome alone.
type Admit struct {
	ID    uint64 // names the session; unique in the runtime
	Call  Call
	Cache CacheKey
	Again string // why the call is made a second time; empty the first time
	// Left is what is left of the call's time when it is made again; 0: all of it.
	Left time.Duration
}

// CacheKey says whose result may answer a call. An empty Key: nobody's.
type CacheKey struct {
	Key string
	TTL time.Duration // how long the result is kept
}

// CancelCall gives up a call.
//
// Sender: the door, after its Admit. Reply: the session's Outcome, unless it
// has been given.
type CancelCall struct {
	ID     uint64
	Reason string
	Said   json.RawMessage // as in CancelRequest
}

// AwaitReady waits until the server is connected or an attempt has failed.
//
// Sender: the door. Reply: ReadyReply.
type AwaitReady struct{}

// ConnectServer connects a server that is disconnected or failed, with a fresh
// burst of attempts.
//
// Sender: the door. Reply: ReadyReply.
type ConnectServer struct{}

// ReadyReply answers AwaitReady and ConnectServer. Failure is nil when the
// server is connected.
type ReadyReply struct {
	Failure *Failure
	Already bool // it was connected before
}

// DisconnectServer drains and closes the connection; only ConnectServer brings
// it back.
//
// Sender: the door. Reply: DisconnectReply.
type DisconnectServer struct{}

// DisconnectReply answers DisconnectServer.
type DisconnectReply struct {
	Was bool   // it was connected, connecting or failed, and is not any more
	Err string // why the close was not in good order; empty when it was
}

// Retire drains and closes the connection for good. Whoever is sent away finds
// in the table what has become of the server.
//
// Sender: the gateway. Reply: Retired, upon which the gateway stops the actor.
type Retire struct {
	DrainUntil time.Time // calls in flight may go on until then
	CloseUntil time.Time // everything is gone by then
}

// CheckHealth probes the server now, on an idle or a temporary connection.
//
// Sender: the door. Reply: HealthChecked.
type CheckHealth struct{}

// HealthChecked answers CheckHealth. Problem is empty when the probe succeeded.
type HealthChecked struct {
	Health  Health
	Problem string
}

// ClientStays answers YieldClient: its client is there, or may be.
//
// Sender: that session, by which it is known. No reply.
type ClientStays struct{}

func (ClientStays) toUpstream()      {}
func (CheckHealth) toUpstream()      {}
func (Admit) toUpstream()            {}
func (CancelCall) toUpstream()       {}
func (AwaitReady) toUpstream()       {}
func (ConnectServer) toUpstream()    {}
func (DisconnectServer) toUpstream() {}
func (Retire) toUpstream()           {}

// Prompt marks it as what its sender may have handled at once: see kit.Prompt.
// The door holds nothing while it asks that an upstream, or whoever that speaks to, waits for.
func (Admit) Prompt() {}
