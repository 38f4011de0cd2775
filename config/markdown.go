package config

import (
	"cmp"
	"fmt"
	"strings"
)

const tableHead = `# Keys, defaults and limits

Keys "top" stand at the top level of the file, in the environment (` + "`MCPX_` and the key in capitals, `__` between levels: `MCPX_LIMITS__DEPTH`" + `)
and behind flags; flags win over the environment, the environment over the file. Keys "server" stand in a server, where they win over the top level.
Durations are seconds or text (` + "`\"30s\"`" + `), sizes bytes or text (` + "`\"16MiB\"`" + `). Strings may hold ` + "`${VAR}`, `${VAR:-default}` and `${env:VAR}`; `$${` is a literal `${`" + `.
Keys that begin with ` + "`x-`" + ` are yours: nothing reads them.

The end of the file's name chooses the format: ` + "`.json` and `.jsonc` (comments and trailing commas are fine), `.yaml` and `.yml`, `.toml`" + `; anything else is tried as JSON.
All three say the same, and a key that stands twice in one object is an error in all of them. A file has at most 2 MiB and 64 levels.

- YAML is read as version 1.2 has it: ` + "`2025-11-25`, `1:30` and `1_000`" + ` are text. Words that programs read differently (` + "`yes`, `no`, `on`, `off`, `y`, `n`, `0777`" + `) are an error
  where text or a number is expected: quote them. A switch takes ` + "`yes`, `no`, `on` and `off`" + ` too. The names of keys are text, whatever they look like.
- Anchors, aliases and merge keys (` + "`<<`" + `) work: what stands in an object wins over what is merged into it, the first of several merged objects over the next. What
  aliases repeat is at most 2 MiB. A file is one document, and has no tags but ` + "`!!str`, `!!int`, `!!float`, `!!bool`, `!!null`, `!!map` and `!!seq`" + `.
- TOML's dates and times are an error: quote them.

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
		switch {
		case k.set == nil:
			about += " (no effect yet)"
		case def == "":
			def = cmp.Or(k.kind.show(k.get(fresh)), "none")
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
