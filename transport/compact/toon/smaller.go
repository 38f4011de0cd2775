package toon

import "encoding/json"

// Smaller returns a value as TOON if that is worth it: the value is large
// enough for its kind, TOON can carry it, and its text has fewer bytes than
// compact JSON (a draw goes to JSON, which every client reads). Large enough is an object with at least least keys, a list of
// at least least objects that have the same keys, or any other list of at least twice
// that; never a scalar, {} or []. What is no JSON, or is nested deeper than
// DefaultDepth, is not ok either.
func Smaller(raw json.RawMessage, least int) (text []byte, ok bool) {
	d, err := parse(raw, DefaultDepth)
	if err != nil || !d.largeEnough(least) {
		return nil, false
	}
	text, err = d.encode(EncodeOptions{MaxBytes: d.compact - 1})
	return text, err == nil
}

func (d *document) largeEnough(least int) bool {
	if len(d.nodes) == 0 || d.nodes[0].size == 0 {
		return false
	}
	size := int(d.nodes[0].size)
	switch {
	case size < least:
		return false
	case d.isObject(0) || size >= 2*least || d.nodes[0].rows != 0:
		return true
	}
	return d.sameKeys()
}

// sameKeys tells whether the root is a list of objects that all have the keys
// of the first, whatever is behind them.
func (d *document) sameKeys() bool {
	first := make(map[string]struct{})
	for c := d.walk(0); c.left > 0; {
		it := d.take(&c, false)
		if it.node == noNode || !d.isObject(it.node) {
			return false
		}
		if it.node == 1 {
			for m := d.walk(it.node); m.left > 0; {
				first[string(d.take(&m, true).key)] = struct{}{}
			}
			continue
		}
		if int(d.nodes[it.node].size) != len(first) {
			return false
		}
		for m := d.walk(it.node); m.left > 0; {
			if _, known := first[string(d.take(&m, true).key)]; !known {
				return false
			}
		}
	}
	return true
}
