package toon

import "math"

// list reads what a header announces, whose line stands at the depth (§9).
func (d *decoder) list(h header, l line, depth int) error {
	if err := d.enter(l); err != nil {
		return err
	}
	var err error
	switch {
	case h.keyed:
		err = d.entries(h, l, depth)
	case h.fields != nil:
		err = d.rows(h, l, depth)
	case len(h.inline) > 0:
		err = d.inline(h, l)
	default:
		err = d.items(h, l, depth)
	}
	d.level--
	return err
}

// count compares with the length that a header declares (§14.1).
func (d *decoder) count(h header, l line, n int) error {
	if d.strict && n != h.length {
		if h.length == math.MaxInt {
			return d.fail(l, "the header declares more than there can be, and there are %d", n)
		}
		return d.fail(l, "the header declares %d, and there are %d", h.length, n)
	}
	return nil
}

func (d *decoder) inline(h header, l line) error {
	d.cells = appendCells(d.cells[:0], h.inline, h.delimiter)
	if err := d.count(h, l, len(d.cells)); err != nil {
		return err
	}
	between := byte('[')
	for _, tok := range d.cells {
		var err error
		if d.out, err = appendScalar(append(d.out, between), tok); err != nil {
			return d.at(l, err)
		}
		between = ','
	}
	d.out = append(d.out, ']')
	return nil
}

// each hands the lines of a list or a table to one, and returns how many there
// were. A line that wrong has something to say about cannot be among them.
func (d *decoder) each(depth int, wrong func(text []byte) string, one func(l line, inner int) error) (n int, err error) {
	inner, err := d.scope(depth)
	if err != nil {
		return 0, err
	}
	for d.more && d.next.depth > depth {
		if d.next.depth != inner {
			return n, d.tooFar(inner)
		}
		if what := wrong(d.next.text); what != "" {
			return n, d.fail(d.next, "%s", what)
		}
		l, err := d.take()
		if err != nil {
			return n, err
		}
		if n == 0 {
			d.begun++
		}
		n++
		if err := one(l, inner); err != nil {
			return n, err
		}
	}
	if n > 0 {
		d.begun--
	}
	return n, nil
}

// items reads elements that stand on lines of their own (§9.2, §9.4).
func (d *decoder) items(h header, l line, depth int) error {
	d.out = append(d.out, '[')
	start := len(d.out)
	n, err := d.each(depth, notItem, func(l line, inner int) error {
		if len(d.out) > start {
			d.out = append(d.out, ',')
		}
		return d.item(l, inner)
	})
	if err != nil {
		return err
	}
	d.out = append(d.out, ']')
	return d.count(h, l, n)
}

func notItem(text []byte) string {
	if text[0] == '-' && (len(text) == 1 || text[1] == ' ') {
		return ""
	}
	return "a line in a list does not begin with a hyphen"
}

func (d *decoder) item(l line, depth int) error {
	l.text = trim(l.text[1:])
	switch {
	case len(l.text) == 0, string(l.text) == "[]":
		if err := d.enter(l); err != nil {
			return err
		}
		d.level--
		if len(l.text) == 0 {
			l.text = []byte("{}")
		}
		d.out = append(d.out, l.text...)
		return nil
	case unquoted(l.text, ':', 0) < 0:
		var err error
		d.out, err = appendScalar(d.out, l.text)
		return d.at(l, err)
	case l.text[0] == '[':
		h, found, err := d.header(l, l.text)
		if err != nil {
			return err
		}
		if found && h.fields != nil {
			return d.fail(l, "a table without a key stands in a list; only the root may be one")
		}
		if found {
			return d.list(h, l, depth)
		}
	}
	return d.object(depth+1, &l)
}

// rows reads the objects of a table (§9.3).
func (d *decoder) rows(h header, l line, depth int) error {
	d.out = append(d.out, '[')
	start := len(d.out)
	notRow := func(text []byte) string {
		colon, cut := unquoted(text, ':', 0), unquoted(text, h.delimiter, 0)
		if colon < 0 || 0 <= cut && cut < colon {
			return ""
		}
		return "a line in a table has a key, as if it were no row"
	}
	n, err := d.each(depth, notRow, func(l line, _ int) error {
		if len(d.out) > start {
			d.out = append(d.out, ',')
		}
		return d.row(h, l, l.text)
	})
	if err != nil {
		return err
	}
	d.out = append(d.out, ']')
	return d.count(h, l, n)
}

func (d *decoder) row(h header, l line, text []byte) error {
	d.cells = d.cells[:0]
	if len(text) > 0 {
		d.cells = appendCells(d.cells, text, h.delimiter)
	}
	if len(d.cells) != h.fields.leaves {
		return d.fail(l, "a row has %d cells, and the header of its table %d names", len(d.cells), h.fields.leaves)
	}
	if h.fields.twice != "" { // not all cells are going to be read
		mark := len(d.out)
		for _, tok := range d.cells {
			var err error
			if d.out, err = appendScalar(d.out[:mark], tok); err != nil {
				return d.at(l, err)
			}
		}
		d.out = d.out[:mark]
	}
	var err error
	d.out, err = h.fields.append(d.out, d.cells)
	return d.at(l, err)
}

// entries reads the objects of a keyed table (§9.5).
func (d *decoder) entries(h header, l line, depth int) error {
	o := d.open()
	notEntry := func([]byte) string { return "" } // that it lacks a key will show
	n, err := d.each(depth, notEntry, func(l line, _ int) error {
		key, cells, err := splitMember(l.text)
		if err != nil {
			return d.at(l, err)
		}
		if err := d.key(&o, key, l); err != nil {
			return err
		}
		return d.row(h, l, cells)
	})
	if err != nil {
		return err
	}
	d.shut(&o)
	return d.count(h, l, n)
}
