package gatewaytools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mcpx/mcpx/messages"
)

// find returns what the caller may see and the catalog of the call's server,
// waiting for its first connection if there has been none; or the result that
// says why there is none.
func (t *Tools) find(ctx context.Context, c *call) (*view, *messages.Catalog, json.RawMessage) {
	v := t.view(c.req.Caller.Principal)
	if problem := c.locate(v); problem != nil {
		return v, nil, problem
	}
	if !v.has(c.server) {
		return v, nil, c.unknownServer(v.servers())
	}
	f := t.door.Allowed(c.req.Caller.Principal, c.server, c.name)
	if f == nil {
		if catalog := v.catalog(c.server); catalog != nil {
			return v, catalog, nil
		}
		catalog, err := t.door.Catalog(ctx, c.server)
		if err == nil {
			return v, &catalog, nil
		}
		f = failureOf(err, c.server)
	}
	return v, nil, t.failed(c, f)
}

// locate reads the server and the tool out of a method. Names of both may hold
// dots: the longest name of a server that fits wins. Where the tool may be left
// out, a method that is the whole name of a server means that server.
func (c *call) locate(v *view) json.RawMessage {
	if !c.tool.byMethod {
		return nil
	}
	serverOnly := c.tool.readOnly
	if serverOnly && v.has(c.method) {
		c.server = c.method
		return nil
	}
	var ok bool
	if c.server, c.name, ok = messages.SplitMethod(v.dir.Servers, c.method); ok {
		return nil
	}
	// No server fits: the answer names the one that was probably meant.
	if c.server, c.name, ok = strings.Cut(c.method, "."); ok || serverOnly {
		return nil
	}
	var o object // without a code, as it always was
	o.str("error", fmt.Sprintf("Invalid method format: '%s'. Expected 'server.tool'", c.method))
	return errorResult(&o, messages.KindInvalidArgs, "", messages.SentNo)
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
