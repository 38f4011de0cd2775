package telemetry

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/rs/zerolog"
)

// toolsShown bounds the names in one line; a server may offer thousands.
const toolsShown = 50

// renderer turns events into lines. names remembers how the connection of a
// server is called, for events that do not repeat it; it decides nothing.
type renderer struct {
	log   zerolog.Logger
	names sync.Map // server -> connection name
}

func (r *renderer) render(e messages.Event) {
	switch e := e.(type) {
	case messages.Connecting:
		r.names.Store(e.Server, e.Connection)
		r.of(zerolog.InfoLevel, e.Server).Msgf("Connecting to %s (attempt %d/%d)", target(e.Connection), e.Attempt, e.Of)
	case messages.ConnectFailed:
		r.of(zerolog.WarnLevel, e.Server).Msgf("Connecting to %s failed (attempt %d/%d): %s",
			target(e.Connection), e.Attempt, e.Of, clean(e.Reason))
		if e.Wait > 0 {
			r.of(zerolog.InfoLevel, e.Server).Msgf("Waiting %s before the next attempt", seconds(e.Wait))
		}
	case messages.ProcessStarted:
		r.of(zerolog.DebugLevel, e.Server).Int("pid", e.Pid).Str("at", e.At.UTC().Format(time.RFC3339Nano)).Msg("Process started")
	case messages.Connected:
		r.connected(e)
	case messages.CatalogChanged:
		r.catalogChanged(e)
	case messages.EndpointsCreated:
		r.of(zerolog.InfoLevel, e.Server).Msgf("Created %d endpoints for %s", e.Count, clean(r.name(e.Server)))
	case messages.EndpointHidden:
		r.endpointHidden(e)
	case messages.DirectoryChanged:
		r.log.Debug().Uint64("version", e.Version).Msg("Directory changed")
	case messages.StateChanged:
		r.stateChanged(e)
	case messages.LinkLost:
		reason := "Connection lost"
		if e.Reason != "" {
			reason += ": " + e.Reason
		}
		r.of(zerolog.WarnLevel, e.Server).Msgf("Health check of %s failed: %s", clean(e.Connection), clean(reason))
	case messages.HealthCheckFailed:
		r.of(zerolog.WarnLevel, e.Server).Msgf("Health check of %s failed: %s", clean(e.Connection), clean(e.Reason))
	case messages.HealthChanged:
		r.healthChanged(e)
	case messages.BreakerChanged:
		r.breakerChanged(e)
	case messages.CallRetried:
		r.of(zerolog.WarnLevel, e.Server).Msgf("Repeating %s %s: %s", clean(e.Method), clean(e.Name), clean(e.Reason))
	case messages.SessionCloseFailed:
		r.of(zerolog.DebugLevel, e.Server).Msgf("Closing a session of %s failed: %s", clean(e.Connection), clean(e.Err))
	case messages.PoolGrowthFailed:
		r.of(zerolog.WarnLevel, e.Server).Msgf("Opening a further session of %s failed: %s; next attempt in %s",
			clean(e.Connection), clean(e.Reason), seconds(e.Wait))
	case messages.AlreadyConnected:
		r.of(zerolog.WarnLevel, e.Server).Msgf("Already connected to server %s", clean(e.Server))
	case messages.Disconnected:
		r.names.Delete(e.Server)
		if e.Err != "" {
			r.of(zerolog.ErrorLevel, e.Server).Msgf("Closing the connection to MCP server %s failed: %s", clean(e.Server), clean(e.Err))
		}
		r.of(zerolog.InfoLevel, e.Server).Msgf("Disconnected from MCP server %s", clean(e.Server))
	case messages.NotConnected:
		r.of(zerolog.WarnLevel, e.Server).Msgf("Not connected to server %s", clean(e.Server))
	case messages.ClosingAll:
		r.log.Info().Msg("Closing all MCP connections")
	case messages.ClosedAll:
		for _, server := range slices.Sorted(maps.Keys(e.Report.Errors)) {
			r.of(zerolog.ErrorLevel, server).Msgf("Closing the connection to MCP server %s failed: %s",
				clean(server), clean(e.Report.Errors[server]))
		}
		r.names.Clear()
		r.log.Info().Int("closed_count", e.Report.Closed).Msg("All MCP connections closed and resources cleaned up")
	case messages.ActorRestarted:
		r.log.Error().Str("actor", clean(e.Path)).Str("reason", clean(e.Reason)).Msg("An actor crashed and was restarted; this is a bug in mcpx")
	case messages.ActorStopped:
		r.log.Error().Str("actor", clean(e.Path)).Str("reason", clean(e.Reason)).Msg("An actor crashed and was stopped; this is a bug in mcpx")
	case messages.StderrLine:
		r.of(zerolog.InfoLevel, e.Server).Msgf("stderr: %s", clean(e.Line))
	case messages.ServerLog:
		r.of(logLevel(e.Level), e.Server).Msgf("log: %s", clean(e.Text))
	case messages.NotificationsDropped:
		r.log.Warn().Str("client", short(e.Client)).Int("count", e.Count).
			Msg("A client reads too slowly; its oldest notifications were dropped")
	}
}

func (r *renderer) connected(e messages.Connected) {
	r.names.Store(e.Server, e.Connection)
	r.of(zerolog.InfoLevel, e.Server).Msg("Connected")
	r.of(zerolog.InfoLevel, e.Server).Str("protocol", clean(e.Peer.Protocol)).Msgf("Initializing session of %s", clean(e.Connection))
	if e.Peer.Name != "" {
		info := e.Peer.Name
		if v := strings.TrimPrefix(e.Peer.Version, "v"); v != "" {
			info += " v" + v
		}
		r.of(zerolog.InfoLevel, e.Server).Msgf("Server info: %s", clean(info))
	}
	r.of(zerolog.InfoLevel, e.Server).Msgf("Fetching tools of %s", clean(e.Connection))
}

func (r *renderer) catalogChanged(e messages.CatalogChanged) {
	names, more := e.Tools, ""
	if len(names) > toolsShown {
		names, more = names[:toolsShown], fmt.Sprintf(", and %d more", len(names)-toolsShown)
	}
	r.of(zerolog.InfoLevel, e.Server).Msgf("Found %d tools: [%s%s]", len(e.Tools), clean(strings.Join(names, ", ")), more)
	if e.Cut {
		r.of(zerolog.WarnLevel, e.Server).Msgf("The lists of %s are longer than the limits allow and were cut", clean(e.Connection))
	}
}

func (r *renderer) stateChanged(e messages.StateChanged) {
	name := r.name(e.Server)
	switch e.New {
	case messages.StateConnected:
		r.of(zerolog.InfoLevel, e.Server).Msgf("Registered connection %s", clean(name))
	case messages.StateError:
		r.of(zerolog.ErrorLevel, e.Server).Str("reason", clean(e.Reason)).Msgf("Connection %s became unhealthy", clean(name))
	case messages.StateConnecting, messages.StateDisconnected:
		r.of(zerolog.DebugLevel, e.Server).Str("reason", clean(e.Reason)).Msgf("State changed from %s to %s", e.Old, e.New)
	}
}

// name returns how the connection of a server is called.
func (r *renderer) name(server string) string {
	if known, ok := r.names.Load(server); ok {
		return known.(string)
	}
	return server
}

func (r *renderer) endpointHidden(e messages.EndpointHidden) {
	switch {
	case e.Tool == "":
		r.of(zerolog.WarnLevel, e.Server).Msgf("The name of server %s is a path of mcpx itself: it is served over MCP, but not as HTTP endpoints", clean(e.Server))
	case e.Path == "":
		r.of(zerolog.WarnLevel, e.Server).Msgf("The name of tool %s is a path of mcpx itself: it is served over MCP, but not as an HTTP endpoint", clean(e.Tool))
	default:
		r.of(zerolog.WarnLevel, e.Server).Msgf("The name of tool %s is a path of mcpx itself: its endpoint is %s only", clean(e.Tool), clean(e.Path))
	}
}

func (r *renderer) breakerChanged(e messages.BreakerChanged) {
	switch e.New {
	case messages.BreakerOpen:
		r.of(zerolog.WarnLevel, e.Server).Msgf("Refusing calls of %s for %s after %d failures in a row", clean(e.Server), seconds(e.OpenFor), e.Failures)
	case messages.BreakerHalfOpen:
		r.of(zerolog.InfoLevel, e.Server).Msgf("Letting one call of %s try", clean(e.Server))
	case messages.BreakerClosed:
		r.of(zerolog.InfoLevel, e.Server).Msgf("Calls of %s pass again", clean(e.Server))
	}
}

func (r *renderer) healthChanged(e messages.HealthChanged) {
	if e.New == messages.Unhealthy && e.State == messages.StateConnected {
		r.of(zerolog.ErrorLevel, e.Server).Str("reason", clean(e.Reason)).Msgf("Connection %s became unhealthy", clean(e.Connection))
		return
	}
	r.of(zerolog.DebugLevel, e.Server).Str("reason", clean(e.Reason)).Msgf("Health changed from %s to %s", e.Old, e.New)
}

func (r *renderer) of(level zerolog.Level, server string) *zerolog.Event {
	return r.log.WithLevel(level).Str("server", clean(server))
}

// target renders a connection name as the place it leads to:
// "SSE-http://x/sse" is "SSE MCP Server (http://x/sse)".
func target(connection string) string {
	kind, place, ok := strings.Cut(connection, "-")
	if !ok {
		return fmt.Sprintf("MCP Server (%s)", clean(connection))
	}
	return fmt.Sprintf("%s MCP Server (%s)", clean(kind), clean(place))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// logLevel maps the eight levels of MCP (RFC 5424) to ours.
func logLevel(level string) zerolog.Level {
	switch level {
	case "debug":
		return zerolog.DebugLevel
	case "warning":
		return zerolog.WarnLevel
	case "error", "critical", "alert", "emergency":
		return zerolog.ErrorLevel
	}
	return zerolog.InfoLevel
}

// short keeps of a client's id what tells clients apart in a log; the whole
// would let a reader of the log use the session.
func short(id messages.ClientID) string {
	if len(id) <= 8 {
		return clean(string(id))
	}
	return clean(string(id[:8])) + "…"
}
