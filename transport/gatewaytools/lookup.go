package gatewaytools

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/mcpx/mcpx/messages"
)

// find returns the catalog of the call's server, waiting for its first
// connection if there has been none, or the result that says why there is none.
// unknown renders the answer for a server that does not exist.
func (t *Tools) find(ctx context.Context, c *call, v *view, unknown func(string, []string) json.RawMessage) (*messages.Catalog, json.RawMessage) {
	if !v.has(c.server) {
		return nil, unknown(c.server, v.servers())
	}
	f := t.door.Allowed(c.req.Caller.Principal, c.server, c.name)
	if f == nil {
		if catalog := v.catalog(c.server); catalog != nil {
			return catalog, nil
		}
		catalog, err := t.door.Catalog(ctx, c.server)
		if err == nil {
			return &catalog, nil
		}
		f = failureOf(err, c.server)
	}
	if f.Kind == messages.KindUnknownUpstream { // removed a moment ago
		return nil, unknown(c.server, t.view(c.req.Caller.Principal).servers())
	}
	return nil, failed(f, c.server)
}

// failureOf reads the failure of a catalog that is not there. Other errors come from ctx.
func failureOf(err error, server string) *messages.Failure {
	var f *messages.Failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, context.DeadlineExceeded):
		return messages.Failf(messages.KindTimeout, server, "Server '%s' is not connected yet: the deadline passed while waiting for it", server)
	case errors.Is(err, context.Canceled):
		return messages.Failf(messages.KindCancelled, server, "The call was cancelled while it waited for server '%s' to connect", server)
	}
	return messages.Failf(messages.KindInternal, server, "Server '%s': %v", server, err)
}

// toolNames returns the names that may be used, in the order of the upstream.
func (v *view) toolNames(c *messages.Catalog) []string {
	tools := v.tools(c)
	names := make([]string, len(tools))
	for i, tool := range tools {
		names[i] = tool.Name
	}
	return names
}
