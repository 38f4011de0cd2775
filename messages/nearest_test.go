package messages

import (
	"strings"
	"testing"
)

func TestNearest_FindsWhatWasMeant(t *testing.T) {
	candidates := []string{"command", "args", "env", "url", "request_timeout", "max_queue", "cwd"}
	for word, want := range map[string]string{
		"comand": "command", "commnad": "command", "Command": "command", "arg": "args", "evn": "env", "urls": "url",
		"requestTimeout": "request_timeout", "request-timeot": "request_timeout", "maxQueue": "max_queue",
		"x": "", "description": "", "": "", strings.Repeat("command", 20): "",
	} {
		if got := Nearest(word, candidates); got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
}

func TestDistance_CountsEditsAndSwaps(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "abd", 1}, {"kitten", "sitting", 3}, {"ab", "ba", 1}, {"ca", "abc", 3}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%s to %s: got %d, want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a); got != c.want {
			t.Errorf("%s to %s: got %d, want %d", c.b, c.a, got, c.want)
		}
	}
}
