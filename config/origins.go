package config

import (
	"fmt"
	"strings"
)

// origins tell where the values of a configuration come from, by the names of
// keys: "mcpx.json:3:5", "MCPX_PORT", "--port". What has none is a default or
// follows from other keys. They are noted where the layers are merged.
type origins struct {
	top     map[string]string
	servers map[string]map[string]string
}

// itself is the key of a server's own place among those of its keys.
const itself = ""

func (o origins) add(e *entry) {
	keys := e.originsOf(e.own)
	keys[itself] = e.originOf(setting{at: e.at, from: e.from})
	o.servers[e.name] = keys
}

func (c *checker) originsOf(l layer) map[string]string {
	all := map[string]string{}
	for name, s := range l {
		all[name] = c.originOf(s)
	}
	return all
}

func (c *checker) originOf(s setting) string {
	if s.at == nowhere {
		return s.from
	}
	line, column := c.source.position(s.at)
	place := fmt.Sprintf("%s:%d:%d", oneLine(c.source.path), line, column)
	if len(s.variables) > 0 {
		place += ", from " + strings.Join(s.variables, ", ")
	}
	return place
}
