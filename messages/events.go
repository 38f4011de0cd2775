package messages

import (
	"fmt"
	"time"
)

// Event is a fact that the runtime publishes. The set is closed; telemetry
// renders it, tests assert on it, nothing in the runtime depends on a listener.
//
//sumtype:decl
type Event interface{ event() }

// Connecting: an attempt to connect began. Attempt counts from 1 within a
// burst of Of attempts.
type Connecting struct {
	Server, Connection string
	Transport          Transport
	Attempt, Of        int
}

// ConnectFailed: an attempt failed. Wait is the time until the next one.
type ConnectFailed struct {
	Server, Connection string
	Attempt, Of        int
	Reason             string
	Wait               time.Duration
	GaveUp             bool // the burst is over; the state is error
}

// Connected: the handshake is done.
type Connected struct {
	Server, Connection string
	Peer               Peer
}

// ProcessStarted: a server over stdio has been executed, as the process Pid; At
// is when, by the clock of its guard.
type ProcessStarted struct {
	Server string
	Pid    int
	At     time.Time
}

// CatalogChanged: a server's catalog was read and differs from what was known.
type CatalogChanged struct {
	Server, Connection string
	Version            uint64
	Tools              []string // names, in the server's order
	Cut                bool
}

// EndpointsCreated: so many tools of a server are served as HTTP endpoints.
type EndpointsCreated struct {
	Server string
	Count  int
}

// EndpointHidden: a server or a tool has a name that is a path of mcpx itself,
// so that it is served over MCP and not as an endpoint. Tool is empty for a
// server; Path is where a tool is found nevertheless, empty where it is not.
type EndpointHidden struct{ Server, Tool, Path string }

// DirectoryChanged: what all servers offer together changed.
type DirectoryChanged struct {
	Version uint64
	Topics  Topic // which lists differ
}

// StateChanged: a server's outside state changed.
type StateChanged struct {
	Server   string
	Old, New State
	Reason   string
}

// LinkLost: a live connection ended without being asked to.
type LinkLost struct {
	Server, Connection string
	Reason             string
}

// HealthCheckFailed: a probe failed.
type HealthCheckFailed struct{ Server, Connection, Reason string }

// HealthChanged: a server became healthy or unhealthy. State is its state then:
// one that is not connected has said more already.
type HealthChanged struct {
	Server, Connection string
	Old, New           HealthState
	State              State
	Reason             string
}

// AlreadyConnected: Connect was asked for a connected server.
type AlreadyConnected struct{ Server string }

// Disconnected: a server was disconnected on request; Err when its close failed.
type Disconnected struct {
	Server string
	Err    string
}

// NotConnected: Disconnect was asked for a server that is not connected.
type NotConnected struct{ Server string }

// ClosingAll: everything is being closed.
type ClosingAll struct{}

// ClosedAll: everything is closed.
type ClosedAll struct{ Report CloseReport }

// ActorRestarted: a supervisor restarted an actor after a panic.
type ActorRestarted struct{ Path, Reason string }

// ActorStopped: a supervisor stopped an actor after a panic.
type ActorStopped struct{ Path, Reason string }

// BreakerChanged: a server's breaker opened, let one call try, or closed.
type BreakerChanged struct {
	Server   string
	Old, New BreakerState
	Failures int           // in a row
	OpenFor  time.Duration // BreakerOpen
}

// CallRetried: a call that read-only or idempotent tools allow to repeat was
// sent a second time.
type CallRetried struct{ Server, Method, Name, Reason string }

// PoolGrowthFailed: a further session of a connected server could not be
// opened. Wait is the time until the next attempt.
type PoolGrowthFailed struct {
	Server, Connection string
	Reason             string
	Wait               time.Duration
}

// SessionCloseFailed: one of a server's sessions did not close in good order.
type SessionCloseFailed struct{ Server, Connection, Err string }

// StderrLine: a server wrote a line to its stderr.
type StderrLine struct{ Server, Line string }

// ServerLog: a server sent a log message outside of any request.
type ServerLog struct{ Server, Level, Text string }

// NotificationsDropped: a client's queue was full.
type NotificationsDropped struct {
	Client ClientID
	Count  int
}

func (Connecting) event()           {}
func (ConnectFailed) event()        {}
func (Connected) event()            {}
func (ProcessStarted) event()       {}
func (CatalogChanged) event()       {}
func (DirectoryChanged) event()     {}
func (EndpointsCreated) event()     {}
func (EndpointHidden) event()       {}
func (StateChanged) event()         {}
func (LinkLost) event()             {}
func (AlreadyConnected) event()     {}
func (HealthCheckFailed) event()    {}
func (HealthChanged) event()        {}
func (Disconnected) event()         {}
func (NotConnected) event()         {}
func (ClosingAll) event()           {}
func (ClosedAll) event()            {}
func (ActorRestarted) event()       {}
func (ActorStopped) event()         {}
func (BreakerChanged) event()       {}
func (CallRetried) event()          {}
func (PoolGrowthFailed) event()     {}
func (SessionCloseFailed) event()   {}
func (StderrLine) event()           {}
func (ServerLog) event()            {}
func (NotificationsDropped) event() {}

// String renders a restart as tests and people read it: "restart gateway/upstream:fs#1".
func (e ActorRestarted) String() string { return fmt.Sprintf("restart %s", e.Path) }

// String renders a stop: "stop gateway/upstream:fs#1/s9".
func (e ActorStopped) String() string { return fmt.Sprintf("stop %s", e.Path) }
