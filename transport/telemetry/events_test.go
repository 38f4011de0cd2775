package telemetry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/rs/zerolog"
)

const sse = "SSE-http://127.0.0.1:8001/sse"

func manyTools(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("t%d", i)
	}
	return names
}

// renderings are all events and the lines they make: level, server in
// brackets, text, other fields.
var renderings = []struct {
	name  string
	event messages.Event
	want  []string
}{
	{"a process", messages.ProcessStarted{Server: "s", Pid: 7, At: time.Unix(3, 21)}, []string{"debug [s] Process started at=1970-01-01T00:00:03.000000021Z pid=7"}},
	{"an attempt over SSE", messages.Connecting{Server: "s", Connection: sse, Transport: messages.TransportSSE, Attempt: 1, Of: 3},
		[]string{"info [s] Connecting to SSE MCP Server (http://127.0.0.1:8001/sse) (attempt 1/3)"}},
	{"an attempt over stdio, arguments with dashes", messages.Connecting{Server: "fs", Connection: "Stdio-npx -y server-fs /tmp", Attempt: 2, Of: 3},
		[]string{"info [fs] Connecting to Stdio MCP Server (npx -y server-fs /tmp) (attempt 2/3)"}},
	{"a connection name of no known form", messages.Connecting{Server: "x", Connection: "somewhere", Attempt: 1, Of: 1},
		[]string{"info [x] Connecting to MCP Server (somewhere) (attempt 1/1)"}},
	{"a failed attempt that is followed by another", messages.ConnectFailed{Server: "s", Connection: sse, Attempt: 1, Of: 3, Reason: "Connection refused", Wait: 2 * time.Second},
		[]string{
			"warn [s] Connecting to SSE MCP Server (http://127.0.0.1:8001/sse) failed (attempt 1/3): Connection refused",
			"info [s] Waiting 2.0 s before the next attempt",
		}},
	{"a failed attempt with nothing after it", messages.ConnectFailed{Server: "s", Connection: sse, Attempt: 3, Of: 3, Reason: "no", GaveUp: true},
		[]string{"warn [s] Connecting to SSE MCP Server (http://127.0.0.1:8001/sse) failed (attempt 3/3): no"}},
	{"a connection", messages.Connected{Server: "s", Connection: sse, Peer: messages.Peer{Protocol: "2025-11-25", Name: "TestServer", Version: "1.0.0"}},
		[]string{
			"info [s] Connected",
			"info [s] Initializing session of " + sse + " protocol=2025-11-25",
			"info [s] Server info: TestServer v1.0.0",
			"info [s] Fetching tools of " + sse,
		}},
	{"a server with a v in its version", messages.Connected{Server: "s", Connection: sse, Peer: messages.Peer{Name: "T", Version: "v2"}},
		[]string{"info [s] Connected", "info [s] Initializing session of " + sse + " protocol=", "info [s] Server info: T v2", "info [s] Fetching tools of " + sse}},
	{"a server without a name", messages.Connected{Server: "s", Connection: sse},
		[]string{"info [s] Connected", "info [s] Initializing session of " + sse + " protocol=", "info [s] Fetching tools of " + sse}},
	{"tools", messages.CatalogChanged{Server: "s", Connection: sse, Version: 1, Tools: []string{"tool1", "tool2", "tool3"}},
		[]string{"info [s] Found 3 tools: [tool1, tool2, tool3]"}},
	{"no tools", messages.CatalogChanged{Server: "s", Connection: sse},
		[]string{"info [s] Found 0 tools: []"}},
	{"more tools than a line should hold", messages.CatalogChanged{Server: "s", Connection: sse, Tools: manyTools(60), Cut: true},
		[]string{
			"info [s] Found 60 tools: [" + strings.Join(manyTools(50), ", ") + ", and 10 more]",
			"warn [s] The lists of " + sse + " are longer than the limits allow and were cut",
		}},
	{"a directory", messages.DirectoryChanged{Version: 7, Topics: messages.TopicTools}, []string{"debug [] Directory changed version=7"}},
	{"a server that is ready", messages.StateChanged{Server: "s", Old: messages.StateConnecting, New: messages.StateConnected},
		[]string{"info [s] Registered connection s"}},
	{"endpoints", messages.EndpointsCreated{Server: "s", Count: 3}, []string{"info [s] Created 3 endpoints for s"}},
	{"a server that cannot have endpoints", messages.EndpointHidden{Server: "mcp"},
		[]string{"warn [mcp] The name of server mcp is a path of mcpx itself: it is served over MCP, but not as HTTP endpoints"}},
	{"a tool that has its long path", messages.EndpointHidden{Server: "s", Tool: "docs", Path: "/s/docs"},
		[]string{"warn [s] The name of tool docs is a path of mcpx itself: its endpoint is /s/docs only"}},
	{"a tool that has no path", messages.EndpointHidden{Server: "mcp", Tool: "docs"},
		[]string{"warn [mcp] The name of tool docs is a path of mcpx itself: it is served over MCP, but not as an HTTP endpoint"}},
	{"a server that failed", messages.StateChanged{Server: "s", Old: messages.StateConnecting, New: messages.StateError, Reason: "refused"},
		[]string{"error [s] Connection s became unhealthy reason=refused"}},
	{"a server that starts", messages.StateChanged{Server: "s", Old: messages.StateDisconnected, New: messages.StateConnecting},
		[]string{"debug [s] State changed from disconnected to connecting reason="}},
	{"a server that is gone", messages.StateChanged{Server: "s", Old: messages.StateConnected, New: messages.StateDisconnected, Reason: "asked"},
		[]string{"debug [s] State changed from connected to disconnected reason=asked"}},
	{"a failed check", messages.HealthCheckFailed{Server: "s", Connection: sse, Reason: "Timeout after 5s"},
		[]string{"warn [s] Health check of " + sse + " failed: Timeout after 5s"}},
	{"unhealthy while connected", messages.HealthChanged{Server: "s", Connection: sse, Old: messages.Healthy, New: messages.Unhealthy, State: messages.StateConnected, Reason: "gone"},
		[]string{"error [s] Connection " + sse + " became unhealthy reason=gone"}},
	{"unhealthy while away: told by its state", messages.HealthChanged{Server: "s", Connection: sse, Old: messages.HealthUnknown, New: messages.Unhealthy, State: messages.StateError, Reason: "gone"},
		[]string{"debug [s] Health changed from unknown to unhealthy reason=gone"}},
	{"a lost connection", messages.LinkLost{Server: "s", Connection: sse}, []string{"warn [s] Health check of " + sse + " failed: Connection lost"}},
	{"a process that died", messages.LinkLost{Server: "s", Connection: "Stdio-srv", Reason: "exited with status 3"},
		[]string{"warn [s] Health check of Stdio-srv failed: Connection lost: exited with status 3"}},
	{"a breaker that opens", messages.BreakerChanged{Server: "s", Old: messages.BreakerClosed, New: messages.BreakerOpen, Failures: 5, OpenFor: 10 * time.Second},
		[]string{"warn [s] Refusing calls of s for 10.0 s after 5 failures in a row"}},
	{"a breaker that tries", messages.BreakerChanged{Server: "s", Old: messages.BreakerOpen, New: messages.BreakerHalfOpen},
		[]string{"info [s] Letting one call of s try"}},
	{"a breaker that closes", messages.BreakerChanged{Server: "s", Old: messages.BreakerHalfOpen, New: messages.BreakerClosed},
		[]string{"info [s] Calls of s pass again"}},
	{"a call that is repeated", messages.CallRetried{Server: "s", Method: "tools/call", Name: "read", Reason: "the connection was lost"},
		[]string{"warn [s] Repeating tools/call read: the connection was lost"}},
	{"a pool that cannot grow", messages.PoolGrowthFailed{Server: "s", Connection: sse, Reason: "no", Wait: 2 * time.Second},
		[]string{"warn [s] Opening a further session of " + sse + " failed: no; next attempt in 2.0 s"}},
	{"a session that does not close in good order", messages.SessionCloseFailed{Server: "s", Connection: sse, Err: "killed"},
		[]string{"debug [s] Closing a session of " + sse + " failed: killed"}},
	{"connect twice", messages.AlreadyConnected{Server: "X"}, []string{"warn [X] Already connected to server X"}},
	{"disconnect", messages.Disconnected{Server: "X"}, []string{"info [X] Disconnected from MCP server X"}},
	{"a close that fails", messages.Disconnected{Server: "X", Err: "DELETE was answered with 500"},
		[]string{
			"error [X] Closing the connection to MCP server X failed: DELETE was answered with 500",
			"info [X] Disconnected from MCP server X",
		}},
	{"disconnect twice", messages.NotConnected{Server: "X"}, []string{"warn [X] Not connected to server X"}},
	{"close-all begins", messages.ClosingAll{}, []string{"info [] Closing all MCP connections"}},
	{"close-all with errors", messages.ClosedAll{Report: messages.CloseReport{Closed: 3, Errors: map[string]string{"b": "killed", "a": "refused"}}},
		[]string{
			"error [a] Closing the connection to MCP server a failed: refused",
			"error [b] Closing the connection to MCP server b failed: killed",
			"info [] All MCP connections closed and resources cleaned up closed_count=3",
		}},
	{"a restart", messages.ActorRestarted{Path: "gateway/upstream:fs#1", Reason: "nil map"},
		[]string{"error [] An actor crashed and was restarted; this is a bug in mcpx actor=gateway/upstream:fs#1 reason=nil map"}},
	{"a stop", messages.ActorStopped{Path: "gateway/upstream:fs#1/s9", Reason: "nil map"},
		[]string{"error [] An actor crashed and was stopped; this is a bug in mcpx actor=gateway/upstream:fs#1/s9 reason=nil map"}},
	{"stderr of a server", messages.StderrLine{Server: "fs", Line: "listening"}, []string{"info [fs] stderr: listening"}},
	{"a debug message of a server", messages.ServerLog{Server: "fs", Level: "debug", Text: "x"}, []string{"debug [fs] log: x"}},
	{"a notice of a server", messages.ServerLog{Server: "fs", Level: "notice", Text: "x"}, []string{"info [fs] log: x"}},
	{"a warning of a server", messages.ServerLog{Server: "fs", Level: "warning", Text: "x"}, []string{"warn [fs] log: x"}},
	{"an emergency of a server", messages.ServerLog{Server: "fs", Level: "emergency", Text: "x"}, []string{"error [fs] log: x"}},
	{"a slow client", messages.NotificationsDropped{Client: "0123456789abcdef", Count: 4},
		[]string{"warn [] A client reads too slowly; its oldest notifications were dropped client=01234567… count=4"}},
	{"a client with a short id", messages.NotificationsDropped{Client: "c1", Count: 1},
		[]string{"warn [] A client reads too slowly; its oldest notifications were dropped client=c1 count=1"}},
}

func TestRender_EveryEvent(t *testing.T) {
	rendered := map[string]bool{}
	for _, c := range renderings {
		rendered[reflect.TypeOf(c.event).Name()] = true
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			r := &renderer{log: zerolog.New(&out)}
			r.render(c.event)
			if got := lines(t, &out); !slices.Equal(got, c.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
			}
		})
	}
	for _, name := range declaredEvents(t) {
		if !rendered[name] {
			t.Errorf("messages.%s has no row in the table", name)
		}
	}
}

func TestRender_LaterLinesUseTheNameOfTheConnection(t *testing.T) {
	var out bytes.Buffer
	r := &renderer{log: zerolog.New(&out)}
	r.render(messages.Connecting{Server: "s", Connection: sse, Attempt: 1, Of: 3})
	r.render(messages.StateChanged{Server: "s", New: messages.StateConnected})
	r.render(messages.EndpointsCreated{Server: "s", Count: 2})
	r.render(messages.StateChanged{Server: "s", New: messages.StateError, Reason: "gone"})
	r.render(messages.Disconnected{Server: "s"})
	r.render(messages.StateChanged{Server: "s", New: messages.StateError})
	got := lines(t, &out)
	want := []string{
		"info [s] Registered connection " + sse,
		"info [s] Created 2 endpoints for " + sse,
		"error [s] Connection " + sse + " became unhealthy reason=gone",
		"info [s] Disconnected from MCP server s",
		"error [s] Connection s became unhealthy reason=",
	}
	if !slices.Equal(got[1:], want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got[1:], "\n  "), strings.Join(want, "\n  "))
	}
}

func TestRender_EventsOfManyServersAtOnceMakeWholeLines(t *testing.T) {
	var out bytes.Buffer
	r := &renderer{log: NewLogger(&out, zerolog.InfoLevel, FormatJSON)}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			server := fmt.Sprintf("s%d", i)
			for range 20 {
				r.render(messages.Connecting{Server: server, Connection: sse, Attempt: 1, Of: 3})
				r.render(messages.StateChanged{Server: server, New: messages.StateConnected})
			}
		})
	}
	wg.Wait()
	if got := len(lines(t, &out)); got != 8*20*2 {
		t.Errorf("%d lines, want %d", got, 8*20*2)
	}
}

// lines reads JSON log lines back as "level [server] text field=value …".
func lines(t *testing.T, out *bytes.Buffer) []string {
	t.Helper()
	var got []string
	for line := range strings.Lines(out.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		server, _ := m["server"].(string)
		text := fmt.Sprintf("%s [%s] %s", m["level"], server, m["message"])
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !slices.Contains([]string{"level", "server", "message", "time"}, k) {
				text += fmt.Sprintf(" %s=%v", k, m[k])
			}
		}
		got = append(got, text)
	}
	return got
}

// declaredEvents reads the names of all members of the sealed set from its source.
func declaredEvents(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../messages/events.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "event" {
			names = append(names, f.Recv.List[0].Type.(*ast.Ident).Name)
		}
	}
	if len(names) < 10 {
		t.Fatalf("read only %v", names)
	}
	return names
}
