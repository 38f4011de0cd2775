package gatewaytools

import (
	"encoding/json"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// object writes a JSON object member by member, so that their order is ours.
type object struct{ b []byte }

func (o *object) raw(key string, value []byte) {
	if len(o.b) == 0 {
		o.b = append(o.b, '{')
	} else {
		o.b = append(o.b, ',')
	}
	o.b = append(append(jsonrpc.AppendQuote(o.b, key), ':'), value...)
}

func (o *object) str(key, value string) { o.raw(key, jsonrpc.Quote(value)) }

func (o *object) list(key string, values []string) {
	quoted := make([]json.RawMessage, len(values))
	for i, v := range values {
		quoted[i] = jsonrpc.Quote(v)
	}
	o.raw(key, array(quoted))
}

func (o *object) close() json.RawMessage {
	if len(o.b) == 0 {
		return json.RawMessage("{}")
	}
	return append(o.b, '}')
}

func array(values []json.RawMessage) json.RawMessage {
	b := json.RawMessage{'['}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, v...)
	}
	return append(b, ']')
}

// compact returns a value of an upstream without white space and needless
// escapes. What is nested too deep to be ours stays as it is: it is valid, since
// it came in a message that parsed.
func compact(raw json.RawMessage) json.RawMessage {
	b, err := jsonrpc.AppendCompact(make([]byte, 0, len(raw)), raw, maxDepth)
	if err != nil {
		return raw
	}
	return b
}

// textResult is a result with one text.
func textResult(text string) json.RawMessage {
	return textResultWith(text, false, nil, nil)
}

// textResultWith adds what else a result can have; structured and meta may be nil.
func textResultWith(text string, isError bool, structured, meta json.RawMessage) json.RawMessage {
	b := make([]byte, 0, len(text)+len(text)/8+len(structured)+len(meta)+96)
	b = append(b, `{"content":[{"type":"text","text":`...)
	b = jsonrpc.AppendQuote(b, text)
	b = append(b, "}]"...)
	if isError {
		b = append(b, `,"isError":true`...)
	}
	if structured != nil {
		b = append(append(b, `,"structuredContent":`...), structured...)
	}
	if meta != nil {
		b = append(append(b, `,"_meta":`...), meta...)
	}
	return append(b, '}')
}
