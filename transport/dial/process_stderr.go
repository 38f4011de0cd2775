package dial

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/mcpx/mcpx/messages"
)

const (
	stderrLine = 8 << 10 // bytes of one line; the rest of it is dropped
	lastLines  = 8       // of stderr, quoted when a server fails
	lastBytes  = 1 << 10
)

// stderrTail is what a server said on stderr: handed on line by line, and its
// end kept to explain a failure. What it holds is fit to be shown.
type stderrTail struct {
	limit   int // bytes kept
	hook    func(string)
	secrets *strings.Replacer

	mu    sync.Mutex
	lines []string
	size  int
}

func newStderrTail(spec messages.ServerSpec, limit int, hook func(string)) *stderrTail {
	if hook == nil {
		hook = func(string) {}
	}
	var pairs []string
	for name, value := range spec.Env {
		if messages.SecretName(name) && len(value) >= 6 {
			pairs = append(pairs, value, messages.Mask)
		}
	}
	return &stderrTail{limit: limit, hook: hook, secrets: strings.NewReplacer(pairs...)}
}

// read takes everything until the end. Should the hook panic, nothing more is
// handed on, but reading goes on: the server must not block on a full pipe.
func (t *stderrTail) read(from io.Reader) {
	defer func() {
		if recover() != nil {
			_, _ = io.Copy(io.Discard, from)
		}
	}()
	r := bufio.NewReaderSize(from, stderrLine)
	for {
		line, err := r.ReadSlice('\n')
		if len(line) > 0 {
			t.add(string(line))
		}
		for errors.Is(err, bufio.ErrBufferFull) { // skip the rest of a long line
			_, err = r.ReadSlice('\n')
		}
		if err != nil {
			return
		}
	}
}

// add takes one line.
func (t *stderrTail) add(line string) {
	line = t.secrets.Replace(harmless(strings.TrimRight(line, "\r\n")))
	t.mu.Lock()
	t.lines = append(t.lines, line)
	t.size += len(line) + 1
	for t.size > t.limit && len(t.lines) > 0 {
		t.size -= len(t.lines[0]) + 1
		t.lines[0] = ""
		t.lines = t.lines[1:]
	}
	t.mu.Unlock()
	t.hook(line)
}

// quote returns the last lines as the end of a sentence, empty when there are none.
func (t *stderrTail) quote() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var last []string
	for size, i := 0, len(t.lines)-1; i >= 0 && len(last) < lastLines; i-- {
		if size += len(t.lines[i]); size > lastBytes && len(last) > 0 {
			break
		}
		if t.lines[i] != "" {
			last = append(last, shorten(t.lines[i], lastBytes))
		}
	}
	if len(last) == 0 {
		return ""
	}
	slices.Reverse(last)
	return "; its stderr ends with: " + strings.Join(last, " | ")
}

var colours = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]`)

// harmless makes a foreign line fit for a terminal and a log: colours go,
// control characters, broken UTF-8 and what turns the direction of text become
// visible.
func harmless(line string) string {
	plain := true
	for i := 0; i < len(line) && plain; i++ {
		plain = ' ' <= line[i] && line[i] < 0x7f || line[i] == '\t'
	}
	if plain {
		return line
	}
	line = colours.ReplaceAllString(line, "")
	var b strings.Builder
	for i, r := range line {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(line[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, line[i])
		case r == '\t' || !unicode.IsControl(r) && !unicode.Is(unicode.Bidi_Control, r) && r != '\u2028' && r != '\u2029':
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// shorten cuts a text to at most n bytes, at a rune.
func shorten(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}
