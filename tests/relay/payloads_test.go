package relay_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// payload is one message, or a part of one, and what it is.
type payload struct {
	name string // its definition, "/" and what is special about it
	text string
}

func (p payload) definition() string {
	def, _, _ := strings.Cut(p.name, "/")
	return def
}

// payloadsOf are ours of a revision.
func payloadsOf(t testing.TB, modern bool) (all []payload) {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/" + era(modern) + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	about := strings.TrimSuffix(strings.TrimPrefix(meta(), "{"), "}")
	for _, f := range archive.Files {
		all = append(all, payload{f.Name, strings.TrimSpace(strings.ReplaceAll(string(f.Data), "META", about))})
	}
	return all
}

func rolesOf(modern bool) (roles map[string]role, parts map[string]string) {
	if modern {
		return modernRoles, modernParts
	}
	return legacyRoles, legacyParts
}

// schemaOf reads the schema of a revision.
func schemaOf(t testing.TB, modern bool) (c *jsonschema.Compiler, definitions []string) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + era(modern) + ".schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var names struct {
		Defs map[string]json.RawMessage `json:"$defs"`
	}
	if err := json.Unmarshal(text, &names); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c = jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	return c, slices.Sorted(maps.Keys(names.Defs))
}

// Each definition of the schema is a message that has a payload, or a part of messages.
func TestPayloads_LeaveNoDefinitionOut(t *testing.T) {
	for _, modern := range []bool{false, true} {
		t.Run(era(modern), func(t *testing.T) {
			schema, definitions := schemaOf(t, modern)
			roles, parts := rolesOf(modern)
			ours := map[string]int{}
			for _, p := range payloadsOf(t, modern) {
				ours[p.definition()]++
				if strings.HasSuffix(p.name, "/strange") {
					continue
				}
				s, err := schema.Compile("schema.json#/$defs/" + p.definition())
				if err != nil {
					t.Fatal(err)
				}
				value, err := jsonschema.UnmarshalJSON(strings.NewReader(p.text))
				if err != nil {
					t.Fatalf("%s: %v", p.name, err)
				}
				if err := s.Validate(value); err != nil {
					t.Errorf("%s is none: %v", p.name, err)
				}
			}
			partOf := map[string]string{}
			for why, names := range parts {
				for name := range strings.FieldsSeq(names) {
					partOf[name] = why
				}
			}
			for _, name := range definitions {
				switch {
				case partOf[name] != "" && roles[name] != nil:
					t.Errorf("%s is said to be a message, and to be %s", name, partOf[name])
				case partOf[name] == "" && roles[name] == nil:
					t.Errorf("%s is left out", name)
				case roles[name] != nil && ours[name] == 0:
					t.Errorf("%s has no payload", name)
				}
				delete(ours, name)
				delete(partOf, name)
			}
			if len(ours)+len(partOf) > 0 {
				t.Errorf("the schema does not know %v %v", ours, partOf)
			}
		})
	}
}

// Every message of both revisions goes through, in its role and in both
// directions, and comes out as the bytes that went in.
func TestPayloads_ComeOutAsTheyWentIn(t *testing.T) {
	for _, st := range stages() {
		t.Run(st.String(), func(t *testing.T) {
			t.Parallel()
			s := st.set(t)
			roles, _ := rolesOf(st.modern)
			for _, p := range payloadsOf(t, st.modern) {
				t.Run(p.name, func(t *testing.T) { roles[p.definition()](t, s, p.text) })
			}
		})
	}
}
