package gatewaytools

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// Every failure of a call is a tool result with isError and one text, a JSON
// object: "error" for people, then what the kind of error adds, then "kind",
// "server" and "sent" as in every failure's data.

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

// errorResult completes an error object with what every failure carries.
func errorResult(o *object, kind messages.Kind, server string, sent messages.Sent) json.RawMessage {
	o.str("kind", kind.String())
	o.str("server", server)
	o.str("sent", sent.String())
	return textResultWith(string(o.close()), true, nil, nil)
}

// failed is the result for a failure that has no shape of its own.
func failed(f *messages.Failure, server string) json.RawMessage {
	return failedWith(f.Message, f, server)
}

// failedWith says it in other words than the failure's; its own follow as "reason".
func failedWith(text string, f *messages.Failure, server string) json.RawMessage {
	var o object
	o.str("error", text)
	if text != f.Message {
		o.str("reason", f.Message)
	}
	if f.Available != nil {
		o.list("available", f.Available)
	}
	if f.RetryAfter > 0 {
		o.raw("retry_after", strconv.AppendFloat(nil, f.RetryAfter.Seconds(), 'f', -1, 64))
	}
	if f.Kind == messages.KindUpstream && f.Code != 0 {
		o.raw("code", strconv.AppendInt(nil, int64(f.Code), 10))
		if len(f.Data) > 0 {
			o.raw("data", compact(f.Data))
		}
	}
	return errorResult(&o, f.Kind, server, f.Sent)
}

// badCompactArgs is the result for arguments that do not fit the compact tool itself.
func badCompactArgs(c *call) json.RawMessage {
	var o object
	o.str("error", "Argument validation failed: "+c.problem)
	o.raw("tool_schema", c.tool.inputSchema())
	return errorResult(&o, messages.KindInvalidArgs, c.server, messages.SentNo)
}

// unknownServer is the answer of inspect and resources; exec has its own.
func unknownServer(server string, servers []string) json.RawMessage {
	var o object
	o.str("error", fmt.Sprintf("Server '%s' not found", server))
	if len(servers) > 0 {
		o.list("available_servers", servers)
	} else {
		o.str("hint", "No MCP servers are currently connected")
	}
	return errorResult(&o, messages.KindUnknownUpstream, server, messages.SentNo)
}

// pythonList renders names as Python prints a list of strings: prompts and
// programs written for the proxy that mcpx replaces read it.
func pythonList(names []string) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, n := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		quote := '\''
		if strings.ContainsRune(n, '\'') && !strings.ContainsRune(n, '"') {
			quote = '"'
		}
		b.WriteRune(quote)
		for _, r := range n {
			switch {
			case r == quote || r == '\\':
				b.WriteRune('\\')
				b.WriteRune(r)
			case r == '\n':
				b.WriteString(`\n`)
			case r == '\r':
				b.WriteString(`\r`)
			case r == '\t':
				b.WriteString(`\t`)
			case unicode.IsPrint(r):
				b.WriteRune(r)
			case r <= 0xff:
				fmt.Fprintf(&b, `\x%02x`, r)
			case r <= 0xffff:
				fmt.Fprintf(&b, `\u%04x`, r)
			default:
				fmt.Fprintf(&b, `\U%08x`, r)
			}
		}
		b.WriteRune(quote)
	}
	b.WriteByte(']')
	return b.String()
}
