package jsonrpc

import (
	"bytes"
	"encoding/json"
	"unicode/utf16"
	"unicode/utf8"
)

// Quote returns s as a JSON string, non-ASCII unescaped, HTML characters
// unescaped. Bytes that are not UTF-8 become U+FFFD.
func Quote(s string) json.RawMessage {
	return appendQuoted(make([]byte, 0, len(s)+2), s)
}

func appendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	done := 0 // s[:done] is written
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[done:i]...), "\ufffd"...)
				done = i + 1
			}
			i += size
			continue
		}
		if c >= 0x20 && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[done:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		done = i
	}
	return append(append(dst, s[done:]...), '"')
}

// appendUnquoted appends what the JSON string raw, quotes included, stands
// for. A surrogate without its partner becomes U+FFFD.
func appendUnquoted(dst, raw []byte) []byte {
	body := raw[1 : len(raw)-1]
	for {
		i := bytes.IndexByte(body, '\\')
		if i < 0 || i+1 >= len(body) {
			return append(dst, body...)
		}
		dst = append(dst, body[:i]...)
		c := body[i+1]
		body = body[i+2:]
		switch c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := Hex4(body)
			if r < 0 {
				return dst // no JSON: whoever calls us has validated it
			}
			body = body[4:]
			if utf16.IsSurrogate(r) {
				pair := rune(utf8.RuneError)
				if len(body) >= 6 && body[0] == '\\' && body[1] == 'u' {
					pair = utf16.DecodeRune(r, Hex4(body[2:]))
				}
				if pair != utf8.RuneError {
					body = body[6:]
				}
				r = pair
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
}

// Hex4 returns the number in the four hexadecimal digits that b begins with,
// those of an escape, or -1 if there are none.
func Hex4(b []byte) rune {
	if len(b) < 4 {
		return -1
	}
	var r rune
	for _, c := range b[:4] {
		d := hexDigit(c)
		if d < 0 {
			return -1
		}
		r = r<<4 | d
	}
	return r
}

// Unquote returns what the valid JSON string raw, quotes included, stands for. A
// surrogate without its partner becomes U+FFFD.
func Unquote(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	return string(appendUnquoted(nil, raw))
}

// often are methods that need no string of their own: those that are asked for
// again and again.
var often = func() map[string]string {
	m := map[string]string{}
	for _, method := range []string{
		"tools/call", "tools/list", "resources/read", "resources/list", "resources/templates/list", "prompts/get", "prompts/list",
		"completion/complete", "ping", "server/discover", "notifications/progress", "notifications/message", "notifications/cancelled",
	} {
		m[method] = method
	}
	return m
}()

// methodOf is Unquote for the name of a method.
func methodOf(raw []byte) string {
	if method, ok := often[string(raw[1:len(raw)-1])]; ok {
		return method
	}
	return Unquote(raw)
}

// StringIs tells whether the JSON string raw, quotes included, stands for s. It
// does not allocate.
func StringIs(raw []byte, s string) bool {
	body := raw[1 : len(raw)-1]
	if len(body) < len(s) || len(body) > 6*len(s) {
		return false // an escape takes at most six bytes for each of s
	}
	if bytes.IndexByte(body, '\\') < 0 {
		return string(body) == s
	}
	var buf [64]byte
	return string(appendUnquoted(buf[:0], raw)) == s
}

// Marshal is json.Marshal without HTML escaping and without a trailing newline.
func Marshal(v any) (json.RawMessage, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
