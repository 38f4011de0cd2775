package rest

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// answer is a status, a JSON body, and headers beside it.
type answer struct {
	status int
	body   json.RawMessage
	header http.Header
}

func (a answer) with(name, value string) answer {
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header.Add(name, value)
	return a
}

// detail is what an error says, in the member that FastAPI has for it.
type detail struct {
	Message   string          `json:"message"`
	Error     string          `json:"error,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
	Available []string        `json:"available,omitempty"`
}

// flaw is one way in which a request does not fit: where, and what is wrong.
type flaw struct {
	Loc []any  `json:"loc"` // "body", then members and elements; "header" or "query" and a name
	Msg string `json:"msg"`
}

func failing(status int, d any) answer {
	body, err := jsonrpc.Marshal(map[string]any{"detail": d})
	if err != nil {
		panic(err) // texts, numbers, and JSON that was read as such
	}
	return answer{status: status, body: body}
}

func refusal(status int, format string, args ...any) answer {
	return failing(status, detail{Message: fmt.Sprintf(format, args...)})
}

func refuse(status int, format string, args ...any) *answer {
	a := refusal(status, format, args...)
	return &a
}

func invalid(flaws []flaw) answer { return failing(http.StatusUnprocessableEntity, flaws) }

// What a failed call tells beside the table's bodies: the kind of failure, and
// how far the request got.
const (
	headerFailure  = "Mcpx-Failure"
	headerSent     = "Mcpx-Sent"
	headerReplayed = "Idempotent-Replayed"
)

// statusCancelled is what nobody reads: the caller has gone.
const statusCancelled = 499

// failed is the table of failure kinds.
func (h *Handler) failed(f *messages.Failure) answer {
	a := h.failure(f).with(headerFailure, f.Kind.String()).with(headerSent, f.Sent.String())
	if f.RetryAfter > 0 || a.status == http.StatusTooManyRequests {
		a = a.with("Retry-After", strconv.Itoa(max(1, int(math.Ceil(f.RetryAfter.Seconds())))))
	}
	return a
}

func (h *Handler) failure(f *messages.Failure) answer {
	d := detail{Message: f.Message, Available: f.Available}
	switch f.Kind {
	case messages.KindUnknownUpstream, messages.KindUnknownTool, messages.KindUnknownResource, messages.KindUnknownMethod:
		return failing(http.StatusNotFound, d)
	case messages.KindInvalidArgs:
		return failing(http.StatusUnprocessableEntity, d)
	case messages.KindForbidden:
		return failing(http.StatusForbidden, d)
	case messages.KindUnavailable:
		d.Message = "MCP server connection problem: " + f.Message
		if f.After > 0 && f.Sent == messages.SentNo { // a connection was waited for
			d.Error = "Connection timeout after " + seconds(f.After)
			return failing(http.StatusGatewayTimeout, d)
		}
		d.Error = h.lastError(f)
		return failing(http.StatusServiceUnavailable, d)
	case messages.KindTimeout:
		d.Error = "Request timeout"
		if f.After > 0 {
			d.Error += " after " + seconds(f.After)
		}
		return failing(http.StatusGatewayTimeout, d)
	case messages.KindOverloaded:
		return failing(http.StatusTooManyRequests, d)
	case messages.KindCancelled:
		return failing(statusCancelled, d)
	case messages.KindUpstream:
		d.Data = f.Data
		return failing(upstreamStatus(f.Code), d)
	case messages.KindInternal, messages.KindNone:
	}
	return failing(http.StatusInternalServerError, d)
}

// resourceNotFound is MCP's own code, in the legacy era.
const resourceNotFound = -32002

// upstreamStatus is the status of a JSON-RPC error of an upstream.
func upstreamStatus(code int) int {
	switch code {
	case jsonrpc.CodeParse, jsonrpc.CodeInvalidRequest:
		return http.StatusBadRequest
	case jsonrpc.CodeMethodNotFound, resourceNotFound:
		return http.StatusNotFound
	case jsonrpc.CodeInvalidParams:
		return http.StatusUnprocessableEntity
	}
	return http.StatusInternalServerError
}

// lastError is why a server cannot be reached, as far as that is known.
func (h *Handler) lastError(f *messages.Failure) string {
	s, _ := h.door.Status(f.Server)
	switch {
	case f.Sent != messages.SentNo: // it broke under this very call
		return f.Message
	case s.Reason != "":
		return s.Reason
	case s.Health.ConsecutiveFailures > 0 && s.Health.LastError != "":
		return s.Health.LastError
	}
	return f.Message
}

// seconds renders a time that was waited, as mcpo does: "30 seconds", "0.5
// seconds". It was waited until a timer fired, which is never quite in time.
func seconds(d time.Duration) string {
	step := 10 * time.Millisecond
	switch {
	case d >= 10*time.Second:
		step = time.Second
	case d >= time.Second:
		step = 100 * time.Millisecond
	}
	return strconv.FormatFloat(d.Round(step).Seconds(), 'f', -1, 64) + " seconds"
}
