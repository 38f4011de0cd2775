package config

import (
	"math"
	"strings"
	"time"

	"github.com/mcpx/mcpx/messages"
)

// scope is where a key may stand.
type scope uint8

const (
	inTop    scope = 1 << iota // at the top level, in the environment, as a flag
	inServer                   // in a server
	anywhere = inTop | inServer
)

// target is what the values of keys are written to, and, fresh, what the
// defaults are read from: each default stands in one place only.
type target struct {
	Config
	spec   messages.ServerSpec // at the top level only its Policy, Forwarding and DisabledTools count
	kind   string              // "type" as it is written
	on     bool
	apiKey string
}

func defaults() *target {
	return &target{
		Config: Config{
			Limits: messages.DefaultLimits(),
			Host:   "127.0.0.1", Port: 8000,
			PathPrefix: "/",
			LogLevel:   "info", LogFormat: "auto",
			Profile: "inspect", SchemaCompression: true, TOONCompression: true, TOONMinSize: 1,
		},
		spec: messages.ServerSpec{Protocol: "auto", Policy: messages.DefaultPolicy()},
		on:   true,
	}
}

// key is one key of the configuration. What is read, what counts as unknown
// and the documentation's table all come from the list of them.
type key struct {
	name   string // "." between levels
	scope  scope
	kind   valueKind
	about  string
	beyond string // what happens beyond a bound; empty where nothing is bounded
	check  func(c *checker, key string, at int, v any) (any, bool)

	// Where the value goes; nil for a key that has no effect yet.
	get func(*target) any
	set func(*target, any)
	def string // the default in words, where the value alone does not say it
}

// path is the key's path in koanf.
func (k *key) path() string { return strings.ReplaceAll(k.name, ".", delim) }

// to binds a key to a field.
func (k key) to(set func(*target, any), get func(*target) any) key {
	k.set, k.get = set, get
	return k
}

// field makes the accessors of a field.
func field[T any](f func(*target) *T) (func(*target, any), func(*target) any) {
	return func(t *target, v any) { *f(t) = v.(T) }, func(t *target) any { return *f(t) }
}

// checked adds a check behind the kind's own.
func (k key) checked(check func(*checker, string, int, any) (any, bool)) key {
	k.check = check
	return k
}

// says puts the default into words.
func (k key) says(def string) key {
	k.def = def
	return k
}

// row makes a key; pending one that has no effect yet.
func row(name string, s scope, kind valueKind, about, beyond string) key {
	return key{name: name, scope: s, kind: kind, about: about, beyond: beyond}
}

func pending(name string, s scope, kind valueKind, def, about, beyond string) key {
	return key{name: name, scope: s, kind: kind, def: def, about: about, beyond: beyond}
}

var (
	positive = whole{1, math.MaxInt32}
	natural  = whole{0, math.MaxInt32}
	oneByte  = size{1}
	brief    = span{time.Millisecond} // for what would spin or never succeed with less
	orZero   = span{0}
)

// keys are all keys, in the order of the documentation.
var keys = concat(serverKeys(), serviceKeys(), policyKeys(), limitKeys(), pendingKeys())

func concat(groups ...[]key) []*key {
	var all []*key
	for _, group := range groups {
		for i := range group {
			all = append(all, &group[i])
		}
	}
	return all
}

func serverKeys() []key {
	return []key{
		row("type", inServer, text{}, "`stdio`, `http`, `sse` or `streamable-http`; without it `command` or `url` decide", "").
			to(field(func(t *target) *string { return &t.kind })),
		row("command", inServer, text{}, "stdio: the program", "").
			to(field(func(t *target) *string { return &t.spec.Command })),
		row("args", inServer, list{whole: true}, "stdio: its arguments", "").
			to(field(func(t *target) *[]string { return &t.spec.Args })),
		row("env", inServer, table{}, "stdio: variables added to the minimal environment", "").
			checked(checkEnv).to(field(func(t *target) *map[string]string { return &t.spec.Env })),
		row("cwd", inServer, text{}, "stdio: its directory", "").
			to(field(func(t *target) *string { return &t.spec.Cwd })),
		row("url", inServer, text{}, "http, sse: the endpoint", "").
			checked(checkURL).to(field(func(t *target) *string { return &t.spec.URL })),
		row("headers", inServer, table{}, "http, sse: sent with every request", "").
			checked(checkHeaders).to(field(func(t *target) *map[string]string { return &t.spec.Headers })),
		row("enabled", inServer, toggle{}, "whether the server is used", "").
			to(field(func(t *target) *bool { return &t.on })),
		row("exclusive", inServer, toggle{}, "one connection ever, for a server that holds a port, a lock or a file; all callers share it", "").
			to(field(func(t *target) *bool { return &t.spec.Exclusive })),
		row("protocol", inServer, text{}, "`auto`, `legacy`, `modern`, or a version such as `2025-11-25`", "a clear error at connect").
			checked(checkProtocol).to(field(func(t *target) *string { return &t.spec.Protocol })),
		row("disabled_tools", anywhere, list{}, "tools that nobody may call; `server.tool` at the top level", "forbidden").
			to(field(func(t *target) *[]string { return &t.spec.DisabledTools })),
		row("cache_tools", inServer, spans{}, "`cache_ttl` of single tools, by their names; 0 for never", "").
			to(field(func(t *target) *map[string]time.Duration { return &t.spec.CacheTools })),
	}
}

func serviceKeys() []key {
	return []key{
		row("host", inTop, text{}, "address to listen on", "").
			checked(checkHost).to(field(func(t *target) *string { return &t.Host })),
		row("port", inTop, whole{0, 65535}, "port to listen on; 0 for any", "the default port, when taken, gives way to the next free of 100").
			to(field(func(t *target) *int { return &t.Port })),
		row("api_key", inTop, text{}, "the key that callers must show, named `default`", "401, 403").
			checked(checkAPIKey).to(field(func(t *target) *string { return &t.apiKey })),
		row("api_keys", inTop, table{}, "keys by the name of their holder", "401, 403").
			checked(checkAPIKeys).to(field(func(t *target) *map[string]string { return &t.APIKeys })),
		row("state_key", inTop, text{}, "seals what a client carries back to a server (`requestState`): 32 bytes as Base64, the same on every node; without it a retry is good on the node that was asked first, until that is restarted", "").
			checked(checkStateKey).to(field(func(t *target) *string { return &t.StateKey })),
		row("strict_auth", inTop, toggle{}, "OpenAPI documents and their pages ask for a key as well", "401, 403").
			to(field(func(t *target) *bool { return &t.StrictAuth })),
		row("allowed_origins", inTop, list{}, "web origins that browsers may call from; `*` for all", "403").
			checked(checkOrigins).to(field(func(t *target) *[]string { return &t.AllowedOrigins })),
		row("allowed_hosts", inTop, list{}, "names in Host, beside the loopback names and the bound address", "403").
			checked(checkHosts).to(field(func(t *target) *[]string { return &t.AllowedHosts })),
		row("insecure", inTop, toggle{}, "allows an address beyond loopback without a key", "refused at start").
			to(field(func(t *target) *bool { return &t.Insecure })),
		row("ssl_certfile", inTop, text{}, "certificate to serve TLS with, PEM", "").
			to(field(func(t *target) *string { return &t.TLSCertFile })),
		row("ssl_keyfile", inTop, text{}, "its private key, PEM", "").
			to(field(func(t *target) *string { return &t.TLSKeyFile })),
		row("path_prefix", inTop, text{}, "path below which tools are served as OpenAPI endpoints", "404").
			checked(checkPathPrefix).to(field(func(t *target) *string { return &t.PathPrefix })),
		row("root_path", inTop, text{}, "path below which a reverse proxy shows mcpx; OpenAPI endpoints answer there too", "").
			checked(checkRootPath).to(field(func(t *target) *string { return &t.RootPath })),
		row("openapi.name", inTop, text{}, "title of the OpenAPI documents", "").
			to(field(func(t *target) *string { return &t.Document.Name })).says("the server's"),
		row("openapi.description", inTop, text{}, "their description", "").
			to(field(func(t *target) *string { return &t.Document.Description })).says("the server's instructions"),
		row("openapi.version", inTop, text{}, "their version", "").
			to(field(func(t *target) *string { return &t.Document.Version })).says("the server's"),
		row("hot_reload", inTop, toggle{}, "watches the configuration file and applies what changes in its servers", "what is wrong with it is logged, and nothing changes").
			to(field(func(t *target) *bool { return &t.HotReload })),
		row("profile", inTop, choice{"inspect", "describe", "invoke"}, "the set of compact tools", "").
			to(field(func(t *target) *string { return &t.Profile })),
		row("include_structured_content", inTop, toggle{}, "adds `structuredContent` to the results of tools", "").
			to(field(func(t *target) *bool { return &t.IncludeStructuredContent })),
		row("schema_compression_enabled", inTop, toggle{}, "shows schemas of tools as TypeScript instead of JSON Schema", "").
			to(field(func(t *target) *bool { return &t.SchemaCompression })),
		row("toon_compression_enabled", inTop, toggle{}, "results of tools as TOON where that is smaller than JSON", "").
			to(field(func(t *target) *bool { return &t.TOONCompression })),
		row("toon_compression_min_size", inTop, natural, "from so many keys of an object, or objects of a list that have the same keys; other lists from twice as many", "JSON below it").
			to(field(func(t *target) *int { return &t.TOONMinSize })),
		row("log_level", inTop, text{}, "`trace`, `debug`, `info`, `warn` or `error`", "unknown ones count as `info`").
			checked(checkLogLevel).to(field(func(t *target) *string { return &t.LogLevel })),
		row("log_format", inTop, choice{"auto", "json", "console"}, "`auto` is `console` on a terminal, else `json`", "").
			to(field(func(t *target) *string { return &t.LogFormat })),
	}
}

// setHealthInterval turns periodic checks on or off with the interval; 0 leaves
// the default for whoever turns them on beside it.
func setHealthInterval(t *target, v any) {
	every := v.(time.Duration)
	t.spec.Policy.HealthCheckEnabled = every > 0
	if every > 0 {
		t.spec.Policy.HealthCheckInterval = every
	}
}

// setIsolation and getIsolation: the key's words are the policy's own.
func setIsolation(t *target, v any) { t.spec.Policy.Isolation = messages.Isolation(v.(string)) }

func getIsolation(t *target) any { return string(t.spec.Policy.Isolation) }

func policyKeys() []key {
	policy := func(f func(*messages.Policy) *int) (func(*target, any), func(*target) any) {
		return field(func(t *target) *int { return f(&t.spec.Policy) })
	}
	spanOf := func(f func(*messages.Policy) *time.Duration) (func(*target, any), func(*target) any) {
		return field(func(t *target) *time.Duration { return f(&t.spec.Policy) })
	}
	return []key{
		row("max_concurrency", anywhere, positive, "calls in flight", "they wait").
			to(policy(func(p *messages.Policy) *int { return &p.MaxConcurrency })),
		row("max_queue", anywhere, natural, "calls waiting", "overloaded, with retry-after").
			to(policy(func(p *messages.Policy) *int { return &p.MaxQueue })),
		row("isolation", anywhere, choice{"request", "client", "shared"}, "who shares an upstream session: nobody (a fresh one for each request), the requests of one client, or all", "").
			to(setIsolation, getIsolation).says("client (stdio), request (http, sse)"),
		row("pool.min", anywhere, natural, "upstream sessions kept open, used or not; at most `pool.max`", "").
			to(policy(func(p *messages.Policy) *int { return &p.PoolMin })),
		row("pool.max", anywhere, natural, "upstream sessions open at a time; 0 for the default", "requests wait in `max_queue`").
			to(policy(func(p *messages.Policy) *int { return &p.PoolMax })).says("8 (stdio), 64 (http, sse)"),
		row("pool.idle_ttl", anywhere, orZero, "an upstream session without a request", "closed, down to `pool.min`").
			to(spanOf(func(p *messages.Policy) *time.Duration { return &p.PoolIdleTTL })),
		row("connection_timeout", anywhere, brief, "one attempt to connect", "the attempt failed").
			to(spanOf(func(p *messages.Policy) *time.Duration { return &p.ConnectionTimeout })),
		row("retry_attempts", anywhere, positive, "attempts in one burst", "state error, then one attempt per window").
			to(policy(func(p *messages.Policy) *int { return &p.RetryAttempts })),
		row("retry_delay", anywhere, orZero, "before the second attempt; doubles, ±20 %, up to 60 s or itself", "").
			to(spanOf(func(p *messages.Policy) *time.Duration { return &p.RetryDelay })),
		row("request_timeout", anywhere, brief, "since the request or its last progress", "timeout; the upstream request is cancelled").
			to(spanOf(func(p *messages.Policy) *time.Duration { return &p.RequestTimeout })),
		row("request_timeout_max", anywhere, brief, "absolute; at least `request_timeout`", "timeout; the upstream request is cancelled").
			to(spanOf(func(p *messages.Policy) *time.Duration { return &p.RequestTimeoutMax })),
		row("sse_read_timeout", anywhere, brief, "silence on an open SSE stream with requests in flight", "connection lost").
			to(spanOf(func(p *messages.Policy) *time.Duration { return &p.SSEReadTimeout })),
		row("breaker.failures", anywhere, natural, "calls in a row that found the server unavailable or silent; 0 for any number", "unavailable at once").
			to(policy(func(p *messages.Policy) *int { return &p.BreakerFailures })),
		row("breaker.open_for", anywhere, orZero, "until one call may try again", "").
			to(spanOf(func(p *messages.Policy) *time.Duration { return &p.BreakerOpenFor })),
		row("cache_ttl", anywhere, orZero, "how long results of tools are kept that say that they are read-only or idempotent; 0 for not at all", "").
			to(spanOf(func(p *messages.Policy) *time.Duration { return &p.CacheTTL })),
		// The interval comes first: what is said of enabling beside it wins.
		row("health_check_interval", anywhere, orZero, "between periodic checks; written and above 0 it turns them on, 0 off", "").
			to(setHealthInterval, func(t *target) any { return t.spec.Policy.HealthCheckInterval }),
		row("health_check_enabled", anywhere, toggle{}, "periodic checks", "").
			to(field(func(t *target) *bool { return &t.spec.Policy.HealthCheckEnabled })),
		row("health_check_timeout", anywhere, brief, "one check", "the check failed").
			to(spanOf(func(p *messages.Policy) *time.Duration { return &p.HealthCheckTimeout })),
		row("health_check_failure_threshold", anywhere, positive, "failures in a row", "unhealthy").
			to(policy(func(p *messages.Policy) *int { return &p.HealthCheckFailureThreshold })),
		row("drain_timeout", anywhere, orZero, "requests in flight of a server that goes", "the rest is closed by force and named").
			to(spanOf(func(p *messages.Policy) *time.Duration { return &p.DrainTimeout })),
		row("kill_after", anywhere, orZero, "from the start of a close to SIGKILL", "SIGKILL").
			to(spanOf(func(p *messages.Policy) *time.Duration { return &p.KillAfter })),
		row("client_header_forwarding.enabled", anywhere, toggle{}, "http, sse: passes headers of HTTP callers on to the server", "").
			to(field(func(t *target) *bool { return &t.spec.Forwarding.Enabled })),
		row("client_header_forwarding.whitelist", anywhere, list{}, "which; without a list all; a `*` at the end stands for the rest of a name. `Authorization` and `Cookie` only where they are named in full, headers of the connection never", "").
			checked(checkForwarded).to(field(func(t *target) *[]string { return &t.spec.Forwarding.Allow })),
		row("client_header_forwarding.blacklist", anywhere, list{}, "which not; wins", "").
			checked(checkForwarded).to(field(func(t *target) *[]string { return &t.spec.Forwarding.Deny })),
	}
}

func limitKeys() []key {
	limit := func(f func(*messages.Limits) *int) (func(*target, any), func(*target) any) {
		return field(func(t *target) *int { return f(&t.Limits) })
	}
	spanOf := func(f func(*messages.Limits) *time.Duration) (func(*target, any), func(*target) any) {
		return field(func(t *target) *time.Duration { return f(&t.Limits) })
	}
	return []key{
		row("close_timeout", inTop, brief, "closing everything, drain included", "the rest is closed by force and named").
			to(spanOf(func(l *messages.Limits) *time.Duration { return &l.CloseTimeout })),
		row("sse_keepalive", inTop, brief, "between comments on quiet streams", "").
			to(spanOf(func(l *messages.Limits) *time.Duration { return &l.SSEKeepalive })),
		row("limits.request_bytes", inTop, oneByte, "one client message", "HTTP 413; on stdio -32600, the rest of the line is skipped").
			to(limit(func(l *messages.Limits) *int { return &l.RequestBytes })),
		row("limits.message_bytes", inTop, oneByte, "one upstream message: line, event or body", "that request fails as upstream error \"message too large\"").
			to(limit(func(l *messages.Limits) *int { return &l.MessageBytes })),
		// encoding/json refuses what is deeper than 10,000.
		row("limits.depth", inTop, whole{1, 10_000}, "nesting of JSON", "-32700, HTTP 400").
			to(limit(func(l *messages.Limits) *int { return &l.Depth })),
		row("limits.http_requests", inTop, positive, "HTTP requests served at a time; event streams do not count", "HTTP 503 with retry-after").
			to(limit(func(l *messages.Limits) *int { return &l.HTTPRequests })),
		row("limits.header_bytes", inTop, oneByte, "header of one request", "HTTP 431").
			to(limit(func(l *messages.Limits) *int { return &l.HeaderBytes })),
		row("limits.read_header_timeout", inTop, brief, "until the header of a request is read", "connection closed").
			to(spanOf(func(l *messages.Limits) *time.Duration { return &l.ReadHeaderTimeout })),
		row("limits.stderr_tail_bytes", inTop, oneByte, "kept of a server's stderr", "oldest dropped").
			to(limit(func(l *messages.Limits) *int { return &l.StderrTailBytes })),
		row("limits.client_sessions", inTop, positive, "sessions of clients", "HTTP 503 with retry-after").
			to(limit(func(l *messages.Limits) *int { return &l.ClientSessions })),
		row("limits.client_idle", inTop, brief, "silence of a client session", "the session is closed").
			to(spanOf(func(l *messages.Limits) *time.Duration { return &l.ClientIdle })),
		row("limits.streams_per_client", inTop, positive, "open streams of a client session", "HTTP 429").
			to(limit(func(l *messages.Limits) *int { return &l.StreamsPerClient })),
		row("limits.request_notifications", inTop, positive, "queued per request", "oldest dropped, counted").
			to(limit(func(l *messages.Limits) *int { return &l.RequestNotifications })),
		row("limits.client_notifications", inTop, positive, "queued per client session", "list_changed coalesced, then oldest dropped, counted").
			to(limit(func(l *messages.Limits) *int { return &l.ClientNotifications })),
		row("limits.resume_events", inTop, natural, "events kept per client session for a client that comes back; 0 for none", "the oldest is dropped; who asks for it gets HTTP 404 and initializes again").
			to(limit(func(l *messages.Limits) *int { return &l.ResumeEvents })),
		row("limits.resume_bytes", inTop, size{0}, "bytes of them", "the oldest is dropped; a larger one is not kept").
			to(limit(func(l *messages.Limits) *int { return &l.ResumeBytes })),
		row("limits.resume_for", inTop, orZero, "how long each is kept", "dropped").
			to(spanOf(func(l *messages.Limits) *time.Duration { return &l.ResumeFor })),
		row("limits.catalog_pages", inTop, positive, "pages read of one list of a server", "cut, and said in status and log").
			to(limit(func(l *messages.Limits) *int { return &l.CatalogPages })),
		row("limits.catalog_tools", inTop, positive, "entries kept of one list of a server", "cut, and said in status and log").
			to(limit(func(l *messages.Limits) *int { return &l.CatalogTools })),
		row("limits.cache_entries", inTop, positive, "results kept of one server", "the least recently used is dropped").
			to(limit(func(l *messages.Limits) *int { return &l.CacheEntries })),
		row("limits.cache_bytes", inTop, oneByte, "bytes of results kept of one server", "the least recently used is dropped; a larger one is not kept").
			to(limit(func(l *messages.Limits) *int { return &l.CacheBytes })),
		row("limits.idempotency_keys", inTop, positive, "requests with an `Idempotency-Key` in flight, and answers to such that are kept", "HTTP 429 with retry-after; the oldest answer is dropped").
			to(limit(func(l *messages.Limits) *int { return &l.IdempotencyKeys })),
		row("limits.idempotency_bytes", inTop, oneByte, "bytes of answers kept", "the oldest is dropped").
			to(limit(func(l *messages.Limits) *int { return &l.IdempotencyBytes })),
		row("limits.idempotency_for", inTop, brief, "how long an answer is kept", "dropped; the key counts as new").
			to(spanOf(func(l *messages.Limits) *time.Duration { return &l.IdempotencyFor })),
		row("limits.parked_for", inTop, brief, "how long a client has to answer what a server asks of it in an `input_required` result", "its retry is refused (-32602)").
			to(spanOf(func(l *messages.Limits) *time.Duration { return &l.ParkedFor })),
	}
}

func pendingKeys() []key {
	return []key{
		pending("limits.parked", inTop, natural, "1024", "questions that wait for a client", "answered as cancelled upstream"),
		pending("limits.parked_per_principal", inTop, natural, "64", "of one principal", "answered as cancelled upstream"),
		pending("endpoints", inTop, anything{}, "none", "transparent endpoints", ""),
	}
}

// aliases are other spellings that configurations of today use.
var aliases = map[string]string{
	"disabledTools":                             "disabled_tools",
	"cors_allow_origins":                        "allowed_origins",
	"connection_settings.retry_attempts":        "retry_attempts",
	"connection_settings.retry_delay":           "retry_delay",
	"connection_settings.connection_timeout":    "connection_timeout",
	"connection_settings.sse_read_timeout":      "sse_read_timeout",
	"connection_settings.request_timeout":       "request_timeout",
	"connection_settings.health_check_interval": "health_check_interval",
}

// The members of the top level that hold servers, and one that editors put there.
const (
	serversByName = "mcpServers"
	serversInList = "mcp_servers"
	schemaMember  = "$schema"
	nameMember    = "name" // of a server
)

var (
	topIndex    = index(inTop, serversByName, serversInList, schemaMember)
	serverIndex = index(inServer, nameMember)
)

// names is what a scope knows: keys by their path, aliases included, and groups of them.
type names struct {
	keys   map[string]*key
	groups map[string]bool
	other  map[string]bool
}

func index(s scope, other ...string) names {
	n := names{keys: map[string]*key{}, groups: map[string]bool{}, other: map[string]bool{}}
	add := func(name string, k *key) {
		n.keys[name] = k
		if group, _, ok := strings.Cut(name, "."); ok {
			n.groups[group] = true
		}
	}
	for _, k := range keys {
		if k.scope&s != 0 {
			add(k.name, k)
		}
	}
	for alias, name := range aliases {
		if k := n.keys[name]; k != nil {
			add(alias, k)
		}
	}
	for _, name := range other {
		n.other[name] = true
	}
	return n
}
