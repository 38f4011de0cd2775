package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v4"
)

// maxAliasBytes bounds what aliases add to a file when they are written out.
const maxAliasBytes = maxFileBytes

// yamlParser reads YAML 1.2 with the core schema: one document, text keys, no
// tags of other schemas. Aliases and merge keys are written out.
type yamlParser struct{}

func (yamlParser) example() string { return "mcpServers: {}" }

func (p yamlParser) parse(data []byte) (node, *syntaxError) {
	if err := checkText(data); err != nil {
		return node{}, err
	}
	t := &yamlTree{places: findYAMLPlaces(data), open: map[*yaml.Node]bool{}}
	loader, err := yaml.NewLoader(bytes.NewReader(asVersion11(data)), yaml.WithPlugin(yamlLimits{}))
	if err != nil {
		return node{}, &syntaxError{nowhere, err.Error()}
	}
	var document, another yaml.Node
	if err := loader.Load(&document); errors.Is(err, io.EOF) {
		return node{}, emptyFile(p)
	} else if err != nil {
		return node{}, t.places.explain(err)
	}
	if err := loader.Load(&another); err == nil {
		return node{}, &syntaxError{t.places.of(&another), "here begins a second document: a configuration is one"}
	} else if !errors.Is(err, io.EOF) {
		return node{}, t.places.explain(err)
	}
	root, fault := t.node(document.Content[0], 1)
	if fault == nil && root.kind == nullNode {
		fault = emptyFile(p)
	}
	return root, fault
}

var versionDirective = pattern(`^(?:[ \t]*(?:#[^\n]*)?\n)*%YAML[ \t]+1\.2`)

// asVersion11 changes the directive %YAML 1.2, which the library refuses
// although it reads that version.
func asVersion11(data []byte) []byte {
	if at := versionDirective().FindIndex(data); at != nil {
		data = bytes.Clone(data)
		data[at[1]-1] = '1'
	}
	return data
}

// yamlLimits bounds the nesting before the recursive parser meets it. Aliases
// are counted where they are written out.
type yamlLimits struct{}

var errDeep = errors.New("nested too deep")

func (yamlLimits) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > maxDepth {
		return errDeep
	}
	return nil
}

func (yamlLimits) CheckAlias(int, int) error { return nil }

// yamlTree makes the tree of a document.
type yamlTree struct {
	places yamlPlaces
	open   map[*yaml.Node]bool // the collections around the current node

	// What came through aliases: bytes, and where the outermost of them stands.
	aliasLevel, aliasBytes, aliasAt int
}

// node gives a value its place and its type. depth is 1 for the root.
func (t *yamlTree) node(n *yaml.Node, depth int) (node, *syntaxError) {
	at := t.places.of(n)
	if n.Kind == yaml.AliasNode {
		return t.alias(n, at, depth)
	}
	if t.aliasLevel > 0 {
		const perNode = 16 // about what the punctuation of a value takes in a file
		if t.aliasBytes += perNode + len(n.Value); t.aliasBytes > maxAliasBytes {
			return node{}, &syntaxError{t.aliasAt, "with its aliases written out the file is larger than " + size{}.show(maxAliasBytes)}
		}
	}
	if n.Kind == yaml.ScalarNode {
		return yamlScalar(n, at)
	}
	if depth > maxDepth {
		if t.aliasLevel > 0 {
			at = t.aliasAt
		}
		return node{}, tooDeep(at)
	}
	if t.open[n] {
		return node{}, &syntaxError{t.aliasAt, "this alias stands inside of what it repeats"}
	}
	t.open[n] = true
	defer delete(t.open, n)
	if n.Kind == yaml.MappingNode {
		return t.mapping(n, at, depth)
	}
	return t.sequence(n, at, depth)
}

// alias writes out what the alias names. The value's place is where it is written.
func (t *yamlTree) alias(n *yaml.Node, at, depth int) (node, *syntaxError) {
	if t.aliasLevel == 0 {
		t.aliasAt = at
	}
	t.aliasLevel++
	defer func() { t.aliasLevel-- }()
	return t.node(n.Alias, depth)
}

func (t *yamlTree) sequence(n *yaml.Node, at, depth int) (node, *syntaxError) {
	if tag := explicitTag(n); tag != "" && tag != "!!seq" {
		return node{}, foreignTag(at)
	}
	list := node{kind: listNode, at: at}
	for _, item := range n.Content {
		v, err := t.node(item, depth+1)
		if err != nil {
			return node{}, err
		}
		list.items = append(list.items, v)
	}
	return list, nil
}

func (t *yamlTree) mapping(n *yaml.Node, at, depth int) (node, *syntaxError) {
	if tag := explicitTag(n); tag != "" && tag != "!!map" {
		return node{}, foreignTag(at)
	}
	object := node{kind: objectNode, at: at}
	var merge *yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		if isMergeKey(name) {
			if merge != nil {
				return node{}, &syntaxError{t.places.of(name), "<< stands twice in the same object: one << takes a list"}
			}
			merge = value
			continue
		}
		m, err := t.member(name, value, depth)
		if err != nil {
			return node{}, err
		}
		object.members = append(object.members, m)
	}
	if merge == nil {
		return object, nil
	}
	return t.merge(object, merge, depth)
}

// member reads a key, which is the text that stands there, whatever else it
// looks like, and its value.
func (t *yamlTree) member(name, value *yaml.Node, depth int) (member, *syntaxError) {
	at := t.places.of(name)
	for name.Kind == yaml.AliasNode {
		name = name.Alias
	}
	if name.Kind != yaml.ScalarNode {
		return member{}, &syntaxError{at, "a key is text, not a list or an object"}
	}
	if _, err := yamlScalar(name, at); err != nil {
		return member{}, err
	}
	v, err := t.node(value, depth+1)
	return member{name.Value, at, v}, err
}

// merge adds what << names: an object, or a list of them, of which the first
// that has a key counts. What stands in the object itself wins over all.
func (t *yamlTree) merge(object node, from *yaml.Node, depth int) (node, *syntaxError) {
	at := t.places.of(from)
	// Deeper by one, though it ends up beside the other members: so chains end.
	source, err := t.node(from, depth+1)
	if err != nil {
		return node{}, err
	}
	sources := source.items
	if source.kind == objectNode {
		sources = []node{source}
	} else if source.kind != listNode {
		return node{}, &syntaxError{at, "<< takes an object or a list of objects, found " + source.describe()}
	}
	has := map[string]bool{}
	for _, m := range object.members {
		has[m.name] = true
	}
	for _, s := range sources {
		if s.kind != objectNode {
			return node{}, &syntaxError{at, "<< takes an object or a list of objects, found " + s.describe() + " in the list"}
		}
		before := len(object.members)
		for _, m := range s.members {
			if !has[m.name] { // twice in the same source: reported as in any object
				object.members = append(object.members, m)
			}
		}
		for _, m := range object.members[before:] {
			has[m.name] = true
		}
	}
	return object, nil
}

// yamlPlaces finds the offset of what the library gives by line and column.
type yamlPlaces struct {
	chars chars
	lines []int // characters before each line
}

// findYAMLPlaces counts lines as the library does: they end at CR, LF, both,
// NEL, LS or PS.
func findYAMLPlaces(data []byte) yamlPlaces {
	p := yamlPlaces{chars: countChars(data), lines: []int{0}}
	n, last := 0, rune(0)
	for _, r := range string(data) {
		n++
		switch r {
		case '\n':
			if last == '\r' {
				p.lines[len(p.lines)-1] = n
				break
			}
			p.lines = append(p.lines, n)
		case '\r', '\u0085', '\u2028', '\u2029':
			p.lines = append(p.lines, n)
		}
		last = r
	}
	return p
}

func (p yamlPlaces) of(n *yaml.Node) int { return p.at(yaml.Mark{Line: n.Line, Column: n.Column}) }

func (p yamlPlaces) at(m yaml.Mark) int {
	if m.Line < 1 { // the library's reader gives an offset
		return min(m.Index, len(p.chars.data))
	}
	return p.chars.offset(p.lines[min(m.Line, len(p.lines))-1] + max(m.Column, 1) - 1)
}

// explain says what the library found, without text of the file.
func (p yamlPlaces) explain(err error) *syntaxError {
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		return &syntaxError{nowhere, "is not YAML"}
	}
	at := p.at(load.Mark)
	next := byte(0)
	if at < len(p.chars.data) {
		next = p.chars.data[at]
	}
	switch message := load.Message; {
	case message == errDeep.Error():
		return tooDeep(at)
	case load.Stage == yaml.ComposerStage: // the message would quote the name
		return &syntaxError{at, "no anchor of this name stands before this alias; text that begins with * needs quotes"}
	case message == "found unexpected end of stream":
		return &syntaxError{p.at(load.ContextMark), "this string is never closed"}
	case message == "found character that cannot start any token" && next == '\t', message == "found a tab character that violates indentation",
		message == "found a tab character where an indentation space is expected":
		return &syntaxError{at, "a tab cannot indent: YAML takes spaces"}
	case message == "found character that cannot start any token":
		return &syntaxError{at, fmt.Sprintf("text that begins with %c needs quotes", next)}
	case message == "mapping values are not allowed in this context":
		return &syntaxError{at, "a colon cannot stand here: text that holds one needs quotes, or the indentation is off"}
	case message == "did not find expected key":
		return &syntaxError{at, "expected a key here: the indentation is that of no line above"}
	case message == "found unknown escape character", message == "did not find expected hexadecimal number":
		return &syntaxError{at, `this escape does not exist: in double quotes a backslash is written as \\`}
	case message == "could not find expected ':'":
		return &syntaxError{p.at(load.ContextMark), "expected key: value"}
	case load.ContextMsg == "while parsing a flow mapping" && next == 0:
		return &syntaxError{p.at(load.ContextMark), "this '{' is never closed"}
	case load.ContextMsg == "while parsing a flow sequence" && next == 0:
		return &syntaxError{p.at(load.ContextMark), "this '[' is never closed"}
	default:
		return &syntaxError{at, oneLine(message)}
	}
}
