package toon

import "bytes"

// object is an object that is being written.
type object struct {
	at    int                 // its brace in out
	first int                 // of its keys in decoder.keys
	index map[string]struct{} // of its keys, once they are many
	twice bool
}

// span is where a key stands in out.
type span struct{ start, end int }

func (d *decoder) open() object {
	d.out = append(d.out, '{')
	return object{at: len(d.out) - 1, first: len(d.keys)}
}

// key writes the key of the next member. One that stands there already is an
// error, or replaces the other (§14.3).
func (d *decoder) key(o *object, key []byte, l line) error {
	if len(d.keys) > o.first {
		d.out = append(d.out, ',')
	}
	if d.known(o, key) {
		if d.strict {
			return d.fail(l, "the key %s stands twice in one object", rest(key, 0))
		}
		o.twice = true
	}
	d.keys = append(d.keys, span{len(d.out), len(d.out) + len(key)})
	d.out = append(append(d.out, key...), ':')
	return nil
}

func (d *decoder) known(o *object, key []byte) bool {
	keys := d.keys[o.first:]
	if len(keys) < few {
		for _, k := range keys {
			if bytes.Equal(d.out[k.start:k.end], key) {
				return true
			}
		}
		return false
	}
	if o.index == nil {
		o.index = make(map[string]struct{}, 2*few)
		for _, k := range keys {
			o.index[string(d.out[k.start:k.end])] = struct{}{}
		}
	}
	_, known := o.index[string(key)]
	o.index[string(key)] = struct{}{}
	return known
}

func (d *decoder) shut(o *object) {
	if o.twice {
		d.lastWins(o)
	}
	d.keys = d.keys[:o.first]
	d.out = append(d.out, '}')
}

// lastWins writes an object anew in which keys stand more than once: each at
// its first place with its last value.
func (d *decoder) lastWins(o *object) {
	keys := d.keys[o.first:]
	last := make(map[string]int, len(keys))
	for i, k := range keys {
		last[string(d.out[k.start:k.end])] = i
	}
	var kept []byte
	for _, k := range keys {
		i, fresh := last[string(d.out[k.start:k.end])]
		if !fresh {
			continue
		}
		delete(last, string(d.out[k.start:k.end]))
		end := len(d.out)
		if i+1 < len(keys) {
			end = keys[i+1].start - 1
		}
		if len(kept) > 0 {
			kept = append(kept, ',')
		}
		kept = append(kept, d.out[keys[i].start:end]...)
	}
	d.out = append(d.out[:o.at+1], kept...)
}
