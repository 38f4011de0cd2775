package tsschema

import (
	"net/url"
	"strconv"
	"strings"
)

// references finds what a $ref means, in this document alone.
type references struct {
	d       *document
	base    *url.URL       // the document's own address; nil if it has none
	ids     map[string]int // schemas with an address, by it as written and as resolved
	anchors map[string]int
	found   map[string]int // what was looked for before; -1 for nothing
}

// newReferences indexes what can be referred to, and returns the schemas that
// something does refer to, each with the first reference to it.
func newReferences(d *document) (r *references, targets map[int]string) {
	r = &references{d: d, ids: map[string]int{}, anchors: map[string]int{}, found: map[string]int{}}
	var refs []int
	for n := range d.nodes {
		if d.kind(n) != kindObject {
			continue
		}
		for c := range d.children(n) {
			switch string(d.rawKey(c)) {
			case `"$ref"`, `"$dynamicRef"`, `"$recursiveRef"`:
				refs = append(refs, c)
			case `"$anchor"`, `"$dynamicAnchor"`:
				if name := d.str(c); name != "" {
					r.anchors[name] = n
				}
			case `"$id"`:
				r.identify(n, d.str(c))
			case `"id"`: // draft-04; elsewhere a word like any other
				if n == 0 {
					r.identify(n, d.str(c))
				}
			}
		}
	}
	targets = map[int]string{}
	for _, c := range refs {
		ref := d.str(c)
		if target, ok := r.resolve(ref); ok && targets[target] == "" {
			targets[target] = ref
		}
	}
	return r, targets
}

// identify notes the address of a schema; up to draft-07 it may be an anchor.
func (r *references) identify(n int, id string) {
	id, anchor, _ := strings.Cut(id, "#")
	if anchor != "" {
		r.anchors[anchor] = n
	}
	if id == "" {
		return
	}
	u, err := url.Parse(id)
	if n == 0 && err == nil {
		r.base = u
	}
	r.ids[id] = n
	r.ids[r.absolute(id)] = n
}

// absolute resolves an address against that of the document.
func (r *references) absolute(uri string) string {
	if u, err := url.Parse(uri); err == nil && r.base != nil {
		return r.base.ResolveReference(u).String()
	}
	return uri
}

// resolve returns the schema that a reference means; false if it is not in this
// document, or is no schema.
func (r *references) resolve(ref string) (int, bool) {
	n, before := r.found[ref]
	if !before {
		n = -1
		if target, ok := r.find(ref); ok {
			if k := r.d.kind(target); k == kindObject || k == kindBool {
				n = target
			}
		}
		r.found[ref] = n
	}
	return n, n >= 0
}

func (r *references) find(ref string) (int, bool) {
	uri, fragment, local := strings.Cut(ref, "#")
	n := 0
	if uri != "" {
		known := false
		if n, known = r.ids[uri]; !known {
			n, known = r.ids[r.absolute(uri)]
		}
		if !known {
			return 0, false
		}
	} else if !local {
		return 0, false // the empty reference is a mistake and not the document
	}
	fragment = percent(fragment)
	if fragment == "" {
		return n, true
	}
	if fragment[0] != '/' {
		n, known := r.anchors[fragment]
		return n, known
	}
	for part := range strings.SplitSeq(fragment[1:], "/") {
		next, ok := r.step(n, unescape(part))
		if !ok {
			return 0, false
		}
		n = next
	}
	return n, true
}

// step goes from a value to one in it, as a JSON pointer does.
func (r *references) step(n int, part string) (int, bool) {
	if r.d.kind(n) != kindArray {
		return r.d.member(n, part)
	}
	i, err := strconv.Atoi(part)
	if err != nil || strconv.Itoa(i) != part {
		return 0, false
	}
	for c := range r.d.children(n) {
		if i == 0 {
			return c, true
		}
		i--
	}
	return 0, false
}

// lastPart returns what a reference calls its target.
func lastPart(ref string) string {
	uri, fragment, _ := strings.Cut(ref, "#")
	if fragment = percent(fragment); fragment != "" {
		return unescape(fragment[strings.LastIndexByte(fragment, '/')+1:])
	}
	uri, _, _ = strings.Cut(uri, "?")
	uri = strings.TrimRight(uri, "/")
	return percent(uri[strings.LastIndexByte(uri, '/')+1:])
}

// percent resolves %25 and the like, as far as they are correct.
func percent(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// unescape resolves the escapes of a part of a JSON pointer (RFC 6901, section 4).
func unescape(part string) string {
	return strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
}
