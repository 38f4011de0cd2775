package rest

import (
	"errors"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
)

func TestHealth_IsLookedForAndToldAsSpecified(t *testing.T) {
	f := clock()
	f.statuses["time"] = messages.Status{Server: "time", Connection: "SSE-http://127.0.0.1:8001/sse"}
	s := serve(t, f, Options{})
	at := time.Unix(1701234567, 890_000_000)
	for what, c := range map[string]struct {
		health messages.Health
		err    error
		status int
		body   string
	}{
		"healthy": {messages.Health{Status: messages.Healthy, LastCheck: at}, nil, 200,
			`{"status":"healthy","connection_name":"SSE-http://127.0.0.1:8001/sse","message":"MCP server connection is healthy",` +
				`"details":{"error_count":0,"last_error":null,"last_check":1701234567.89,"check_type":"on_demand"}}`},
		"healthy again": {messages.Health{Status: messages.Healthy, LastCheck: at, LastError: "long over"}, nil, 200,
			`{"status":"healthy","connection_name":"SSE-http://127.0.0.1:8001/sse","message":"MCP server connection is healthy",` +
				`"details":{"error_count":0,"last_error":null,"last_check":1701234567.89,"check_type":"on_demand"}}`},
		"unhealthy": {messages.Health{Status: messages.Unhealthy, LastCheck: at, ConsecutiveFailures: 3, LastError: "Connection refused"}, errors.New(`server "time": Connection refused`), 503,
			`{"status":"unhealthy","connection_name":"SSE-http://127.0.0.1:8001/sse","message":"MCP server connection is unhealthy",` +
				`"details":{"error_count":3,"last_error":"Connection refused","last_check":1701234567.89,"check_type":"on_demand"}}`},
		"unhealthy from the first failure on": {messages.Health{Status: messages.HealthUnknown, LastCheck: at, ConsecutiveFailures: 1, LastError: "Timeout after 5s"}, errors.New("x"), 503,
			`{"status":"unhealthy","connection_name":"SSE-http://127.0.0.1:8001/sse","message":"MCP server connection is unhealthy",` +
				`"details":{"error_count":1,"last_error":"Timeout after 5s","last_check":1701234567.89,"check_type":"on_demand"}}`},
		"never looked at": {messages.Health{Status: messages.HealthUnknown}, errors.New("it is disconnected"), 503,
			`{"status":"unhealthy","connection_name":"SSE-http://127.0.0.1:8001/sse","message":"MCP server connection is unhealthy",` +
				`"details":{"error_count":0,"last_error":"it is disconnected","last_check":null,"check_type":"on_demand"}}`},
	} {
		f.check = func(string) (messages.Health, error) { return c.health, c.err }
		s.want(what, s.get("/time/health"), c.status, c.body)
	}
}

func TestHealth_OfAllIsUnhealthyWithOneEnabledServer(t *testing.T) {
	f := servers(map[string][]messages.Tool{"a": nil, "b": nil, "off": nil})
	f.specs["off"] = messages.ServerSpec{Name: "off", Disabled: true}
	f.statuses["off"] = messages.Status{Server: "off", Disabled: true, Connection: "Stdio-off"}
	sick := map[string]bool{}
	f.check = func(server string) (messages.Health, error) {
		if server == "off" {
			t.Error("a disabled server was looked at")
		}
		if sick[server] {
			return messages.Health{ConsecutiveFailures: 1, LastError: "gone"}, errors.New("gone")
		}
		return messages.Health{Status: messages.Healthy}, nil
	}
	s := serve(t, f, Options{})
	const (
		fine = `"message":"MCP server connection is healthy","details":{"error_count":0,"last_error":null,"last_check":null,"check_type":"on_demand"}}`
		ill  = `"message":"MCP server connection is unhealthy","details":{"error_count":1,"last_error":"gone","last_check":null,"check_type":"on_demand"}}`
		off  = `"off":{"status":"disabled","connection_name":"Stdio-off","message":"disabled in the configuration"}}}`
	)
	s.want("all well", s.get("/health"), 200, `{"status":"healthy","message":"All MCP server connections are healthy","servers":{`+
		`"a":{"status":"healthy","connection_name":"Stdio-a",`+fine+`,"b":{"status":"healthy","connection_name":"Stdio-b",`+fine+`,`+off)
	sick["b"] = true
	s.want("one is not", s.get("/health"), 503, `{"status":"unhealthy","message":"1 of 2 MCP server connections are unhealthy","servers":{`+
		`"a":{"status":"healthy","connection_name":"Stdio-a",`+fine+`,"b":{"status":"unhealthy","connection_name":"Stdio-b",`+ill+`,`+off)
	none := serve(t, servers(nil), Options{})
	none.want("no servers", none.get("/health"), 200, `{"status":"healthy","message":"All MCP server connections are healthy","servers":{}}`)
}
