package h1

import "strings"

// Which bytes may stand where (RFC 9110, 5.6.2 and 5.5; RFC 3986).
var (
	isToken  = chars("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	isHost   = span('!', '~', "/\\?#@\"<>^`{|}")
	isTarget = span('!', 0xff, "\x7f")
	isValue  = span(' ', 0xff, "\x7f", '\t')
)

type charSet [256]bool

func chars(s string) (set charSet) {
	for i := range len(s) {
		set[s[i]] = true
	}
	return set
}

// span is the set of the bytes from first to last without those of except, and
// with those of and.
func span(first, last byte, except string, and ...byte) (set charSet) {
	for b := int(first); b <= int(last); b++ {
		set[b] = strings.IndexByte(except, byte(b)) < 0
	}
	for _, b := range and {
		set[b] = true
	}
	return set
}

func allIn(s string, set *charSet) bool {
	for i := range len(s) {
		if !set[s[i]] {
			return false
		}
	}
	return true
}

// trimBlanks removes optional white space (RFC 9110, 5.6.3).
func trimBlanks(s string) string {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for len(s) > 0 && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// hasToken tells whether one of the values, which are lists, holds the token.
func hasToken(values []string, token string) bool {
	for _, list := range values {
		for list != "" {
			var item string
			item, list, _ = strings.Cut(list, ",")
			if isSame(trimBlanks(item), token) {
				return true
			}
		}
	}
	return false
}

// isSame compares without regard to the case of ASCII letters. Unicode knows
// other letters of which a lower-case form is in "chunked" and "close".
func isSame(s, lower string) bool {
	return len(s) == len(lower) && strings.EqualFold(s, lower)
}
