package config

import (
	"fmt"
	"strings"
)

const tableHead = `# Keys, defaults and limits

Keys "top" stand at the top level of the file, in the environment (` + "`MCPX_` and the key in capitals, `__` between levels: `MCPX_LIMITS__DEPTH`" + `)
and behind flags; flags win over the environment, the environment over the file. Keys "server" stand in a server, where they win over the top level.
Durations are seconds or text (` + "`\"30s\"`" + `), sizes bytes or text (` + "`\"16MiB\"`" + `). Strings may hold ` + "`${VAR}`, `${VAR:-default}` and `${env:VAR}`; `$${` is a literal `${`" + `.

| key | where | value | default | what it bounds or does | beyond it |
|---|---|---|---|---|---|
`

// MarkdownTable returns the documentation of all keys.
func MarkdownTable() string {
	var b strings.Builder
	b.WriteString(tableHead)
	fresh := defaults()
	for _, k := range keys {
		def, about := k.def, k.about
		if k.set == nil {
			about += " (no effect yet)"
		} else if def = k.kind.show(k.get(fresh)); def == "" {
			def = "none"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", k.name, k.scope, k.kind.doc(), def, about, dash(k.beyond))
	}
	b.WriteString("\nOther spellings of keys:\n\n")
	for _, alias := range sortedKeys(aliases) {
		fmt.Fprintf(&b, "- `%s` is `%s`\n", alias, aliases[alias])
	}
	return b.String()
}

func (s scope) String() string {
	switch s {
	case inTop:
		return "top"
	case inServer:
		return "server"
	default:
		return "top, server"
	}
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
