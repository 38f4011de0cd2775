package openapi

import (
	"net/url"
	"strconv"
	"strings"
)

// draft is a dialect of JSON Schema.
type draft int

const (
	draft4 draft = iota + 4
	_
	draft6
	draft7
	draft2019
	draft2020
)

// source is a schema of a server, with what its references mean.
type source struct {
	root      *node
	draft     draft
	resources map[string]*resource // by address
	of        map[*node]*resource  // what each schema is in
	broken    map[*node][]string   // schemas with references that lead nowhere: why
	leads     map[*node][]*node    // where the references of others lead
	targets   []*node              // what references lead to, in the order in which they are met
	labels    map[*node]string     // what the first reference calls them
}

// resource is a schema with an address of its own, and all in it that has none.
type resource struct {
	root      *node
	base      *url.URL
	anchors   map[string]*node
	recursive bool // $recursiveAnchor
}

func newSource(root *node) *source {
	s := &source{root: root, resources: map[string]*resource{}, of: map[*node]*resource{},
		broken: map[*node][]string{}, leads: map[*node][]*node{}, labels: map[*node]string{}}
	s.draft = dialect(root)
	s.index(root, &resource{root: root, base: &url.URL{}, anchors: map[string]*node{}})
	s.reach()
	return s
}

// dialect is the draft that a schema declares, or else the one that the
// validator finds: a tuple is written as up to draft-07, a boolean
// exclusiveMinimum as in draft-04, and neither is valid today.
func dialect(root *node) draft {
	if d := root.get("$schema"); d.is(kindString) {
		switch {
		case strings.Contains(d.text, "draft-04"):
			return draft4
		case strings.Contains(d.text, "draft-06"):
			return draft6
		case strings.Contains(d.text, "draft-07"):
			return draft7
		case strings.Contains(d.text, "2019-09"):
			return draft2019
		}
		return draft2020
	}
	draft := draft2020
	probe := &source{draft: draft2020}
	var look func(n *node, _ bool)
	look = func(n *node, _ bool) {
		if n.kind != kindObject {
			return
		}
		switch {
		case n.get("exclusiveMinimum").is(kindBool), n.get("exclusiveMaximum").is(kindBool):
			draft = draft4
		case probe.tuple(n):
			draft = min(draft, draft7)
		}
		probe.children(n, look)
		definitions(n, func(c *node) { look(c, false) })
	}
	look(root, false)
	return draft
}

// index notes the addresses and anchors of a schema and all in it.
func (s *source) index(n *node, in *resource) {
	if n.kind != kindObject || s.of[n] != nil {
		return
	}
	if !s.alone(n) {
		in = s.identify(n, in)
	}
	s.of[n] = in
	s.children(n, func(c *node, _ bool) { s.index(c, in) })
	definitions(n, func(c *node) { s.index(c, in) })
}

func (s *source) identify(n *node, in *resource) *resource {
	key := "$id"
	if s.draft == draft4 {
		key = "id"
	}
	if id := n.get(key); id.is(kindString) {
		address, fragment, _ := strings.Cut(id.text, "#")
		if address != "" {
			if u, err := in.base.Parse(address); err == nil {
				in = &resource{root: n, base: u, anchors: map[string]*node{}}
				s.resources[u.String()] = in
			}
		}
		if fragment != "" && s.draft <= draft7 {
			in.anchors[fragment] = n
		}
	}
	for _, key := range []string{"$anchor", "$dynamicAnchor"} {
		if a := n.get(key); a.is(kindString) {
			in.anchors[a.text] = n
		}
	}
	if a := n.get("$recursiveAnchor"); in.root == n && a.is(kindBool) {
		in.recursive = a.text == "true"
	}
	return in
}

// resolve returns the schema that a reference of n means; nil for none. A
// dynamic reference means the outermost schema of its name, and the outermost
// resource is always the document itself.
func (s *source) resolve(n *node, r reference) *node {
	in := s.of[n]
	if outer := s.of[s.root]; r.keyword == "$dynamicRef" {
		if _, name, _ := strings.Cut(r.to, "#"); outer.anchors[name].dynamic(name) {
			if found := s.find(in, r.to); found == nil || found.dynamic(name) {
				return outer.anchors[name]
			}
		}
	} else if r.keyword == "$recursiveRef" && in.recursive && outer.recursive {
		return s.root
	}
	return s.find(in, r.to)
}

func (n *node) dynamic(name string) bool {
	return n != nil && n.get("$dynamicAnchor").is(kindString) && n.get("$dynamicAnchor").text == name
}

func (s *source) find(in *resource, to string) *node {
	address, fragment, _ := strings.Cut(to, "#")
	if address != "" {
		u, err := in.base.Parse(address)
		if err != nil {
			return nil
		}
		if in = s.resources[u.String()]; in == nil {
			return nil
		}
	}
	fragment = percent(fragment)
	found := in.root
	if fragment != "" && fragment[0] != '/' {
		found = in.anchors[fragment]
	} else if fragment != "" {
		for part := range strings.SplitSeq(fragment[1:], "/") {
			if found = found.step(unescape(part)); found == nil {
				return nil
			}
			if known := s.of[found]; known != nil {
				in = known
			}
		}
	}
	if !found.is(kindObject) && !found.is(kindBool) {
		return nil
	}
	s.index(found, in) // it may stand where schemas do not usually stand
	return found
}

// step goes to a value in another one, as a JSON pointer does.
func (n *node) step(part string) *node {
	if n.kind == kindObject {
		return n.get(part)
	}
	i, err := strconv.Atoi(part)
	if n.kind != kindArray || err != nil || i < 0 || i >= len(n.vals) || strconv.Itoa(i) != part {
		return nil
	}
	return n.vals[i]
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
