package gatewaytools

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// resources answers resources and read.
func resources(ctx context.Context, t *Tools, c *call) json.RawMessage {
	_, catalog, problem := t.find(ctx, c)
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
	if outcome.Failure != nil {
		return t.failedToRead(c, outcome.Failure)
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
