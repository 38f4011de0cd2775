package front

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// Options configure a front.
type Options struct {
	Endpoint string          // messages.ClientSpec.Endpoint of the sessions opened here
	Limits   messages.Limits // RequestBytes, Depth, SSEKeepalive, CloseTimeout; zero means messages.DefaultLimits

	// WriteTimeout is how long a client may take to accept 64 KiB over HTTP, or
	// 256 KiB of a long result, before its stream counts as closed, ReadTimeout
	// how long it may pause within a request's body. 30 s when zero.
	WriteTimeout, ReadTimeout time.Duration

	// StreamAfter is how long a request of a session over HTTP may go on before
	// its response becomes an event stream, which its client can take up again
	// after a disconnect. 100 ms when zero.
	StreamAfter time.Duration

	// DrainTimeout is how long ServeStdio lets accepted requests finish after
	// the end of its input. limits.CloseTimeout when zero.
	DrainTimeout time.Duration

	// BeforeGreeting is called before ServeStdio sends the answer to initialize
	// for many servers, and may wait for a while. Nil does nothing.
	BeforeGreeting func()

	Logger *slog.Logger // panics of the service; nil discards
}

const (
	patience = 30 * time.Second
	moment   = 100 * time.Millisecond
)

func (o Options) withDefaults() Options {
	limits := messages.DefaultLimits()
	o.Limits.RequestBytes = cmp.Or(o.Limits.RequestBytes, limits.RequestBytes)
	o.Limits.Depth = cmp.Or(o.Limits.Depth, limits.Depth)
	o.Limits.SSEKeepalive = cmp.Or(o.Limits.SSEKeepalive, limits.SSEKeepalive)
	o.Limits.CloseTimeout = cmp.Or(o.Limits.CloseTimeout, limits.CloseTimeout)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, patience)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, patience)
	o.StreamAfter = cmp.Or(o.StreamAfter, moment)
	o.DrainTimeout = cmp.Or(o.DrainTimeout, o.Limits.CloseTimeout)
	if o.BeforeGreeting == nil {
		o.BeforeGreeting = func() {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// endpoint is what the transports share: a service, the client actors, and
// the answers that are the front's own.
type endpoint struct {
	service Service
	relay   Relay // service, if that is one; else nil
	clients Clients
	opts    Options
}

func newEndpoint(service Service, clients Clients, opts Options) *endpoint {
	relay, _ := service.(Relay)
	return &endpoint{service: service, relay: relay, clients: clients, opts: opts.withDefaults()}
}

// request is one request and what is known of its sender.
type request struct {
	msg    jsonrpc.Message
	params mcp.Params // as read; the bytes are in msg
	caller mcp.Caller
	modern bool
	stream func() // answers with an event stream, also when nothing comes before the answer; nil where that is not a choice
	pieces *reply // takes a long result in pieces; nil where it must be whole
}

// The methods that the front answers or refuses itself.
const (
	methodInitialize  = "initialize"
	methodPing        = "ping"
	methodSetLevel    = "logging/setLevel"
	methodDiscover    = "server/discover"
	methodListen      = "subscriptions/listen"
	methodSubscribe   = "resources/subscribe"
	methodUnsubscribe = "resources/unsubscribe"

	noteInitialized  = "notifications/initialized"
	noteCancelled    = "notifications/cancelled"
	noteMessage      = "notifications/message"
	noteAcknowledged = "notifications/subscriptions/acknowledged"
)

// frontsOwn tells whether a method is one that the front answers or refuses
// itself, at least in one era.
func frontsOwn(method string) bool {
	switch method {
	case methodInitialize, methodPing, methodSetLevel, methodDiscover, methodListen, methodSubscribe, methodUnsubscribe:
		return true
	}
	return false
}

// answer answers one request, in its caller's era. initialize of the legacy
// era and subscriptions/listen of the modern one are not for it: they belong
// to the transport, which owns sessions and streams.
func (e *endpoint) answer(ctx context.Context, req request, deliver func(messages.Notification) error) (json.RawMessage, *jsonrpc.Error) {
	// A member that stands twice would let policy read one and the upstream the other.
	if req.params.Twice != nil {
		return nil, req.params.Twice
	}
	switch req.msg.Method {
	case methodInitialize:
		return nil, methodNotFound(req.msg.Method)
	case methodPing:
		if !req.modern {
			return json.RawMessage("{}"), nil
		}
		return nil, methodNotFound(req.msg.Method)
	case methodSetLevel:
		if req.modern {
			return nil, methodNotFound(req.msg.Method)
		}
		if e.relay != nil {
			break
		}
		if level, _ := jsonrpc.GetString(req.msg.Params, "level"); severity(level) < 0 {
			return nil, invalidParams("level must be one of debug, info, notice, warning, error, critical, alert, emergency")
		}
		return json.RawMessage("{}"), nil
	case methodSubscribe, methodUnsubscribe:
		if req.modern {
			return nil, methodNotFound(req.msg.Method)
		}
	case methodDiscover:
		if req.modern {
			return e.discovery(ctx, req, deliver)
		}
		return nil, methodNotFound(req.msg.Method)
	case methodListen:
		if !req.modern {
			return nil, methodNotFound(req.msg.Method)
		}
	}

	result, err := e.serve(ctx, req, deliver)
	if err != nil {
		if req.pieces.took() && ctx.Err() == nil && failureOf(err).Kind != messages.KindCancelled {
			e.opts.Logger.Warn("a result broke off on its way to the client", "method", req.msg.Method, "error", err)
		}
		return nil, errorOf(err, req.modern)
	}
	e.remember(req)
	if req.modern && !req.pieces.took() {
		result = e.completed(ctx, req, result)
	}
	return result, nil
}

// response is the answer to one request: a message that is ready, or a result,
// which may be long and goes out as it is. The zero response is none: there is
// nothing to send, since its client gave it up.
type response struct {
	ready  []byte
	id     jsonrpc.ID
	result json.RawMessage
}

func (r response) none() bool { return r.ready == nil && r.id.IsZero() }

// message is the answer in one piece; nil for none.
func (r response) message() []byte {
	if r.none() {
		return nil
	}
	return r.append(nil)
}

// append appends the answer, which is not none.
func (r response) append(dst []byte) []byte {
	if r.ready != nil {
		return append(dst, r.ready...)
	}
	return jsonrpc.AppendResult(dst, r.id, r.result)
}

// conclude answers one request that its session knows, and forgets it by end.
func (e *endpoint) conclude(ctx context.Context, req request, deliver func(messages.Notification) error, end func()) response {
	defer end() // also when there is a bug
	result, problem := e.answer(ctx, req, deliver)
	return concluded(ctx, req, result, problem, end)
}

// concluded is the response to a request, which end forgets.
func concluded(ctx context.Context, req request, result json.RawMessage, problem *jsonrpc.Error, end func()) response {
	quiet := silent(ctx)
	if problem != nil && ctx.Err() != nil {
		problem = errorOf(context.Cause(ctx), req.modern) // why it was given up, by us
	}
	end() // before the answer goes out: its reader may use the id again at once
	switch {
	case quiet:
		return response{}
	case problem != nil:
		return response{ready: jsonrpc.AppendError(nil, req.msg.ID, problem)}
	}
	return response{id: req.msg.ID, result: result}
}

// serve asks the service. A panic in it is a bug that costs this request only.
func (e *endpoint) serve(ctx context.Context, req request, deliver func(messages.Notification) error) (result json.RawMessage, err error) {
	defer func() {
		if v := recover(); v != nil {
			e.opts.Logger.Error("a request panicked", "method", req.msg.Method, "panic", v, "stack", string(debug.Stack()))
			err = internal("this is a bug in mcpx, see its log")
		}
	}()
	params := req.msg.Params
	pieces := req.pieces
	if e.relay == nil { // else they are the upstream's, byte for byte, as is the result
		pieces = nil
		params = mcp.StripMeta(params)
	}
	return e.service.Serve(ctx, mcp.Request{
		Caller: req.caller,
		Request: messages.Request{
			Method:        req.msg.Method,
			Name:          req.params.Name,
			Params:        params,
			ProgressToken: req.params.Meta.ProgressToken,
			LogLevel:      req.params.Meta.LogLevel,
		},
	}, &sink{ctx: ctx, modern: req.modern, level: severity(req.params.Meta.LogLevel), deliver: deliver, stream: req.stream, id: req.msg.ID, pieces: pieces})
}

// sink hands a request's notifications to its stream.
type sink struct {
	ctx     context.Context
	modern  bool
	level   int // modern: the least severity asked for, -1 for none
	deliver func(messages.Notification) error
	stream  func()
	id      jsonrpc.ID
	pieces  *reply
}

// Stream makes the answer an event stream.
func (s *sink) Stream() {
	if s.stream != nil {
		s.stream()
	}
}

// Notify delivers n. After a cancellation nothing more is sent for a request
// (2026-07-28, stdio: cancellation); a modern caller gets log messages only
// at the level it asked for with this request (logging).
func (s *sink) Notify(n messages.Notification) error {
	if n.Reply != nil && (s.modern || s.ctx.Err() != nil) {
		n.Reply(messages.Answer{}) // a modern client is asked by a result, and one that gave up not at all
		return nil
	}
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	if s.modern && n.Method == noteMessage {
		level, _ := jsonrpc.GetString(n.Params, "level")
		if s.level < 0 || severity(level) < s.level {
			return nil
		}
	}
	return s.deliver(n)
}

// severities are the log levels, least severe first (RFC 5424).
var severities = []string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}

// severity ranks a log level, -1 for what is none.
func severity(level string) int { return slices.Index(severities, level) }

// initializeResult is our answer to initialize (2025-11-25, lifecycle).
func (e *endpoint) initializeResult(caller mcp.Caller, d mcp.Description) json.RawMessage {
	return object(
		"protocolVersion", jsonrpc.Quote(caller.Protocol),
		"capabilities", orEmpty(d.Capabilities),
		"serverInfo", orEmpty(d.Info),
		"instructions", text(d.Instructions),
	)
}

// discover is our answer to server/discover (2026-07-28, server/discover).
func (e *endpoint) discover(d mcp.Description, versions []string) json.RawMessage {
	result := object(
		"supportedVersions", marshal(versions),
		"capabilities", orEmpty(d.Capabilities),
		"instructions", text(d.Instructions),
	)
	return mcp.CompleteResult(methodDiscover, result, d.Info)
}

// hello is what initialize says of a client.
type hello struct {
	asked        string // the version it asked for
	protocol     string // as negotiated
	capabilities json.RawMessage
	info         json.RawMessage
	params       json.RawMessage // all that it says
}

func readInitialize(params json.RawMessage) (hello, *jsonrpc.Error) {
	requested, ok := jsonrpc.GetString(params, "protocolVersion")
	if !ok {
		return hello{}, invalidParams("initialize needs a protocolVersion, such as %q", mcp.LatestLegacy)
	}
	capabilities, _ := jsonrpc.Get(params, "capabilities")
	info, _ := jsonrpc.Get(params, "clientInfo")
	return hello{asked: requested, protocol: mcp.NegotiateLegacy(requested), capabilities: capabilities, info: info, params: params}, nil
}

// caller is who says hello.
func (h hello) caller(p messages.Principal, client messages.ClientID) mcp.Caller {
	return mcp.Caller{Principal: p, Client: client, Protocol: h.protocol, Capabilities: h.capabilities, Info: h.info, Asked: h.asked, Hello: h.params}
}

// checkModern validates what every modern request must carry (2026-07-28,
// basic: _meta; streamable-http: server validation). h is nil on stdio, which
// has no headers.
func checkModern(req request, h http.Header) *jsonrpc.Error {
	meta := req.params.Meta
	if meta.ProtocolVersion == "" {
		return invalidParams("params._meta must name the protocol version as %q", mcp.MetaProtocolVersion)
	}
	// A version that is not spoken here comes before everything that this
	// version's rules would demand; but only if the header does not disagree.
	agree := h == nil || mcp.VersionHeader(h) == meta.ProtocolVersion
	if agree && !(mcp.Known(meta.ProtocolVersion) && mcp.IsModern(meta.ProtocolVersion)) {
		return unsupportedVersion(meta.ProtocolVersion)
	}
	if len(meta.ClientCapabilities) == 0 || meta.ClientCapabilities[0] != '{' {
		return invalidParams("params._meta must hold the client's capabilities, an object, as %q", mcp.MetaClientCapabilities)
	}
	if h != nil {
		if err := mcp.CheckHeaders(h, req.msg, req.params); err != nil {
			return err
		}
	}
	if meta.HasLogLevel && severity(meta.LogLevel) < 0 {
		level, _ := jsonrpc.Get(req.msg.Params, "_meta", mcp.MetaLogLevel)
		return invalidParams("%s is no log level", level)
	}
	return nil
}

// silent tells whether a request whose context ended gets no answer: its
// client gave it up. Any other cause is a failure to be told.
func silent(ctx context.Context) bool {
	if ctx.Err() == nil {
		return false
	}
	var f *messages.Failure
	return !errors.As(context.Cause(ctx), &f) || f.Kind == messages.KindCancelled
}

// cancelledID reads which request a notifications/cancelled names. Malformed
// ones are ignored (2025-11-25, cancellation: error handling).
func cancelledID(params json.RawMessage) (id jsonrpc.ID, reason string, ok bool) {
	raw, _ := jsonrpc.Get(params, "requestId")
	id, err := jsonrpc.ParseID(raw)
	reason, _ = jsonrpc.GetString(params, "reason")
	return id, reason, err == nil
}
