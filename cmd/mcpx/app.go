package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/config"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/dial"
	"github.com/mcpx/mcpx/transport/front"
	"github.com/mcpx/mcpx/transport/gatewaytools"
	"github.com/mcpx/mcpx/transport/httpd"
	"github.com/mcpx/mcpx/transport/relay"
	"github.com/mcpx/mcpx/transport/rest"
	"github.com/mcpx/mcpx/transport/telemetry"
	"github.com/rs/zerolog"
)

// portsTried is how many ports are tried when the default one is taken.
const portsTried = 100

// shutdownGrace is what the listener gets beyond limits.close_timeout, within
// which everybody is answered: it only has to write the last answers.
const shutdownGrace = time.Second

// app is the program: the runtime, what logs its events, and, for serve, the
// listener in front of it. It is a value, so that tests boot the real thing.
type app struct {
	cfg      loaded
	log      zerolog.Logger
	unfollow func()
	dialer   *dial.Dialer
	started  <-chan struct{} // closed when each server's process has been started, or could not be; nil before Start
	runtime  *actors.Runtime
	service  front.Service
	sealer   *relay.Sealer // of what clients carry back to servers

	listener *httpd.Server // nil until Listen
	rest     *rest.Handler // the same
	failed   chan error    // gets what ends the listener before Stop
	stopOnce sync.Once
}

// newApp prepares a program that logs to logs. Nothing is started yet.
func newApp(cfg loaded, logs io.Writer) *app {
	level, _ := telemetry.Level(cfg.LogLevel)
	if cfg.quiet {
		level = zerolog.Disabled
	}
	log := telemetry.NewLogger(logs, level, cfg.LogFormat)
	dialer := dial.New(implementation())
	runtime := actors.New(actors.Options{
		Dialer: dialer,
		Limits: cfg.Limits,
		Logger: telemetry.Slog(log, "actors"),
	})
	return &app{
		cfg: cfg, log: log, dialer: dialer, runtime: runtime,
		unfollow: telemetry.Follow(runtime, log),
		service:  newService(runtime, cfg.Config),
		sealer:   relay.NewSealer(cfg.StateKeyBytes(), cfg.Limits.ParkedFor),
		failed:   make(chan error, 1),
	}
}

// newService returns what stands behind the compact endpoint.
func newService(runtime *actors.Runtime, cfg *config.Config) front.Service {
	return gatewaytools.New(runtime, gatewaytools.Options{
		Version:                  version,
		Profile:                  cfg.Profile,
		TypeScript:               cfg.SchemaCompression,
		TOON:                     cfg.TOONCompression,
		TOONMinSize:              cfg.TOONMinSize,
		IncludeStructuredContent: cfg.IncludeStructuredContent,
	})
}

// Start starts the given servers, all at once, and waits for none of them.
func (a *app) Start(ctx context.Context, servers []messages.ServerSpec) error {
	a.started = a.dialer.Prepare(servers) // first: processes take time, and the other processors have nothing to do
	a.sayProblems(a.cfg.problems)
	_, err := a.runtime.Apply(ctx, servers)
	return err
}

// sayProblems logs what is wrong with the configuration.
func (a *app) sayProblems(problems config.Problems) {
	for _, p := range problems {
		level := zerolog.ErrorLevel
		if p.Severity == config.SeverityWarning {
			level = zerolog.WarnLevel
		}
		e := a.log.WithLevel(level)
		if p.Server != "" {
			e = e.Str("server", p.Server)
		}
		e.Msg(p.String())
	}
}

// Listen binds the configured address and serves everything there: the compact
// tools, each server as it is, and every tool as an OpenAPI endpoint. What ends
// the listener before Stop comes out of a.failed.
func (a *app) Listen() error {
	listener, err := a.bind()
	if err != nil {
		return err
	}
	opts := front.Options{Limits: a.cfg.Limits, Logger: telemetry.Slog(a.log, "front")}
	listener.Handle("/mcp", front.NewHTTP(a.service, a.runtime, opts))
	listener.Handle("/mcp/{server}", a.transparent(opts))
	sse := front.NewSSE(a.service, a.runtime, "/messages", opts)
	listener.Handle("GET /sse", sse)
	listener.Handle("POST /messages", sse)
	each := a.transparentSSE(opts)
	listener.Handle("GET /sse/{server}", each)
	listener.Handle("POST /messages/{server}", each)
	listener.HandlePublic("GET /healthz", http.HandlerFunc(a.healthz))
	a.rest = rest.New(a.runtime, a.endpoints(listener))
	listener.Fallback(a.rest)
	a.listener = listener
	go func() { a.failed <- listener.Serve() }()
	return nil
}

// endpoints are the options of the OpenAPI service.
func (a *app) endpoints(listener *httpd.Server) rest.Options {
	opts := rest.Options{
		Prefix:       a.cfg.PathPrefix,
		RootPath:     a.cfg.RootPath,
		Title:        a.cfg.Document.Name,
		Description:  a.cfg.Document.Description,
		Version:      a.cfg.Document.Version,
		Authenticate: listener.Authenticate,
		StrictAuth:   a.cfg.StrictAuth,
		Limits:       a.cfg.Limits,
		Logger:       telemetry.Slog(a.log, "rest"),
	}
	if a.cfg.single {
		opts.Single = a.cfg.Servers[0].Name
	}
	return opts
}

// bind listens on the configured port. The default one, when it is taken,
// gives way to the next that is free; one that somebody asked for does not.
func (a *app) bind() (*httpd.Server, error) {
	for port := a.cfg.Port; ; port++ {
		listener, err := httpd.New(httpd.Options{
			Addr:              net.JoinHostPort(a.cfg.Host, strconv.Itoa(port)),
			Keys:              a.cfg.APIKeys,
			Insecure:          a.cfg.Insecure,
			AllowedHosts:      a.cfg.AllowedHosts,
			AllowedOrigins:    a.cfg.AllowedOrigins,
			TLSCert:           a.cfg.TLSCertFile,
			TLSKey:            a.cfg.TLSKeyFile,
			Requests:          a.cfg.Limits.HTTPRequests,
			HeaderBytes:       a.cfg.Limits.HeaderBytes,
			ReadHeaderTimeout: a.cfg.Limits.ReadHeaderTimeout,
			Logger:            telemetry.Slog(a.log, "http"),
		})
		var taken *httpd.PortInUseError
		if errors.As(err, &taken) && !a.cfg.PortGiven && port+1 < a.cfg.Port+portsTried {
			continue
		}
		if err == nil && port != a.cfg.Port {
			a.log.Warn().Msgf("Port %d is occupied, using port %d instead", a.cfg.Port, port)
		}
		return listener, err
	}
}

// Addr returns the bound address; nil before Listen.
func (a *app) Addr() net.Addr {
	if a.listener == nil {
		return nil
	}
	return a.listener.Addr()
}

// URL returns where the compact tools are.
func (a *app) URL() string { return a.listener.URL() + "/mcp" }

// healthz says that the process lives and how many of its servers are
// connected; it names none of them, since it asks for no key.
func (a *app) healthz(w http.ResponseWriter, _ *http.Request) {
	body, _ := json.Marshal(struct { // plain fields cannot fail
		Status    string `json:"status"`
		Version   string `json:"version"`
		Servers   int    `json:"servers"`
		Connected int    `json:"connected"`
	}{"ok", version, len(a.runtime.Statuses()), a.runtime.Connected()})
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n'))
}

// Stop accepts nothing new, lets what runs finish within limits.close_timeout,
// and leaves nothing behind. Later calls do nothing.
func (a *app) Stop() {
	a.stopOnce.Do(func() {
		var wg sync.WaitGroup
		if a.listener != nil {
			ctx, cancel := context.WithTimeout(context.Background(), a.cfg.Limits.CloseTimeout+shutdownGrace)
			defer cancel()
			wg.Go(func() {
				if err := a.listener.Shutdown(ctx); err != nil {
					a.log.Warn().Err(err).Msg("Stopping to listen")
				}
			})
		}
		a.runtime.Close()
		a.dialer.Close()
		wg.Wait()
		if a.rest != nil {
			a.rest.Close()
		}
		a.unfollow()
	})
}

// only keeps the server of that name and lets it fail at its first attempt:
// somebody waits at a prompt.
func only(servers []messages.ServerSpec, name string) []messages.ServerSpec {
	var kept []messages.ServerSpec
	for _, s := range servers {
		if name == "" || s.Name == name {
			s.Policy.RetryAttempts = 1
			kept = append(kept, s)
		}
	}
	return kept
}

// names returns the names of servers.
func names(servers []messages.ServerSpec) []string {
	list := make([]string, len(servers))
	for i := range servers {
		list[i] = servers[i].Name
	}
	return list
}

// unknownServer says that there is no server of that name, and which there are.
func unknownServer(name string, servers []messages.ServerSpec) error {
	return fmt.Errorf("there is no server %q; there are: %s", name, quoted(names(servers)))
}
