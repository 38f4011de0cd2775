package toon

import "bytes"

// special holds for each delimiter the bytes that a string has to be quoted
// for wherever they stand in it (§7.2).
var special = map[Delimiter]*[256]bool{Comma: specials(','), Tab: specials('\t'), Pipe: specials('|')}

func specials(delimiter byte) *[256]bool {
	var t [256]bool
	for c := range 0x20 {
		t[c] = true
	}
	for _, c := range []byte(":\"\\[]{}") {
		t[c] = true
	}
	t[delimiter] = true
	return &t
}

// looksDifferent tells whether a string without such a byte has to be quoted
// all the same: it would be read as something else (§7.2).
func looksDifferent(s []byte) bool {
	if len(s) == 0 || s[0] == ' ' || s[len(s)-1] == ' ' {
		return true
	}
	switch s[0] {
	case '-', '#':
		return true
	case '+', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return likeNumber(s)
	case 't', 'f', 'n':
		return isWord(s)
	}
	return false
}

// isWord tells whether an unquoted token is a boolean or null.
func isWord(tok []byte) bool {
	switch string(tok) {
	case "true", "false", "null":
		return true
	}
	return false
}

// isPlainKey tells whether a key may stand without quotes (§7.3).
func isPlainKey(s []byte) bool {
	if len(s) == 0 || s[0] == '.' || '0' <= s[0] && s[0] <= '9' {
		return false
	}
	for _, c := range s {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}

// trim cuts spaces, and nothing else, from both ends (§12).
func trim(s []byte) []byte { return bytes.Trim(s, " ") }
