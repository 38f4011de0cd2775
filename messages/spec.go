package messages

import "time"

// Transport is how an upstream is reached.
type Transport string

// The transports of a server specification.
const (
	TransportStdio Transport = "stdio"
	TransportHTTP  Transport = "streamable-http"
	TransportSSE   Transport = "sse" // HTTP+SSE of 2024-11-05
)

// ServerSpec is one upstream server as configured: a value, compared to find
// out whether a reload changes the server.
type ServerSpec struct {
	Name      string
	Transport Transport

	Command string            // stdio: the program
	Args    []string          // stdio: its arguments
	Env     map[string]string // stdio: added to the minimal environment
	Cwd     string            // stdio: its directory; empty for ours

	URL     string            // http, sse
	Headers map[string]string // http, sse: sent with every request

	Forwarding HeaderForwarding // http, sse: headers of callers that go along

	Declared bool   // the transport stood in the configuration (an undeclared http may turn out to be sse)
	Protocol string // "auto", "legacy", "modern" or one version

	Disabled      bool
	Exclusive     bool     // one link ever; a replacement waits until the old one is gone
	DisabledTools []string // names of tools that nobody may call

	// CacheTools are the tools whose results may be kept, and for how long;
	// Policy.CacheTTL is for the others.
	CacheTools map[string]time.Duration

	Policy Policy
}

// Policy are the per-server keys of the configuration, merged from the top
// level and the server once, by config. Zero values mean the defaults of
// DefaultPolicy only there; here every field is effective.
type Policy struct {
	MaxConcurrency int // calls in flight; beyond it they wait
	MaxQueue       int // calls waiting; beyond it they are overloaded

	Isolation   Isolation     // empty: by transport, see EffectiveIsolation
	PoolMin     int           // sessions kept open, used or not
	PoolMax     int           // sessions open at a time; 0: by transport, see EffectivePoolMax
	PoolIdleTTL time.Duration // without a request; then a session is closed

	ConnectionTimeout time.Duration // one attempt, and the longest wait of a call for a connection
	RetryAttempts     int           // attempts in one burst
	RetryDelay        time.Duration // before the second attempt; doubles, ±20 %, up to RetryDelayMax
	RetryDelayMax     time.Duration

	RequestTimeout    time.Duration // since the request or its last progress
	RequestTimeoutMax time.Duration // absolute
	SSEReadTimeout    time.Duration // silence on an open SSE stream with a request in flight

	BreakerFailures int           // calls in a row that found the server unavailable or silent; then calls are refused
	BreakerOpenFor  time.Duration // until one call may try again

	CacheTTL time.Duration // results of read-only and idempotent tools are kept so long; 0: not at all

	HealthCheckEnabled          bool          // periodic probes; without them calls alone say how a server is
	HealthCheckInterval         time.Duration // between probes
	HealthCheckTimeout          time.Duration // of one probe
	HealthCheckFailureThreshold int           // failures in a row that make a server unhealthy

	DrainTimeout time.Duration // in-flight requests of a server that goes
	KillAfter    time.Duration // from the start of a close to SIGKILL
}

// DefaultPolicy returns the defaults of the documentation's table of limits.
func DefaultPolicy() Policy {
	return Policy{
		MaxConcurrency: 64, MaxQueue: 256,
		PoolIdleTTL:     5 * time.Minute,
		BreakerFailures: 5, BreakerOpenFor: 10 * time.Second,
		ConnectionTimeout: 30 * time.Second,
		RetryAttempts:     3, RetryDelay: 2 * time.Second, RetryDelayMax: 60 * time.Second,
		RequestTimeout: 60 * time.Second, RequestTimeoutMax: 10 * time.Minute,
		SSEReadTimeout:      60 * time.Second,
		HealthCheckInterval: 30 * time.Second, HealthCheckTimeout: 5 * time.Second, HealthCheckFailureThreshold: 2,
		DrainTimeout: 10 * time.Second, KillAfter: 3 * time.Second,
	}
}

// Limits are the global bounds on what arrives and what is kept.
type Limits struct {
	RequestBytes         int // one client message
	MessageBytes         int // one upstream message: line, event or body
	Depth                int // nesting of JSON
	HTTPRequests         int // served at a time, event streams not counted
	HeaderBytes          int
	ReadHeaderTimeout    time.Duration
	StderrTailBytes      int // kept per server
	ClientSessions       int
	ClientIdle           time.Duration
	StreamsPerClient     int
	RequestNotifications int           // queued per request on a multiplexed link
	ClientNotifications  int           // queued per client session
	ResumeEvents         int           // kept per client session for a client that comes back; 0: none
	ResumeBytes          int           // of them
	ResumeFor            time.Duration // that each is kept
	CatalogPages         int           // per list
	CatalogTools         int           // per list
	CacheEntries         int           // results kept per server
	CacheBytes           int           // of results kept per server
	IdempotencyKeys      int           // requests with an Idempotency-Key in flight, and answers of such kept
	IdempotencyBytes     int           // of answers kept
	IdempotencyFor       time.Duration // that an answer is kept
	ParkedFor            time.Duration // that a client has to answer what an input_required result asks
	CloseTimeout         time.Duration // of close-all, drain included
	SSEKeepalive         time.Duration // between comments on a quiet stream
}

// DefaultLimits returns the defaults of the documentation's table of limits.
func DefaultLimits() Limits {
	return Limits{
		RequestBytes: 16 << 20, MessageBytes: 32 << 20, Depth: 256,
		HTTPRequests: 4096, HeaderBytes: 64 << 10, ReadHeaderTimeout: 10 * time.Second,
		StderrTailBytes: 64 << 10,
		ClientSessions:  10_000, ClientIdle: 30 * time.Minute, StreamsPerClient: 8,
		RequestNotifications: 256, ClientNotifications: 1024,
		ResumeEvents: 256, ResumeBytes: 1 << 20, ResumeFor: 5 * time.Minute,
		CatalogPages: 100, CatalogTools: 10_000,
		CacheEntries: 1000, CacheBytes: 16 << 20,
		IdempotencyKeys: 10_000, IdempotencyBytes: 64 << 20, IdempotencyFor: 10 * time.Minute,
		ParkedFor:    10 * time.Minute,
		CloseTimeout: 10 * time.Second, SSEKeepalive: 15 * time.Second,
	}
}
