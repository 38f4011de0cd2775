package tsschema

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

const maxNameBytes = 64

// notNames cannot be, or had better not be, the name of a type: reserved
// words, what TypeScript has built in, and what it reads otherwise in a type.
var notNames = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`
		break case catch class const continue debugger default delete do else enum export extends false finally for
		function if import in instanceof new null return super switch this throw true try typeof var void while with
		implements interface let package private protected public static yield await arguments eval
		any bigint boolean never number object string symbol undefined unknown intrinsic
		abstract asserts infer is keyof readonly unique out declare type namespace module global as async of
		Record Array`) {
		m[w] = true
	}
	return m
}()

func isWordStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$'
}

// isIdentifier tells whether s can stand unquoted as the name of a property.
// Reserved words can. Names that are not ASCII are quoted: which of them are
// identifiers depends on the compiler's version of Unicode.
func isIdentifier(s string) bool {
	if s == "" || !isWordStart(s[0]) {
		return false
	}
	for i := 1; i < len(s); i++ {
		if !isWordStart(s[i]) && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return true
}

// identifier makes a text the name of a type; "Type" if nothing of it can stand
// in one.
func identifier(s string) string {
	out := make([]byte, 0, min(len(s), maxNameBytes)+1)
	speaks := false
	for _, r := range s {
		if len(out) == maxNameBytes {
			break
		}
		switch digit := '0' <= r && r <= '9'; {
		case digit && len(out) == 0:
			out, speaks = append(out, '_', byte(r)), true
		case digit, r < utf8.RuneSelf && isWordStart(byte(r)):
			out = append(out, byte(r))
			speaks = speaks || r != '_'
		default:
			out = append(out, '_')
		}
	}
	switch name := string(out); {
	case !speaks:
		return "Type"
	case notNames[name]:
		return name + "_"
	default:
		return name
	}
}

// literal returns a text as a TypeScript string. What could end a line, hide or
// reorder what a person sees is escaped.
func literal(s string) string {
	quoted := string(jsonrpc.Quote(s))
	if strings.IndexFunc(quoted, invisible) < 0 {
		return quoted
	}
	const hex = "0123456789abcdef"
	var b strings.Builder
	for _, r := range quoted {
		if !invisible(r) {
			b.WriteRune(r)
			continue
		}
		b.WriteString(`\u`) // all of them have four digits
		for shift := 12; shift >= 0; shift -= 4 {
			b.WriteByte(hex[r>>shift&15])
		}
	}
	return b.String()
}

// invisible tells whether a character is a control character (C1 and DEL too),
// a separator of lines, a mark that changes the direction of the text, or a
// byte order mark.
func invisible(r rune) bool {
	switch {
	case r < 0x20 || 0x7f <= r && r < 0xa0, r == 0x061c, r == 0x200e, r == 0x200f, 0x2028 <= r && r <= 0x202e, 0x2066 <= r && r <= 0x2069, r == 0xfeff:
		return true
	}
	return false
}

// oneLine makes a text one line of at most limit characters, the last three
// "..." if it was cut. White space and what is invisible become single spaces.
func oneLine(s string, limit int) string {
	var b strings.Builder
	n, keep, space := 0, 0, false // characters in b; bytes of the first limit-3; white space is due
	add := func(r rune) bool {
		if n == max(limit-3, 0) {
			keep = b.Len()
		}
		if n == limit {
			return false
		}
		b.WriteRune(r)
		n++
		return true
	}
	for _, r := range s {
		if unicode.IsSpace(r) || invisible(r) {
			space = n > 0
			continue
		}
		if space && !add(' ') || !add(r) {
			return b.String()[:keep] + "..."[:min(limit, 3)]
		}
		space = false
	}
	return b.String()
}
