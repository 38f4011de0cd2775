package telemetry

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mcpx/mcpx/messages"
)

// textMax bounds what one text may add to a line, in bytes.
const textMax = 4 << 10

// clean makes a text that came from elsewhere fit for a log: secrets masked, no
// character that moves a terminal's cursor or starts a line, bounded.
func clean(s string) string {
	if len(s) > textMax {
		cut := textMax
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return escape(mask(s))
}

// escape writes what does not print as Go would in a string: \n, \x1b, \u202e.
func escape(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !printable(r) }) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i]), 16))
		case printable(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

func printable(r rune) bool { return r == ' ' || unicode.IsPrint(r) }

var (
	// Without a dash in its scheme: a connection is called "SSE-http://…". And
	// without what ends a sentence.
	urlLike = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.]*://[^\s"'<>)\]]*[^\s"'<>)\].,:;]`)

	// name=value, name: value, --name value, of names that hold secrets. The
	// value ends where a list or a quote would.
	assignment = regexp.MustCompile(`(?i)([A-Za-z0-9_-]*(?:token|secret|passw(?:or)?d|api[-_]?key|authorization|credential)[A-Za-z0-9_-]*["']?(?:\s*[=:]\s*|\s+))((?:bearer|basic)\s+)?("[^"]*"|'[^']*'|[^\s,;"')\]}]+)`)

	// What is a secret by its own form, whatever stands before it.
	secretForms = regexp.MustCompile(`\b(?:sk-[A-Za-z0-9_-]{8,}|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}|glpat-[A-Za-z0-9_-]{16,}|xox[abprs]-[A-Za-z0-9-]{8,}|AKIA[0-9A-Z]{16}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)`)

	bearer = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}`)
)

// mask hides what looks like a secret. It would rather hide a harmless word
// after "token:" than show a token; names of connections come masked already.
func mask(s string) string {
	s = urlLike.ReplaceAllStringFunc(s, messages.MaskURL)
	s = assignment.ReplaceAllStringFunc(s, func(hit string) string {
		m := assignment.FindStringSubmatch(hit)
		// Without "=" or ":" only flags assign: "the token is missing" does not.
		if !strings.ContainsAny(m[1], "=:") && !strings.HasPrefix(m[1], "-") {
			return hit
		}
		return m[1] + messages.Mask
	})
	s = bearer.ReplaceAllString(s, "$1 "+messages.Mask)
	return secretForms.ReplaceAllString(s, messages.Mask)
}
