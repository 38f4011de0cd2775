package rest

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/schema"
)

// Options configure the endpoints. The zero value serves everybody below "/".
type Options struct {
	Prefix   string // path below which the endpoints are, "/api/"; empty: "/"
	RootPath string // path below which a reverse proxy shows them, "/x/y"; they answer there, too
	Single   string // the server whose paths also work without its name; empty for none

	// Title, Description and Version of documents; empty: what the upstream says of itself.
	Title, Description, Version string

	// Authenticate names the principal of an Authorization header. status is 0
	// where the caller may pass, else 401 (no credential) or 403 (a wrong one).
	// Where a caller without one may pass there are no keys. nil: the same.
	Authenticate func(authorization string) (p messages.Principal, status int)
	// StrictAuth demands a key for documents, their pages and health as well.
	StrictAuth bool

	Limits messages.Limits // RequestBytes, Depth, SSEKeepalive; zero means messages.DefaultLimits

	// WriteTimeout is how long a client may take to accept 64 KiB before it
	// counts as gone, ReadTimeout how long it may pause within a body. 30 s when zero.
	WriteTimeout, ReadTimeout time.Duration

	Logger *slog.Logger // panics; nil discards
}

const patience = 30 * time.Second

func (o Options) withDefaults() Options {
	limits := messages.DefaultLimits()
	o.Limits.RequestBytes = cmp.Or(o.Limits.RequestBytes, limits.RequestBytes)
	o.Limits.Depth = cmp.Or(o.Limits.Depth, limits.Depth)
	o.Limits.SSEKeepalive = cmp.Or(o.Limits.SSEKeepalive, limits.SSEKeepalive)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, patience)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, patience)
	o.Prefix = "/" + strings.Trim(o.Prefix, "/") + "/"
	if o.Prefix == "//" {
		o.Prefix = "/"
	}
	o.RootPath = strings.TrimRight(o.RootPath, "/")
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Handler serves the endpoints over a Door. It keeps caches and nothing else.
type Handler struct {
	door    Door
	opts    Options
	prefix  string // as it stands in an escaped path
	root    string
	keyed   bool // there are keys
	schemas schema.Cache
	docs    documents
	assets  http.Handler
	crier   *crier
}

// New returns the endpoints of door. It expects that Host and Origin were
// checked before it. Close ends its subscription to events.
func New(door Door, opts Options) *Handler {
	h := &Handler{door: door, opts: opts.withDefaults(), assets: newAssets()}
	h.prefix = escapedPath(h.opts.Prefix)
	h.root = escapedPath(h.opts.RootPath)
	if h.opts.Authenticate != nil {
		_, refused := h.opts.Authenticate("")
		h.keyed = refused != 0
	}
	h.crier = h.cry()
	return h
}

func escapedPath(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// Close ends what New began. Requests in flight go on.
func (h *Handler) Close() { h.crier.end() }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rep := newReply(w, r, &h.opts)
	// Whatever happens, the keep-alive timer must not outlive the handler.
	defer rep.end()
	defer func() {
		if v := recover(); v != nil {
			h.opts.Logger.Error("a request panicked", "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
			rep.answer(refusal(http.StatusInternalServerError, "internal error: this is a bug in mcpx, see its log"))
		}
	}()
	at := h.find(r.URL.EscapedPath())
	principal, status := h.authenticate(r)
	if status != 0 && (h.opts.StrictAuth || !at.page.public() || !reads(r.Method)) {
		rep.answer(denied(status))
		return
	}
	h.serve(rep, &request{Request: r, principal: principal, place: at})
}

// request is one request, of whom, and what it is about.
type request struct {
	*http.Request
	principal messages.Principal
	place
}

// authenticate names who asks. A caller without a right key is the anonymous one.
func (h *Handler) authenticate(r *http.Request) (p messages.Principal, status int) {
	if h.opts.Authenticate == nil {
		return messages.Anonymous, 0
	}
	p, status = h.opts.Authenticate(r.Header.Get("Authorization"))
	if status != 0 {
		p = messages.Anonymous
	}
	return p, status
}

// denied are the refusals of mcpo, word for word.
func denied(status int) answer {
	if status == http.StatusForbidden {
		return answer{status: status, body: []byte(`{"detail":"Invalid API key"}`)}
	}
	a := answer{status: http.StatusUnauthorized, body: []byte(`{"detail":"Missing or invalid Authorization header"}`)}
	return a.with("WWW-Authenticate", "Bearer").with("WWW-Authenticate", `Basic realm="mcpx"`)
}

func reads(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// serve answers a request that may be made.
func (h *Handler) serve(rep *reply, r *request) {
	switch {
	case r.wrong != nil:
		rep.answer(h.failed(r.wrong))
	case reads(r.Method) && r.page != noPage:
		h.read(rep, r)
	case r.Method == http.MethodPost && r.prompt != "":
		h.getPrompt(rep, r)
	case r.Method == http.MethodPost && r.tool != "":
		h.callTool(rep, r)
	default:
		rep.answer(h.wrongMethod(r))
	}
}

// read answers what can be read.
func (h *Handler) read(rep *reply, r *request) {
	switch r.page {
	case assetPage:
		h.asset(rep, r)
	case docsPage:
		h.docsPage(rep, r)
	case documentPage:
		h.document(rep, r)
	case healthPage:
		h.health(rep, r)
	case resourcesPage:
		h.listResources(rep, r)
	case resourcePage:
		h.readResource(rep, r)
	case noPage:
	}
}
