package messages

import (
	"crypto/sha256"
	"encoding/binary"
)

// Digest stands for a text in comparisons that must not keep it.
type Digest [sha256.Size]byte

// OnceKey is what makes two keyed requests the same one: principal, server,
// method, name, and the key that the caller gave.
func (c *Call) OnceKey(key string) Digest {
	return digest(c.Principal.Name, c.Server, c.Request.Method, c.Request.Name, key)
}

// OnceBody is what must not differ between them: the params, and the headers
// that go along, since those may say for whom the call is made.
func (c *Call) OnceBody() Digest {
	return digest(string(c.Request.Params), string(c.Caller.appendHeaders(nil)))
}

func digest(parts ...string) Digest {
	var b []byte
	for _, p := range parts {
		// Each length in front of its part: no two lists make one text.
		b = append(binary.AppendUvarint(b, uint64(len(p))), p...)
	}
	return sha256.Sum256(b)
}

// FindOnce asks for the keeper of keyed requests, which the first one starts.
//
// Sender: the door. Reply: OnceFound.
type FindOnce struct{}

// OnceFound answers FindOnce. Name is that of the actor below the gateway; empty
// when the runtime is closing.
type OnceFound struct{ Name string }

func (FindOnce) toGateway() {}

// ToOnce is what the keeper of keyed requests accepts.
//
//sumtype:decl
type ToOnce interface{ toOnce() }

// ClaimOnce asks for the right to make a keyed request.
//
// Sender: the door. Reply: OnceClaimed to the first, who
// owes a SettleOnce; to others the Outcome, when there is one. An Outcome with a
// failure that was not sent says that the key may not be used so, or not now.
type ClaimOnce struct{ Key, Body Digest }

// OnceClaimed answers ClaimOnce: the request is the sender's to make.
type OnceClaimed struct{}

// SettleOnce says how the request went. Keep: it may have happened, so that
// whoever sends the key again gets this answer; otherwise the key is free again.
//
// Sender: the door that has claimed it. No reply.
type SettleOnce struct {
	Key     Digest
	Outcome Outcome
	Keep    bool
}

// LeaveOnce says that its sender does not wait any more, nor make the request.
//
// Sender: a door. No reply.
type LeaveOnce struct{ Key Digest }

func (ClaimOnce) toOnce()  {}
func (SettleOnce) toOnce() {}
func (LeaveOnce) toOnce()  {}
