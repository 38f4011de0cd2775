package gatewaytools

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/mcpx/mcpx/messages"
)

// Every failure of a call is a tool result with isError and one text, a JSON
// object: "error" for people, "code" where the profile has codes, then what the
// kind of failure adds, then "kind", "server" and "sent" as in every failure's data.

// problem begins the error object for a failure of a kind.
func (c *call) problem(kind messages.Kind, text string) *object {
	code := codeOf(kind)
	if c.tool.coded && code == codeExecution && c.name != "" {
		text = fmt.Sprintf("Error executing '%s.%s': %s", c.server, c.name, text)
	}
	var o object
	o.str("error", text)
	if c.tool.coded {
		o.str("code", code)
	}
	return &o
}

const codeExecution = "EXECUTION_ERROR"

// codeOf returns the code of a kind of failure, in the profile that has codes.
func codeOf(kind messages.Kind) string {
	switch kind {
	case messages.KindUnknownUpstream:
		return "SERVER_NOT_FOUND"
	case messages.KindUnknownTool:
		return "TOOL_NOT_FOUND"
	case messages.KindUnknownResource:
		return "RESOURCE_NOT_FOUND"
	case messages.KindInvalidArgs:
		return "VALIDATION_ERROR"
	case messages.KindInternal:
		return "UNEXPECTED_ERROR"
	default:
		return codeExecution
	}
}

// errorResult completes an error object with what every failure carries.
func errorResult(o *object, kind messages.Kind, server string, sent messages.Sent) json.RawMessage {
	o.str("kind", kind.String())
	o.str("server", server)
	o.str("sent", sent.String())
	return textResultWith(string(o.close()), true, nil, nil)
}

// failed is the result for a failure that has no shape of its own.
func (t *Tools) failed(c *call, f *messages.Failure) json.RawMessage {
	if f.Kind == messages.KindUnknownUpstream { // removed a moment ago
		return c.unknownServer(t.view(c.req.Caller.Principal).servers())
	}
	return c.detail(c.problem(f.Kind, f.Message), f)
}

// failedToRead is the result for a resource that could not be read; the
// failure's own words follow as "reason". Where errors have codes, whatever the
// server answers means that there is no such resource.
func (t *Tools) failedToRead(c *call, f *messages.Failure) json.RawMessage {
	var o *object
	switch {
	case f.Kind == messages.KindUnknownUpstream:
		return t.failed(c, f)
	case c.tool.coded && f.Kind == messages.KindUpstream:
		o = c.problem(messages.KindUnknownResource, fmt.Sprintf("Resource '%s' not found on server '%s'", c.uri, c.server))
	default:
		o = c.problem(f.Kind, fmt.Sprintf("Failed to read resource '%s' from server '%s'", c.uri, c.server))
	}
	o.str("reason", f.Message)
	return c.detail(o, f)
}

// detail completes the error object of a failure with what the failure says.
func (c *call) detail(o *object, f *messages.Failure) json.RawMessage {
	if f.Available != nil {
		o.list("available", f.Available)
	}
	if f.RetryAfter > 0 {
		// Whole seconds, as in the header of that name; never too early.
		o.raw("retry_after", strconv.AppendInt(nil, int64(math.Ceil(f.RetryAfter.Seconds())), 10))
	}
	if f.Kind == messages.KindUpstream && f.Code != 0 {
		key := "code"
		if c.tool.coded { // there "code" is ours
			key = "upstream_code"
		}
		o.raw(key, strconv.AppendInt(nil, int64(f.Code), 10))
		if len(f.Data) > 0 {
			o.raw("data", compact(f.Data))
		}
	}
	return errorResult(o, f.Kind, c.server, f.Sent)
}

// badCompactArgs is the result for arguments that do not fit the compact tool itself.
func (t *Tools) badCompactArgs(c *call) json.RawMessage {
	o := c.problem(messages.KindInvalidArgs, "Argument validation failed: "+c.wrong)
	o.raw("tool_schema", t.shown(c.tool.inputSchema()))
	return errorResult(o, messages.KindInvalidArgs, c.server, messages.SentNo)
}

// unknownServer is the result for a server that does not exist.
func (c *call) unknownServer(servers []string) json.RawMessage {
	text := fmt.Sprintf("Server '%s' not found", c.server)
	if len(servers) == 0 {
		o := c.problem(messages.KindUnknownUpstream, text)
		o.str("hint", "No MCP servers are currently connected")
		return errorResult(o, messages.KindUnknownUpstream, c.server, messages.SentNo)
	}
	return c.unknown(messages.KindUnknownUpstream, text, "available_servers", servers)
}

// unknownTool is the result for a tool that the server does not have.
func (c *call) unknownTool(tools []string) json.RawMessage {
	return c.unknown(messages.KindUnknownTool, fmt.Sprintf("Tool '%s' not found on server '%s'", c.name, c.server), "available_tools", tools)
}

// unknown says what there is instead, as a list under key.
func (c *call) unknown(kind messages.Kind, text, key string, available []string) json.RawMessage {
	if c.tool.names {
		text += ". Available: " + pythonList(available)
	}
	o := c.problem(kind, text)
	o.list(key, available)
	return errorResult(o, kind, c.server, messages.SentNo)
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
