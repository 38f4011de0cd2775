// Package kit is what every actor of the house uses: an injected clock,
// goroutines that recover and are waited for, paths, and asking.
package kit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/messages"
)

// Clock tells the time and calls later. Tests bring their own.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f in its own goroutine after d.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is a pending AfterFunc.
type Timer interface{ Stop() bool }

// RealClock is the machine's clock.
type RealClock struct{}

// Now returns the time.
func (RealClock) Now() time.Time { return time.Now() }

// AfterFunc is time.AfterFunc.
func (RealClock) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }

// Tasks are the goroutines that do I/O for actors. Each recovers, none is
// forgotten: closing the runtime waits for them.
type Tasks struct{ wg sync.WaitGroup }

// Go runs f. A panic in f is handed to failed (on the same goroutine), which
// tells the actor concerned.
func (t *Tasks) Go(f func(), failed func(reason string)) {
	t.wg.Go(func() {
		defer func() {
			if r := recover(); r != nil {
				failed(fmt.Sprintf("panic: %v\n%s", r, debug.Stack()))
			}
		}()
		f()
	})
}

// Wait waits until every task has ended, at most until the deadline, and tells
// whether they have.
func (t *Tasks) Wait(deadline time.Time) bool {
	done := make(chan struct{})
	go func() { t.wg.Wait(); close(done) }()
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// Env is what the runtime gives to all its actors. It holds no state of any of
// them.
type Env struct {
	Clock  Clock
	Jitter func() float64 // in [0, 1)
	Tasks  *Tasks
	Limits messages.Limits
}

// Publish puts an event on the event stream.
func Publish(system *actor.ActorSystem, e messages.Event) { system.EventStream.Publish(e) }

// GatewayName is the path of the root supervisor.
const GatewayName = "gateway"

// UpstreamName is the name of the actor of one generation of a server. Names
// are never used again: a name is free before its last owner has quite gone.
func UpstreamName(server string, generation uint64) string {
	return fmt.Sprintf("upstream:%s#%d", url.PathEscape(server), generation)
}

// ClientPrefix begins the names of the actors of client sessions.
const ClientPrefix = "client:"

// ClientName is the name of the actor of a client session. It is derived from
// the id and does not give it away: paths are logged, ids are secrets.
func ClientName(id messages.ClientID) string {
	digest := sha256.Sum256([]byte(id))
	return ClientPrefix + hex.EncodeToString(digest[:10])
}

// SessionName is the name of the actor of one call.
func SessionName(id uint64) string { return "s" + strconv.FormatUint(id, 10) }

// Base returns the last element of a PID's path.
func Base(pid *actor.PID) string { return pid.Id[strings.LastIndexByte(pid.Id, '/')+1:] }

// Child returns the PID of a child by name, whether or not it lives.
func Child(parent *actor.PID, name string) *actor.PID {
	return actor.NewPID(parent.Address, parent.Id+"/"+name)
}

// Party is another party to a conversation: an actor, and its mailbox in the hands of
// whoever was given it. Nothing has to be looked up then, and what comes after the
// actor's end is dropped without a word.
type Party struct {
	PID     *actor.PID
	Mailbox actor.Mailbox
}

// Tell sends it a message.
func (p Party) Tell(m any) { p.Mailbox.PostUserMessage(m) }

// Crash makes the actor that receives it panic. Chaos runs and tests use it to
// see what a bug costs; nothing else sends it.
type Crash struct{ Reason string }
