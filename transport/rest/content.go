package rest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// textDepth is how deep JSON inside a text may be nested to be taken as JSON.
const textDepth = 256

// toolAnswer makes the result of a tools/call an answer. It copies what is JSON
// and decodes nothing: numbers and the order of members stay.
//
//	isError            500, with the tool's own text
//	structuredContent  as it is
//	one item           its value; none: []; several: an array of their values
func toolAnswer(result json.RawMessage) answer {
	var content, structured json.RawMessage
	isError := false
	for key, value := range jsonrpc.Members(result) {
		switch key {
		case "content":
			content = value
		case "structuredContent":
			structured = value
		case "isError":
			isError = string(value) == "true"
		}
	}
	if isError {
		return failing(http.StatusInternalServerError, detail{Message: errorText(content, structured)})
	}
	if len(structured) > 0 && string(structured) != "null" {
		return answer{status: http.StatusOK, body: structured}
	}
	return answer{status: http.StatusOK, body: unwrap(content, contentValue)}
}

// unwrap returns the value of the only element of a list, or a list of the values.
func unwrap(list json.RawMessage, value func(json.RawMessage) json.RawMessage) json.RawMessage {
	var values []json.RawMessage
	for item := range jsonrpc.Elements(list) {
		values = append(values, value(item))
	}
	if len(values) == 1 {
		return values[0]
	}
	return append(append([]byte{'['}, bytes.Join(asBytes(values), []byte{','})...), ']')
}

func asBytes(values []json.RawMessage) [][]byte {
	all := make([][]byte, len(values))
	for i, v := range values {
		all[i] = v
	}
	return all
}

// contentValue is what one item of a result becomes. One of a type that is not
// known, or that lacks what its type demands, stays as it is.
func contentValue(item json.RawMessage) json.RawMessage {
	kind, _ := jsonrpc.GetString(item, "type")
	switch kind {
	case "text":
		if text, ok := jsonrpc.GetString(item, "text"); ok {
			return textValue(text)
		}
	case "image", "audio":
		data, ok := jsonrpc.GetString(item, "data")
		mime, _ := jsonrpc.GetString(item, "mimeType")
		if ok {
			return jsonrpc.Quote("data:" + mime + ";base64," + data)
		}
	case "resource":
		for _, member := range []string{"text", "blob"} {
			if value, ok := jsonrpc.GetString(item, "resource", member); ok {
				return jsonrpc.Quote(value)
			}
		}
	case "resource_link":
		if uri, ok := jsonrpc.GetString(item, "uri"); ok {
			return jsonrpc.Quote(uri)
		}
	}
	return item
}

// textValue is the JSON that a text holds, or the text itself.
func textValue(text string) json.RawMessage {
	// The first character settles it for most prose.
	start := strings.TrimLeft(text, " \t\r\n")
	if start != "" && strings.IndexByte(`{["-0123456789tfn`, start[0]) >= 0 {
		if value, err := jsonrpc.AppendCompact(make([]byte, 0, len(text)), []byte(text), textDepth); err == nil {
			return value
		}
	}
	return jsonrpc.Quote(text)
}

// noText stands for the text of a tool that failed without one, as in mcpo.
const noText = "Unknown tool execution error"

// errorText is what a tool says of its failure: its texts, else its structured content.
func errorText(content, structured json.RawMessage) string {
	var texts []string
	for item := range jsonrpc.Elements(content) {
		if text, ok := jsonrpc.GetString(item, "text"); ok {
			texts = append(texts, text)
		}
	}
	switch {
	case texts != nil:
		return strings.Join(texts, "\n")
	case len(structured) > 0 && string(structured) != "null":
		return string(structured)
	}
	return noText
}
