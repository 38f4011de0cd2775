package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// healthBody is what the health of one server looks like.
type healthBody struct {
	Status     string         `json:"status"`
	Connection string         `json:"connection_name"`
	Message    string         `json:"message"`
	Details    *healthDetails `json:"details,omitempty"` // nil for a disabled server, which is not looked at
}

type healthDetails struct {
	ErrorCount int             `json:"error_count"` // failures in a row
	LastError  *string         `json:"last_error"`  // of those
	LastCheck  json.RawMessage `json:"last_check"`  // seconds since 1970
	CheckType  string          `json:"check_type"`
}

const (
	healthy   = "healthy"
	unhealthy = "unhealthy"
	disabled  = "disabled"
)

// health looks how a server is, or how all of them are.
func (h *Handler) health(rep *reply, r *request) {
	if r.server == "" {
		rep.answer(h.allHealth(r))
		return
	}
	if f := h.door.Allowed(r.principal, r.server, ""); f != nil {
		rep.answer(h.failed(f))
		return
	}
	s, _ := h.door.Status(r.server)
	body := h.look(r, s)
	rep.answer(healthAnswer(body.Status, body))
}

func healthAnswer(status string, body any) answer {
	raw, err := jsonrpc.Marshal(body)
	if err != nil {
		panic(err) // texts and numbers
	}
	if status == unhealthy {
		return answer{status: http.StatusServiceUnavailable, body: raw}
	}
	return answer{status: http.StatusOK, body: raw}
}

// look checks a server now.
func (h *Handler) look(r *request, s messages.Status) healthBody {
	found, err := h.door.CheckHealth(r.Context(), s.Server)
	d := &healthDetails{ErrorCount: found.ConsecutiveFailures, LastCheck: unixSeconds(found.LastCheck), CheckType: "on_demand"}
	b := healthBody{Status: healthy, Connection: s.Connection, Message: "MCP server connection is healthy", Details: d}
	if err != nil {
		reason := err.Error()
		if found.ConsecutiveFailures > 0 && found.LastError != "" {
			reason = found.LastError
		}
		b.Status, b.Message, d.LastError = unhealthy, "MCP server connection is unhealthy", &reason
	}
	return b
}

// unixSeconds is a time as Python tells it: 1701234567.89; null for none.
func unixSeconds(t time.Time) json.RawMessage {
	if t.IsZero() {
		return json.RawMessage("null")
	}
	return strconv.AppendFloat(nil, float64(t.UnixMilli())/1000, 'f', -1, 64)
}

// allHealth looks at all enabled servers at the same time.
func (h *Handler) allHealth(r *request) answer {
	all := struct {
		Status  string                `json:"status"`
		Message string                `json:"message"`
		Servers map[string]healthBody `json:"servers"`
	}{healthy, "All MCP server connections are healthy", map[string]healthBody{}}
	statuses := h.door.Statuses()
	bodies := make([]healthBody, len(statuses))
	var wg sync.WaitGroup
	for i, s := range statuses {
		if s.Disabled {
			bodies[i] = healthBody{Status: disabled, Connection: s.Connection, Message: "disabled in the configuration"}
			continue
		}
		wg.Go(func() { bodies[i] = h.look(r, s) })
	}
	wg.Wait()
	enabled, sick := 0, 0
	for i, s := range statuses {
		all.Servers[s.Server] = bodies[i]
		if bodies[i].Status != disabled {
			enabled++
		}
		if bodies[i].Status == unhealthy {
			sick++
		}
	}
	if sick > 0 {
		all.Status, all.Message = unhealthy, fmt.Sprintf("%d of %d MCP server connections are unhealthy", sick, enabled)
	}
	return healthAnswer(all.Status, all)
}
