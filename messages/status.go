package messages

import "time"

// State is one of the four states of a server that are shown outside.
type State string

// The four outside states.
const (
	StateDisconnected State = "disconnected"
	StateConnecting   State = "connecting"
	StateConnected    State = "connected"
	StateError        State = "error"
)

// Status is what is known of one server, as of the last change.
type Status struct {
	Server      string    `json:"server"`
	State       State     `json:"state"`
	Reason      string    `json:"reason,omitempty"`      // why it is not connected, or degraded; for people
	NextAttempt time.Time `json:"next_attempt,omitzero"` // StateError: when the next attempt starts by itself
	Attempt     int       `json:"attempt,omitempty"`     // of the current burst, from 1
	Generation  uint64    `json:"generation,omitempty"`  // of the upstream actor
	Since       time.Time `json:"since,omitzero"`        // of the state
	Protocol    string    `json:"protocol,omitempty"`    // the version spoken
	Pid         int       `json:"pid,omitempty"`         // stdio: the server's process id
	Connection  string    `json:"connection,omitempty"`  // "Stdio-command args", "StreamableHTTP-URL", secrets masked
	Tools       int       `json:"tools"`                 // in the catalog
	Stale       bool      `json:"stale,omitempty"`       // the catalog is the last known one
	Notice      string    `json:"notice,omitempty"`      // a failed replacement, a cut catalog
	Disabled    bool      `json:"disabled,omitempty"`
	Health      Health    `json:"health"`

	Isolation   Isolation     `json:"isolation,omitempty"`
	Connections int           `json:"connections"` // open, in use or not
	Spares      int           `json:"spares"`      // of them, those that nobody has used
	Breaker     BreakerStatus `json:"breaker"`
	Retried     uint64        `json:"retried"` // calls that were sent a second time
	Cache       CacheStatus   `json:"cache"`
}

// BreakerStatus says whether calls of a server are let through.
type BreakerStatus struct {
	State    BreakerState `json:"state"`
	Failures int          `json:"failures"`       // in a row
	Until    time.Time    `json:"until,omitzero"` // open: when one call may try
}

// BreakerState is the state of a server's breaker.
type BreakerState string

// The states of a breaker.
const (
	BreakerClosed   BreakerState = "closed"    // calls pass
	BreakerOpen     BreakerState = "open"      // calls are refused
	BreakerHalfOpen BreakerState = "half-open" // one call tries
)

// CacheStatus says what the cache of a server's results did.
type CacheStatus struct {
	Entries int    `json:"entries"`
	Bytes   int    `json:"bytes"`
	Hits    uint64 `json:"hits"`   // answered from memory
	Joined  uint64 `json:"joined"` // answered with the result of an equal call in flight
	Misses  uint64 `json:"misses"`
}

// Diff says what an Apply did, server names sorted.
type Diff struct {
	Added, Changed, Removed, Unchanged []string
}

// CloseReport is the result of closing everything.
type CloseReport struct {
	Closed int               // servers closed in good order
	Errors map[string]string // server -> why its close failed or had to be forced
}

// TreeNode is one live actor.
type TreeNode struct {
	Path     string     `json:"path"` // "gateway/upstream:fs#1/s91"
	Children []TreeNode `json:"children,omitempty"`
}
