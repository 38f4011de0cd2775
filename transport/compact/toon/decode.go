package toon

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Decode reads a TOON text as compact JSON. It refuses a malformed text with a
// *SyntaxError, one whose JSON is longer than the options allow with
// ErrTooLarge.
func Decode(text []byte, o DecodeOptions) (json.RawMessage, error) {
	d := decoder{lines: lines{rest: text, strict: !o.Lenient}}
	var err error
	if d.indent, err = orDefault(o.IndentSize, defaultIndent, "IndentSize"); err != nil {
		return nil, err
	}
	if d.depth, err = orDefault(o.MaxDepth, DefaultDepth, "MaxDepth"); err != nil {
		return nil, err
	}
	if d.limit, err = orDefault(o.MaxBytes, DefaultBytes, "MaxBytes"); err != nil {
		return nil, err
	}
	if err := d.root(); err != nil {
		return nil, err
	}
	if len(d.out) > d.limit {
		return nil, ErrTooLarge
	}
	return d.out, nil
}

type decoder struct {
	lines
	out   []byte
	depth int // levels that may be open at once
	limit int // bytes of out
	level int // levels that are open
	begun int // of these, the lists and tables whose first line has been read
	keys  []span
	cells [][]byte // room for those of one row
}

func (d *decoder) fail(l line, format string, args ...any) error {
	return &SyntaxError{Line: l.number, What: fmt.Sprintf(format, args...)}
}

// at gives an error of a token its line.
func (d *decoder) at(l line, err error) error {
	if err == nil {
		return nil
	}
	return d.fail(l, "%v", err)
}

// take returns the next line and reads the one after it. A blank line before
// it must not stand inside a list (§12).
func (d *decoder) take() (line, error) {
	l := d.next
	if len(d.out) > d.limit {
		return l, ErrTooLarge
	}
	if d.strict && d.begun > 0 && l.blank > 0 {
		return l, &SyntaxError{Line: l.blank, What: "a blank line inside a list or a table"}
	}
	return l, d.advance()
}

// enter counts a level that opens on a line.
func (d *decoder) enter(l line) error {
	if d.level++; d.level > d.depth {
		return d.fail(l, "%v (at most %d levels)", errDepth, d.depth)
	}
	return nil
}

// root reads the whole text (§5).
func (d *decoder) root() error {
	if err := d.advance(); err != nil {
		return err
	}
	first := d.next
	switch {
	case !d.more:
		d.out = append(d.out, "{}"...)
		return nil
	case first.depth > 0:
		return d.fail(first, "the first line is indented")
	case string(first.text) == "[]":
		if _, err := d.take(); err != nil {
			return err
		}
		d.out = append(d.out, "[]"...)
		return d.end()
	case first.text[0] == '[':
		h, found, err := d.header(first, first.text)
		if err != nil {
			return err
		}
		if found {
			if _, err := d.take(); err != nil {
				return err
			}
			if err := d.list(h, first, 0); err != nil {
				return err
			}
			return d.end()
		}
	}
	if unquoted(first.text, ':', 0) < 0 {
		return d.value(first)
	}
	return d.object(0, nil)
}

// value reads a text that is one scalar.
func (d *decoder) value(first line) error {
	if _, err := d.take(); err != nil {
		return err
	}
	if d.more {
		return d.fail(first, "a line without a colon, where a key is expected: only a value that stands alone has none")
	}
	var err error
	d.out, err = appendScalar(d.out, first.text)
	return d.at(first, err)
}

func (d *decoder) end() error {
	if d.more {
		return d.fail(d.next, "more follows where the text should end: its root is a list or a table")
	}
	return nil
}

// header is parseHeader as the mode has it: what is malformed is an error, or
// no header (§6).
func (d *decoder) header(l line, text []byte) (header, bool, error) {
	h, found, err := parseHeader(text, d.depth-d.level-2) // the list and its row are levels too
	switch {
	case errors.Is(err, errDepth):
		return h, false, d.at(l, err)
	case err != nil && d.strict:
		return h, false, d.at(l, err)
	case err != nil:
		return h, false, nil
	case found && d.strict && h.fields != nil && h.fields.twice != "":
		return h, false, d.fail(l, "the name %s stands twice in the header of a table", h.fields.twice)
	}
	return h, found, nil
}

// object reads the members at a depth (§8). If first is not nil it holds the
// first one, which stands on the line of a hyphen (§10).
func (d *decoder) object(depth int, first *line) error {
	on := d.next
	if first != nil {
		on = *first
	}
	if err := d.enter(on); err != nil {
		return err
	}
	o := d.open()
	if first != nil {
		if err := d.member(&o, *first, depth); err != nil {
			return err
		}
	}
	for d.more && d.next.depth >= depth {
		if d.next.depth > depth {
			return d.tooFar(depth)
		}
		l, err := d.take()
		if err != nil {
			return err
		}
		if err := d.member(&o, l, depth); err != nil {
			return err
		}
	}
	d.shut(&o)
	d.level--
	return nil
}

func (d *decoder) tooFar(depth int) error {
	return d.fail(d.next, "the line is indented to level %d, where level %d is expected", d.next.depth, depth)
}

func (d *decoder) member(o *object, l line, depth int) error {
	h, found, err := d.header(l, l.text)
	if err != nil {
		return err
	}
	if found {
		if h.key == nil {
			return d.fail(l, "the header of a list has no key, where a member of an object is expected")
		}
		if err := d.key(o, h.key, l); err != nil {
			return err
		}
		return d.list(h, l, depth)
	}
	key, value, err := splitMember(l.text)
	if err != nil {
		return d.at(l, err)
	}
	if err := d.key(o, key, l); err != nil {
		return err
	}
	switch {
	case len(value) > 0 && string(value) != "[]":
		d.out, err = appendScalar(d.out, value)
		return d.at(l, err)
	case len(value) == 0 && d.more && d.next.depth > depth:
		inner, err := d.scope(depth)
		if err != nil {
			return err
		}
		return d.object(inner, nil)
	}
	if err := d.enter(l); err != nil {
		return err
	}
	d.level--
	if len(value) == 0 {
		value = []byte("{}")
	}
	d.out = append(d.out, value...)
	return nil
}

var errColon = errors.New("a colon is missing after a key")

// splitMember returns the key of a line, as JSON, and the token after its colon (§7.4).
func splitMember(text []byte) (key, value []byte, err error) {
	colon := unquoted(text, ':', 0)
	if text[0] == '"' {
		end := closing(text, 0)
		if end < 0 {
			return nil, nil, errUnclosed
		}
		colon = end + 1
		for colon < len(text) && text[colon] == ' ' {
			colon++
		}
		if colon == len(text) || text[colon] != ':' {
			return nil, nil, errColon
		}
	}
	if colon < 0 {
		return nil, nil, errColon
	}
	key, err = appendKey(nil, trim(text[:colon]))
	return key, trim(text[colon+1:]), err
}

// scope returns the depth of what belongs to a line at a depth: one level more.
func (d *decoder) scope(depth int) (int, error) {
	if !d.more || d.next.depth <= depth+1 {
		return depth + 1, nil
	}
	if d.strict {
		return 0, d.tooFar(depth + 1)
	}
	return d.next.depth, nil
}
