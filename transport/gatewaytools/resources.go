package gatewaytools

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

var resourcesTool = &tool{
	name: "resources", title: "Read resources", readOnly: true,
	lead:      "Read MCP server resources.",
	directory: resourceDirectory,
	params: []param{
		{"server_name", "string", true, "The server that has the resource."},
		{"uri", "string", false, "The resource to read; without it, the server's resources and templates are listed."},
	},
	run: resources,
}

func resources(ctx context.Context, t *Tools, c *call) json.RawMessage {
	catalog, problem := t.find(ctx, c, t.view(c.req.Caller.Principal), unknownServer)
	if problem != nil {
		return problem
	}
	if c.uri == "" {
		list := make([]json.RawMessage, 0, len(catalog.Resources)+len(catalog.Templates))
		for _, from := range [][]messages.Resource{catalog.Resources, catalog.Templates} {
			for i := range from {
				list = append(list, resourceEntry(&from[i]))
			}
		}
		return textResult(string(array(list)))
	}
	var params object
	params.str("uri", c.uri)
	outcome := t.door.Call(ctx, c.upstream("resources/read", c.uri, params.close()), c.sink)
	if f := outcome.Failure; f != nil {
		if f.Kind == messages.KindUnknownUpstream { // removed a moment ago
			return unknownServer(c.server, t.view(c.req.Caller.Principal).servers())
		}
		return failedWith(fmt.Sprintf("Failed to read resource '%s' from server '%s'", c.uri, c.server), f, c.server)
	}
	return presentContents(outcome.Result)
}

func resourceEntry(r *messages.Resource) json.RawMessage {
	var o object
	o.str("uri", r.URI)
	o.str("name", r.Name)
	if r.MIMEType != "" {
		o.str("mime_type", r.MIMEType)
	}
	if r.Size != nil {
		o.raw("size", strconv.AppendInt(nil, *r.Size, 10))
	}
	if r.Description != "" {
		o.str("description", r.Description)
	}
	return o.close()
}

// presentContents renders a ReadResourceResult: one text as it is, one blob as
// an object, anything else as a list.
func presentContents(result json.RawMessage) json.RawMessage {
	contents, _ := jsonrpc.Get(result, "contents")
	list := []json.RawMessage{}
	var text string
	isText := false
	for item := range jsonrpc.Elements(contents) {
		var o object
		uri, _ := jsonrpc.GetString(item, "uri")
		o.str("uri", uri)
		if text, isText = jsonrpc.GetString(item, "text"); isText {
			o.str("text", text)
		} else if blob, ok := jsonrpc.GetString(item, "blob"); ok {
			if mime, ok := jsonrpc.GetString(item, "mimeType"); ok {
				o.str("mime_type", mime)
			} else {
				o.raw("mime_type", []byte("null"))
			}
			o.str("blob", blob)
		} else {
			list = append(list, compact(item)) // of a kind that is not known here: as it came
			continue
		}
		list = append(list, o.close())
	}
	switch {
	case len(list) == 1 && isText:
		return textResult(text)
	case len(list) == 1:
		return textResult(string(list[0]))
	}
	return textResult(string(array(list)))
}
