package toon

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// header declares a list, a table or a keyed table (§6).
type header struct {
	key       []byte // as JSON; nil if there is none
	length    int
	delimiter byte
	keyed     bool
	fields    *fields // of a table
	inline    []byte  // what follows the colon
}

// fields are the names of a table, or of one group in it (§9.3). If a name
// stands there twice, which strict mode refuses, the first place and the last
// meaning stay.
type fields struct {
	list   []field
	leaves int // cells from the first to the last field, replaced ones too
	twice  string
}

type field struct {
	key   []byte  // as JSON
	cell  int     // in the row, if it has no group
	group *fields // or nil
}

// errDepth marks a header that is malformed in no mode: it is too deep.
var errDepth = errors.New("nested too deep")

// parseHeader tells whether a line is a header. If it looks like one and is
// malformed, err says why. Groups may be nested at most depth deep.
func parseHeader(text []byte, depth int) (h header, found bool, err error) {
	bracket := unquoted(text, '[', 0)
	if len(text) > 0 && text[0] == '"' {
		bracket = closing(text, 0) + 1
		if bracket == 0 || bracket == len(text) || text[bracket] != '[' {
			return h, false, nil
		}
	}
	if colon := unquoted(text, ':', 0); bracket < 0 || colon < bracket {
		return h, false, nil // without a colon, or with one before, it is none (§5.2)
	}
	if bracket > 0 {
		if last := text[bracket-1]; last == ' ' || last == '\t' {
			return h, false, errors.New("a space stands between the key and the length of a list")
		}
		if h.key, err = appendKey(nil, text[:bracket]); err != nil {
			return h, false, err
		}
	}
	i, err := h.parseLength(text, bracket+1)
	if err != nil {
		return h, false, err
	}
	if i < len(text) && text[i] == '{' {
		p := fieldParser{text: text, delimiter: h.delimiter}
		h.fields, i, err = p.parse(i, depth)
		if err != nil {
			return h, false, err
		}
	}
	if i == len(text) || text[i] != ':' {
		return h, false, fmt.Errorf("%q stands before the colon of a list's header", rest(text, i))
	}
	h.inline = trim(text[i+1:])
	switch {
	case h.keyed && h.fields == nil:
		return h, false, errors.New("a keyed table has no names in its header")
	case h.fields != nil && len(h.inline) > 0:
		return h, false, fmt.Errorf("%q follows the header of a table; its rows have lines of their own", rest(h.inline, 0))
	}
	return h, true, nil
}

// parseLength reads what is between the brackets and returns the index after them.
func (h *header) parseLength(text []byte, i int) (int, error) {
	end := digits(text, i)
	number := text[i:end]
	if len(number) == 0 || number[0] == '0' && len(number) > 1 {
		return i, fmt.Errorf("%q is no length of a list", rest(text, i-1))
	}
	h.delimiter = byte(Comma)
	var err error
	if h.length, err = strconv.Atoi(string(number)); err != nil {
		h.length = math.MaxInt // no list has that many
	}
	if end < len(text) && text[end] == ':' {
		h.keyed = true
		end++
	}
	if end < len(text) && (text[end] == byte(Tab) || text[end] == byte(Pipe)) {
		h.delimiter = text[end]
		end++
	}
	if end == len(text) || text[end] != ']' {
		return i, fmt.Errorf("%q is no length of a list", rest(text, i-1))
	}
	return end + 1, nil
}

// rest is what a message quotes of a line.
func rest(text []byte, i int) []byte { return text[i:min(len(text), i+40)] }

// fieldParser reads the names of a table.
type fieldParser struct {
	text      []byte
	delimiter byte
	leaves    int
}

// parse reads a group that begins with the brace at text[i] and returns the
// index after the one that closes it.
func (p *fieldParser) parse(i, depth int) (*fields, int, error) {
	if depth < 0 {
		return nil, i, errDepth
	}
	f := &fields{}
	before := p.leaves
	var at map[string]int // index of a field by its key, once there are many
	for {
		start := i + 1
		end, err := p.nameEnd(start)
		if err != nil {
			return nil, i, err
		}
		name := bytes.TrimLeft(p.text[start:end], " ")
		opens := p.text[end] == '{'
		switch trimmed := bytes.TrimRight(name, " "); {
		case len(trimmed) == 0:
			return nil, i, errors.New("a name is missing in the header of a table")
		case opens && len(trimmed) < len(name):
			return nil, i, errors.New("a space stands between a name and its group in the header of a table")
		default:
			name = trimmed
		}
		fd := field{cell: p.leaves}
		if fd.key, err = appendKey(nil, name); err != nil {
			return nil, i, err
		}
		i = end
		if opens {
			if fd.group, i, err = p.parse(end, depth-1); err != nil {
				return nil, i, err
			}
			for i < len(p.text) && p.text[i] == ' ' {
				i++
			}
		} else {
			p.leaves++
		}
		at = f.add(fd, at)
		switch {
		case i == len(p.text):
			return nil, i, errBraces
		case p.text[i] == '}':
			f.leaves = p.leaves - before
			return f, i + 1, nil
		case p.text[i] != p.delimiter:
			return nil, i, fmt.Errorf("%q follows a group in the header of a table, where a brace or %q is expected", p.text[i], p.delimiter)
		}
	}
}

// add appends a field, or replaces the one of the same name. at is the index
// of many fields.
func (f *fields) add(fd field, at map[string]int) map[string]int {
	place := -1
	if at == nil {
		for i := range f.list {
			if bytes.Equal(f.list[i].key, fd.key) {
				place = i
			}
		}
		if len(f.list) == few {
			at = make(map[string]int)
			for i := range f.list {
				at[string(f.list[i].key)] = i
			}
		}
	} else if i, known := at[string(fd.key)]; known {
		place = i
	}
	switch {
	case place >= 0:
		f.twice = string(fd.key)
		f.list[place] = fd
		return at
	case at != nil:
		at[string(fd.key)] = len(f.list)
	}
	f.list = append(f.list, fd)
	if fd.group != nil && fd.group.twice != "" {
		f.twice = fd.group.twice
	}
	return at
}

var errBraces = errors.New("a brace in the header of a table is not closed")

// nameEnd returns the index of the delimiter or brace after a name.
func (p *fieldParser) nameEnd(i int) (int, error) {
	quoted := false
	for ; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '}' || c == p.delimiter:
			return i, nil
		case c == byte(Comma) || c == byte(Tab) || c == byte(Pipe):
			return i, fmt.Errorf("%q stands between the names in the header of a table, where the delimiter is %q", c, p.delimiter)
		}
	}
	return i, errBraces
}

// append appends the object that a row stands for, as JSON.
func (f *fields) append(dst []byte, cells [][]byte) ([]byte, error) {
	between := byte('{')
	for i := range f.list {
		fd := &f.list[i]
		dst = append(append(append(dst, between), fd.key...), ':')
		between = ','
		var err error
		if fd.group != nil {
			dst, err = fd.group.append(dst, cells)
		} else {
			dst, err = appendScalar(dst, cells[fd.cell])
		}
		if err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}
