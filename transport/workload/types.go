package workload

import (
	"encoding/json"
	"iter"
	"strings"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// fromTypes makes a schema of an object type of TypeScript as the compact tools
// write it ({path: string /* a file */; lines?: number}): the members that are
// required, with their types where those are simple. Nil when it is no such type.
func fromTypes(types string) json.RawMessage {
	body, ok := strings.CutPrefix(strings.TrimSpace(stripComments(types)), "{")
	if !ok || !strings.HasSuffix(body, "}") {
		return nil
	}
	properties := map[string]json.RawMessage{}
	required := []string{}
	for member := range splitMembers(strings.TrimSuffix(body, "}")) {
		name, kind, ok := strings.Cut(member, ":")
		name = strings.Trim(strings.TrimSpace(name), `"`)
		if !ok || strings.HasSuffix(name, "?") {
			continue
		}
		properties[name] = fromType(strings.TrimSpace(kind))
		required = append(required, name)
	}
	text, err := jsonrpc.Marshal(map[string]any{"type": "object", "properties": properties, "required": required})
	if err != nil {
		return nil
	}
	return text
}

func fromType(kind string) json.RawMessage {
	switch {
	case kind == "string", kind == "number", kind == "boolean", kind == "null":
		return json.RawMessage(`{"type":"` + kind + `"}`)
	case strings.HasSuffix(kind, "[]"), strings.HasPrefix(kind, "Array<"):
		return json.RawMessage(`{"type":"array"}`)
	case strings.HasPrefix(kind, "{"):
		if nested := fromTypes(kind); nested != nil {
			return nested
		}
	}
	// A union of values: the first one will do.
	if first, _, _ := strings.Cut(kind, "|"); json.Valid([]byte(strings.TrimSpace(first))) {
		return json.RawMessage(`{"const":` + strings.TrimSpace(first) + `}`)
	}
	return json.RawMessage(`{}`)
}

// stripComments takes /* … */ out of a type. What stands in quotes is no comment.
func stripComments(types string) string {
	var b strings.Builder
	for i := 0; i < len(types); {
		switch {
		case types[i] == '"':
			end := endOfString(types, i)
			b.WriteString(types[i:end])
			i = end
		case strings.HasPrefix(types[i:], "/*"):
			_, rest, _ := strings.Cut(types[i+2:], "*/")
			i = len(types) - len(rest)
		default:
			b.WriteByte(types[i])
			i++
		}
	}
	return b.String()
}

func endOfString(s string, i int) int {
	for j := i + 1; j < len(s); j++ {
		switch s[j] {
		case '\\':
			j++
		case '"':
			return j + 1
		}
	}
	return len(s)
}

// splitMembers yields the members of an object type, which end with ";".
func splitMembers(body string) iter.Seq[string] {
	return func(yield func(string) bool) {
		depth, begin := 0, 0
		for i := 0; i < len(body); i++ {
			switch body[i] {
			case '"':
				i = endOfString(body, i) - 1
			case '{', '[', '(', '<':
				depth++
			case '}', ']', ')', '>':
				depth--
			case ';':
				if depth == 0 {
					if !yield(body[begin:i]) {
						return
					}
					begin = i + 1
				}
			}
		}
		yield(body[begin:])
	}
}
