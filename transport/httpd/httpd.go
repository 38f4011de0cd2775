// Package httpd is the listener: it binds the address, checks Host, Origin and
// API key of every request before anything else sees it, and routes what
// passes. It knows nothing of MCP.
package httpd

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/mcpx/mcpx/messages"
)

// idleTimeout closes connections that a client keeps open without a request.
const idleTimeout = 2 * time.Minute

// Options configure a Server.
type Options struct {
	Addr string // "127.0.0.1:8080", ":8080", "localhost:0"

	// Keys are the API keys by the name of their holder. With at least one,
	// every route but the public ones demands "Authorization: Bearer KEY".
	Keys map[string]string

	// Insecure permits an address beyond loopback without a key.
	Insecure bool

	// AllowedHosts are accepted in the Host header beside the loopback names
	// and the bound address: "gate.example.com", with ":port" for that port
	// only, "*" for every host.
	AllowedHosts []string

	// AllowedOrigins are web origins whose pages may use the server:
	// "https://app.example.com", or "*" for all.
	AllowedOrigins []string

	TLSCert, TLSKey string // PEM files; both or neither

	Requests          int           // limits.http_requests; 0 for the default
	HeaderBytes       int           // limits.header_bytes; 0 for the default
	ReadHeaderTimeout time.Duration // 0 for the default

	Logger *slog.Logger // broken connections and panics of handlers; nil discards
}

// PortInUseError says that another program listens on the address.
type PortInUseError struct {
	Addr string
	Err  error
}

// Error says what to do.
func (e *PortInUseError) Error() string {
	return fmt.Sprintf("cannot listen on %s: another program uses that port; stop it or choose another port", e.Addr)
}

// Unwrap returns the system's error.
func (e *PortInUseError) Unwrap() error { return e.Err }

// InsecureError says that an address was refused because everybody who reaches
// it could use every server.
type InsecureError struct{ Addr string }

// Error says what to do.
func (e *InsecureError) Error() string {
	return fmt.Sprintf("refusing to listen on %s without an API key: it is reachable from other machines. "+
		"Give --api-key KEY (or api_keys in the configuration), listen on 127.0.0.1, or pass --insecure if that is what you want", e.Addr)
}

// Server is a bound listener and the routes behind it. Register routes with
// Handle, HandlePublic and Fallback, and only then Serve.
type Server struct {
	listener net.Listener
	http     *http.Server
	secure   bool
	routes   *routes
}

// New binds the address. Requests wait in the kernel's queue until Serve. The
// error is a *PortInUseError, an *InsecureError, or says what is wrong with the options.
func New(opts Options) (*Server, error) {
	keys, err := hashKeys(opts.Keys)
	if err != nil {
		return nil, err
	}
	addr, err := net.ResolveTCPAddr("tcp", opts.Addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %q: %w", opts.Addr, err)
	}
	if !addr.IP.IsLoopback() && len(keys) == 0 && !opts.Insecure {
		return nil, &InsecureError{Addr: opts.Addr}
	}
	origins, err := parseOrigins(opts.AllowedOrigins)
	if err != nil {
		return nil, err
	}
	config, err := loadTLS(opts.TLSCert, opts.TLSKey)
	if err != nil {
		return nil, err
	}
	listener, err := net.ListenTCP("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, &PortInUseError{Addr: opts.Addr, Err: err}
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("cannot listen on %s: ports below 1024 need special rights; choose a higher one: %w", opts.Addr, err)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s: %w", opts.Addr, err)
	}

	logger := opts.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	limits := messages.DefaultLimits()
	s := &Server{
		listener: listener,
		secure:   config != nil,
		routes:   newRoutes(keys, cmp.Or(opts.Requests, limits.HTTPRequests)),
	}
	s.http = &http.Server{
		Handler:           &guard{hosts: parseHosts(opts.AllowedHosts, addr), origins: origins, next: s.routes},
		ReadHeaderTimeout: cmp.Or(opts.ReadHeaderTimeout, limits.ReadHeaderTimeout),
		MaxHeaderBytes:    cmp.Or(opts.HeaderBytes, limits.HeaderBytes),
		IdleTimeout:       idleTimeout,
		ConnContext:       withConn,
		TLSConfig:         config,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	return s, nil
}

func loadTLS(cert, key string) (*tls.Config, error) {
	switch {
	case cert == "" && key == "":
		return nil, nil
	case cert == "" || key == "":
		return nil, errors.New("TLS needs both a certificate file and a key file; only one is set")
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("cannot read the TLS files %s and %s: %w", cert, key, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// Addr returns the bound address, with the port that port 0 became.
func (s *Server) Addr() *net.TCPAddr { return s.listener.Addr().(*net.TCPAddr) }

// URL returns what a client on this machine puts before a path:
// "http://127.0.0.1:8080".
func (s *Server) URL() string {
	scheme := "http"
	if s.secure {
		scheme = "https"
	}
	addr := *s.Addr()
	if addr.IP.IsUnspecified() {
		addr.IP = net.IPv4(127, 0, 0, 1)
	}
	return scheme + "://" + addr.String()
}

// Handle routes a pattern of http.ServeMux to h, behind the API keys if there
// are any. The request's context carries the principal (messages.PrincipalFrom).
func (s *Server) Handle(pattern string, h http.Handler) { s.routes.handle(pattern, h, false) }

// HandlePublic routes a pattern to h for callers with and without a key.
func (s *Server) HandlePublic(pattern string, h http.Handler) { s.routes.handle(pattern, h, true) }

// Fallback serves every path that no pattern matches. It is asked before any
// key is demanded and is left to do that itself, with Authenticate. A path that
// has a pattern, but not for the method of the request, is refused as ever.
func (s *Server) Fallback(h http.Handler) { s.routes.fallback = h }

// Authenticate names the holder of the key in an Authorization header: "Bearer
// KEY", or Basic with the key as password. status is 0 where the caller may
// pass (everybody, where there are no keys), 401 where there is no credential of
// either form, and 403 where nobody holds the key.
func (s *Server) Authenticate(authorization string) (p messages.Principal, status int) {
	if len(s.routes.keys) == 0 {
		return messages.Anonymous, 0
	}
	key, ok := credential(authorization)
	if !ok {
		return messages.Anonymous, http.StatusUnauthorized
	}
	p, known := holder(s.routes.keys, key)
	if !known {
		return messages.Anonymous, http.StatusForbidden
	}
	return p, 0
}

// Serve accepts requests until Shutdown, and then returns nil at once. It must
// be called once.
func (s *Server) Serve() error {
	var err error
	if s.secure {
		err = s.http.ServeTLS(listener{s.listener}, "", "")
	} else {
		err = s.http.Serve(listener{s.listener})
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("the listener on %s failed: %w", s.Addr(), err)
}

// Shutdown stops accepting at once, lets requests in flight finish until ctx
// ends, and then closes their connections. When it returns nil, no handler
// runs any more. It returns ctx's error when it had to use force; a handler
// that does not heed the end of its request may then still be at work.
// Streams end when those behind them end them: close the runtime before, or at
// the same time.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close()
	}
	_ = s.listener.Close() // Serve may never have been called
	if err != nil {
		return fmt.Errorf("open connections were closed by force: %w", err)
	}
	return nil
}
