package config

// tomlTable is a table of TOML while it grows: headers and dotted keys may
// come back to it. What may not, by the specification, is added a second time,
// so that it is reported as every key that stands twice.
type tomlTable struct {
	at, depth int
	made      tomlMade
	members   []*tomlMember
	first     map[string]*tomlMember // by name
}

type tomlMade uint8

const (
	byPath   tomlMade = iota // as a part of a header's name: may get a header of its own
	byHeader                 // may not
	byDots                   // by a dotted key: other dotted keys may add to it
)

// tomlMember is a value, a table, or the tables of [[name]].
type tomlMember struct {
	tomlKey
	value  node
	table  *tomlTable
	tables []*tomlTable
}

func (t *tomlTable) add(k tomlKey) *tomlMember {
	m := &tomlMember{tomlKey: k}
	t.members = append(t.members, m)
	if t.first == nil {
		t.first = map[string]*tomlMember{}
	}
	if t.first[k.name] == nil {
		t.first[k.name] = m
	}
	return m
}

// newTable makes a table inside of t.
func (t *tomlTable) newTable(k tomlKey, made tomlMade, deeper int) (*tomlTable, *syntaxError) {
	inner := &tomlTable{at: k.at, depth: t.depth + deeper, made: made}
	if inner.depth > maxDepth {
		return nil, tooDeep(k.at)
	}
	return inner, nil
}

func (t *tomlTable) addTable(k tomlKey, made tomlMade) (*tomlTable, *syntaxError) {
	inner, err := t.newTable(k, made, 1)
	if err == nil {
		t.add(k).table = inner
	}
	return inner, err
}

// header finds the table that a [header], or with list a [[header]], opens.
// The receiver is the root.
func (t *tomlTable) header(keys []tomlKey, list bool) (*tomlTable, *syntaxError) {
	var err *syntaxError
	for _, k := range keys[:len(keys)-1] {
		switch m := t.first[k.name]; {
		case m != nil && m.table != nil:
			t = m.table
		case m != nil && m.tables != nil:
			t = m.tables[len(m.tables)-1]
		default:
			if t, err = t.addTable(k, byPath); err != nil {
				return nil, err
			}
		}
	}
	k := keys[len(keys)-1]
	m := t.first[k.name]
	if !list {
		if m != nil && m.table != nil && m.table.made == byPath {
			m.table.made = byHeader
			return m.table, nil
		}
		return t.addTable(k, byHeader)
	}
	inner, err := t.newTable(k, byHeader, 2)
	if err != nil {
		return nil, err
	}
	if m == nil || m.tables == nil {
		m = t.add(k)
	}
	m.tables = append(m.tables, inner)
	return inner, nil
}

// dotted finds the table that one part of a dotted key names.
func (t *tomlTable) dotted(k tomlKey) (*tomlTable, *syntaxError) {
	if m := t.first[k.name]; m != nil && m.table != nil && m.table.made == byDots {
		return m.table, nil
	}
	return t.addTable(k, byDots)
}

// node gives the tree of what has grown.
func (t *tomlTable) node() node {
	n := node{kind: objectNode, at: t.at}
	for _, m := range t.members {
		v := m.value
		switch {
		case m.table != nil:
			v = m.table.node()
		case m.tables != nil:
			v = node{kind: listNode, at: m.at}
			for _, table := range m.tables {
				v.items = append(v.items, table.node())
			}
		}
		n.members = append(n.members, member{m.name, m.at, v})
	}
	return n
}
