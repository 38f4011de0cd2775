package gatewaytools

import (
	"encoding/json"
	"strings"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/compact/tokens"
	"github.com/mcpx/mcpx/transport/compact/toon"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// maxDepth is how deep JSON inside a text may be nested to be taken as JSON.
const maxDepth = 256

// metaEncoding is the member of a result's _meta that says how mcpx has
// written its text: "json" where it was read as JSON and written compactly,
// "toon" where TOON is smaller. A text that is passed on as it came has none.
const metaEncoding = "mcpx/encoding"

// upstreamResult is a CallToolResult, split and not decoded.
type upstreamResult struct {
	raw        json.RawMessage
	content    json.RawMessage // nil when absent
	structured json.RawMessage
	meta       json.RawMessage
	isError    bool

	items int
	only  json.RawMessage // the first item
}

func split(raw json.RawMessage) upstreamResult {
	r := upstreamResult{raw: raw}
	for key, value := range jsonrpc.Members(raw) {
		switch key {
		case "content":
			r.content = value
		case "structuredContent":
			r.structured = value
		case "_meta":
			// The upstream's name for itself: this is our result.
			r.meta = jsonrpc.Delete(value, mcp.MetaServerInfo)
		case "isError":
			r.isError = first(value) == 't'
		}
	}
	for item := range jsonrpc.Elements(r.content) {
		if r.items == 0 {
			r.only = item
		}
		r.items++
	}
	return r
}

// present makes an upstream's result ours:
//
//	no content           null, or structuredContent where that is all there is
//	one text             JSON is read (twice, if it is a string) and written as TOON or compactly; else the text
//	anything else        the content as it came, unknown types too
//	isError, texts only  {"error": the texts}, as every failure of a call
//
// The upstream's _meta is kept. Its structuredContent repeats the text for
// programs; include_structured_content replaces it by what was read here.
func (t *Tools) present(c *call, raw json.RawMessage) json.RawMessage {
	r := split(raw)
	if r.isError {
		return t.presentError(c, r)
	}
	if r.items == 0 && (r.content == nil || first(r.content) == '[') {
		value := json.RawMessage("null")
		if len(r.structured) > 0 {
			value = compact(r.structured)
		}
		return t.presentJSON(r, value)
	}
	text, ok := onlyText(r)
	if !ok {
		return t.passOn(r, r.content)
	}
	value, plain, ok := readJSON(text)
	switch {
	case !ok:
		return t.passOn(r, jsonrpc.Quote(text))
	case value == nil:
		return textResultWith(plain, false, t.structured(jsonrpc.Quote(plain)), r.meta)
	}
	return t.presentJSON(r, value)
}

// onlyText returns the text of a result that is one text.
func onlyText(r upstreamResult) (string, bool) {
	if r.items != 1 {
		return "", false
	}
	if typ, _ := jsonrpc.GetString(r.only, "type"); typ != "text" {
		return "", false
	}
	return jsonrpc.GetString(r.only, "text")
}

// readJSON reads a text as JSON, and once more what is in it if that is a
// string. It returns the value in compact form, or the string that is no JSON;
// false if the text itself is none.
func readJSON(text string) (value json.RawMessage, plain string, ok bool) {
	for range 2 {
		if !mayBeJSON(text) {
			return nil, text, ok
		}
		read, err := jsonrpc.AppendCompact(make([]byte, 0, len(text)), []byte(text), maxDepth)
		if err != nil {
			return nil, text, ok
		}
		ok = true
		if read[0] != '"' {
			return read, "", true
		}
		_ = json.Unmarshal(read, &text) // it is a JSON string
	}
	return nil, text, ok
}

// mayBeJSON looks at the first character, which settles it for most prose.
func mayBeJSON(text string) bool {
	text = strings.TrimLeft(text, " \t\r\n")
	return text != "" && strings.IndexByte(`{["-0123456789tfn`, text[0]) >= 0
}

func (t *Tools) presentJSON(r upstreamResult, value json.RawMessage) json.RawMessage {
	text, encoding := string(value), json.RawMessage(`"json"`)
	if t.opts.TOON {
		// Fewer bytes are not fewer tokens: of single values in lines, TOON needs more.
		if lines, ok := toon.Smaller(value, t.opts.TOONMinSize); ok && tokens.Estimate(lines) <= tokens.Estimate(value) {
			text, encoding = string(lines), json.RawMessage(`"toon"`)
		}
	}
	meta := json.RawMessage("{}")
	if first(r.meta) == '{' {
		meta = r.meta
	}
	return textResultWith(text, false, t.structured(value), jsonrpc.Set(meta, encoding, metaEncoding))
}

// structured returns the structuredContent of a result whose value is raw; nil for none.
func (t *Tools) structured(raw json.RawMessage) json.RawMessage {
	if !t.opts.IncludeStructuredContent {
		return nil
	}
	var o object
	o.raw("result", raw)
	return o.close()
}

// passOn returns the result as it came, but for structuredContent, which holds value if it is asked for.
func (t *Tools) passOn(r upstreamResult, value json.RawMessage) json.RawMessage {
	out := r.raw
	if r.meta != nil {
		if _, foreign := jsonrpc.Get(out, "_meta", mcp.MetaServerInfo); foreign {
			out = jsonrpc.Set(out, r.meta, "_meta")
		}
	}
	if s := t.structured(value); s != nil {
		return jsonrpc.Set(out, s, "structuredContent")
	}
	if r.structured != nil {
		return jsonrpc.Delete(out, "structuredContent")
	}
	return out
}

// presentError renders what the tool says went wrong. An error with other
// content than texts passes as it came, isError included.
func (t *Tools) presentError(c *call, r upstreamResult) json.RawMessage {
	var texts []string
	for item := range jsonrpc.Elements(r.content) {
		typ, _ := jsonrpc.GetString(item, "type")
		text, ok := jsonrpc.GetString(item, "text")
		if typ != "text" || !ok {
			return t.passOn(r, r.content)
		}
		texts = append(texts, text)
	}
	text := strings.Join(texts, "\n")
	if text == "" {
		text = "The tool reported an error without a text"
		if len(r.structured) > 0 {
			text = string(compact(r.structured))
		}
	}
	o := c.problem(messages.KindUpstream, text)
	o.str("kind", messages.KindUpstream.String())
	o.str("server", c.server)
	o.str("sent", messages.SentDone.String())
	return textResultWith(string(o.close()), true, nil, r.meta)
}
