package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func mustCompile(t testing.TB, raw string) *Schema {
	t.Helper()
	s, err := Compile(json.RawMessage(raw))
	if err != nil {
		t.Fatalf("Compile(%s): %v", raw, err)
	}
	return s
}

// texts renders problems as "path message", one per line.
func texts(ps []Problem) string {
	var lines []string
	for _, p := range ps {
		lines = append(lines, p.Path+" "+p.Message)
	}
	return strings.Join(lines, "\n")
}

func TestValidate_SaysWhereAndWhat(t *testing.T) {
	cases := []struct{ name, schema, value, want string }{
		{"valid", `{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}`, `{"a":"x"}`, ""},
		{"nothing counts as an empty object", `{"type":"object","required":["a"]}`, ``, "$ misses the required property 'a'"},
		{"the empty schema accepts all", ``, `[1]`, ""},
		{"true accepts all", `true`, `[1]`, ""},
		{"false accepts nothing", `false`, `1`, "$ is not allowed here"},
		{"type", `{"properties":{"a":{"type":["integer","null"]}}}`, `{"a":"x"}`, "$.a is string, want null or integer"},
		{"nested path with an odd name", `{"properties":{"a b":{"items":{"type":"string"}}}}`, `{"a b":["x",1]}`, "$['a b'][1] is number, want string"},
		{"a member whose name is a number", `{"additionalProperties":{"type":"string"}}`, `{"0":1}`, "$['0'] is number, want string"},
		{"nested missing", `{"properties":{"o":{"required":["x","y"]}}}`, `{"o":{}}`, "$.o misses the required property 'x'\n$.o misses the required property 'y'"},
		{"enum", `{"properties":{"a":{"enum":["x",1,null,{"b":1}]}}}`, `{"a":"y"}`, `$.a must be one of "x", 1, null, {"b":1}`},
		{"const", `{"properties":{"a":{"const":"é<"}}}`, `{"a":1}`, `$.a must be "é<"`},
		{"lengths", `{"properties":{"a":{"minLength":2},"b":{"maxLength":1}}}`, `{"a":"é","b":"xy"}`, "$.a is too short: 1 characters, at least 2\n$.b is too long: 2 characters, at most 1"},
		{"bounds", `{"items":[{"minimum":1.5},{"maximum":2},{"exclusiveMinimum":3},{"exclusiveMaximum":3},{"multipleOf":2}],"$schema":"http://json-schema.org/draft-07/schema#"}`, `[1,3,3,3,3]`,
			"$[0] must be at least 1.5\n$[1] must be at most 2\n$[2] must be more than 3\n$[3] must be less than 3\n$[4] must be a multiple of 2"},
		{"arrays", `{"properties":{"a":{"minItems":2},"b":{"maxItems":0},"c":{"uniqueItems":true},"d":{"contains":{"const":1}}}}`, `{"a":[1],"b":[1],"c":[1,2,1],"d":[2]}`,
			"$.a has too few elements: 1, at least 2\n$.b has too many elements: 1, at most 0\n$.c has equal elements at 0 and 2\n$.d has no element of the kind that it must contain"},
		{"counted contains", `{"properties":{"a":{"contains":{"const":1},"minContains":2},"b":{"contains":{"const":1},"maxContains":1}}}`, `{"a":[1],"b":[1,1]}`,
			"$.a has too few elements of the kind that it must contain: 1, at least 2\n$.b has too many elements of the kind that it must contain: 2, at most 1"},
		{"additional items of an old tuple", `{"$schema":"http://json-schema.org/draft-07/schema#","items":[{}],"additionalItems":false}`, `[1,2,3]`, "$ has 2 elements too many"},
		{"property counts", `{"properties":{"a":{"minProperties":1},"b":{"maxProperties":0}}}`, `{"a":{},"b":{"x":1}}`, "$.a has too few properties: 0, at least 1\n$.b has too many properties: 1, at most 0"},
		{"property names", `{"propertyNames":{"maxLength":1}}`, `{"ab":1}`, "$ must not have a property named 'ab'"},
		{"dependencies of draft-07", `{"$schema":"http://json-schema.org/draft-07/schema#","dependencies":{"a":["b","c"]}}`, `{"a":1}`, "$ has 'a' and so requires properties 'b', 'c'"},
		{"dependentRequired", `{"dependentRequired":{"a":["b"]}}`, `{"a":1}`, "$ has 'a' and so requires property 'b'"},
		{"not", `{"properties":{"a":{"not":{"type":"string"}}}}`, `{"a":"x"}`, "$.a matches what is excluded"},
		{"pattern", `{"properties":{"a":{"pattern":"^x+$"}}}`, `{"a":"secret"}`, "$.a does not match the pattern ^x+$"},
		{"format asserts in draft-07", `{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"a":{"format":"ipv4"}}}`, `{"a":"x"}`, "$.a is not a valid ipv4"},
		{"format annotates in 2020-12", `{"properties":{"a":{"format":"ipv4"}}}`, `{"a":"x"}`, ""},
		{"anyOf by type picks the branch that was meant", `{"properties":{"a":{"anyOf":[{"type":"null"},{"type":"object","required":["x"]}]}}}`, `{"a":{}}`, "$.a misses the required property 'x'"},
		{"anyOf names the forms", `{"properties":{"a":{"anyOf":[{"type":"integer"},{"type":"null"}]}}}`, `{"a":"x"}`, "$.a fits none of the allowed forms: is string, want integer; or is string, want null"},
		{"oneOf names what is wrong below", `{"oneOf":[{"properties":{"k":{"const":"a"}}},{"properties":{"k":{"const":"b"}}}]}`, `{"k":"c"}`, `$ fits none of the allowed forms: its 'k' must be "a"; or its 'k' must be "b"`},
		{"oneOf matched twice", `{"oneOf":[{"minimum":1},{"minimum":0}]}`, `5`, "$ matches more than one of the forms of which exactly one is allowed"},
		{"if then", `{"if":{"required":["a"]},"then":{"required":["b"]}}`, `{"a":1}`, "$ misses the required property 'b'"},
		{"recursion", `{"$defs":{"n":{"properties":{"next":{"$ref":"#/$defs/n"},"v":{"type":"string"}}}},"$ref":"#/$defs/n"}`, `{"next":{"next":{"v":1}}}`, "$.next.next.v is number, want string"},
		{"a reference to itself", `{"$ref":"#"}`, `1`, "$ cannot be checked: the schema refers to itself without end"},
		{"no JSON", `{}`, `{"a":`, "$ is not valid JSON: unexpected EOF"},
		{"two values", `{}`, `{} {}`, "$ is not valid JSON: more than one value"},
		{"integers above 2^53 are exact", `{"properties":{"a":{"const":9007199254740993}}}`, `{"a":9007199254740992}`, "$.a must be 9007199254740993"},
		{"integers above 2^53 fit", `{"properties":{"a":{"type":"integer","maximum":9007199254740993}}}`, `{"a":9007199254740993}`, ""},
		{"a whole float is an integer", `{"type":"integer"}`, `1.0`, ""},
		{"an enormous exponent", `{"properties":{"a":{"minimum":0}}}`, `{"b":1,"a":[{"x":1e999999999}]}`, "$.a[0].x is a number that is too long or too large to be checked (at most 512 characters, exponents up to 400)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := texts(mustCompile(t, c.schema).Validate(json.RawMessage(c.value))); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestValidate_MissingAndUnknownComeFirstAndInOrder(t *testing.T) {
	s := mustCompile(t, `{"type":"object","properties":{"zeta":{"type":"string"},"alpha":{},"n":{"type":"object","properties":{"x":{}},"additionalProperties":false}},
		"required":["zeta","alpha"],"additionalProperties":false}`)
	for range 20 { // the library goes through objects in any order
		ps := s.Validate(json.RawMessage(`{"n":{"q":1,"p":2},"u2":1,"u1":2}`))
		got := texts(ps)
		want := "$ misses the required property 'zeta'\n$ misses the required property 'alpha'\n$ has the unknown property 'u2'\n$ has the unknown property 'u1'\n" +
			"$.n has the unknown property 'p'\n$.n has the unknown property 'q'"
		if got != want {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
		if a := fmt.Sprint(ps[2].Allowed); a != "[zeta alpha n]" {
			t.Fatalf("Allowed = %s, want the order of the schema", a)
		}
		if a := fmt.Sprint(ps[4].Allowed); a != "[x]" {
			t.Fatalf("nested Allowed = %s", a)
		}
		if ps[0].Kind != Missing || ps[0].Property != "zeta" || ps[2].Kind != Unknown || ps[2].Property != "u2" {
			t.Fatalf("kinds: %+v", ps)
		}
	}
}

func TestValidate_AClosedObjectInAnyWayNamesWhatItAllows(t *testing.T) {
	cases := map[string]string{
		`{"properties":{"b":{}},"allOf":[{"properties":{"a":{}}}],"unevaluatedProperties":false}`: "[b a]",
		`{"$ref":"#/$defs/d","$defs":{"d":{"properties":{"b":{}},"additionalProperties":false}}}`: "[b]",
		`{"allOf":[{"properties":{"b":{}},"additionalProperties":false}]}`:                        "[b]",
		`{"additionalProperties":false}`: "[]",
		`{"$schema":"http://json-schema.org/draft-04/schema#","id":"http://x/y","properties":{},"additionalProperties":false}`: "[]",
		`{"properties":{"c":{}},"anyOf":[{"properties":{"b":{}}},{"properties":{"a":{}}}],"unevaluatedProperties":false}`:      "[c a b]",
	}
	for raw, want := range cases {
		ps := mustCompile(t, raw).Validate(json.RawMessage(`{"z":1}`))
		if len(ps) != 1 || ps[0].Kind != Unknown || ps[0].Property != "z" || fmt.Sprint(ps[0].Allowed) != want {
			t.Errorf("%s: %+v, want Allowed %s", raw, ps, want)
		}
	}
}

func TestValidate_LocTellsMembersFromElements(t *testing.T) {
	s := mustCompile(t, `{"properties":{"a":{"items":{"additionalProperties":{"type":"string"}}}}}`)
	ps := s.Validate(json.RawMessage(`{"a":[{},{"7":1}]}`))
	if len(ps) != 1 || fmt.Sprintf("%#v", ps[0].Loc) != `[]interface {}{"a", 1, "7"}` {
		t.Fatalf("%#v", ps)
	}
}

func TestValidate_ReportsABoundedNumberOfProblems(t *testing.T) {
	s := mustCompile(t, `{"items":{"type":"string"}}`)
	if ps := s.Validate(json.RawMessage("[" + strings.Repeat("1,", 500) + "1]")); len(ps) != MaxProblems {
		t.Fatalf("%d problems, want %d", len(ps), MaxProblems)
	}
	names := mustCompile(t, `{"not":{"required":["a"]},"enum":[`+strings.Repeat(`"x",`, 100)+`"y"]}`)
	if got := texts(names.Validate(json.RawMessage(`{}`))); len(got) > 400 || !strings.HasSuffix(got, "...") {
		t.Fatalf("a long enum is told at length: %s", got)
	}
}

func TestCompile_ReadsTheDialectThatIsDeclared(t *testing.T) {
	// Each schema means what it says in its own dialect only.
	for _, raw := range []string{
		`{"$schema":"http://json-schema.org/draft-04/schema#","maximum":3,"exclusiveMaximum":true}`,
		`{"$schema":"http://json-schema.org/draft-06/schema#","exclusiveMaximum":3}`,
		`{"$schema":"https://json-schema.org/draft-07/schema","if":true,"then":{"exclusiveMaximum":3}}`,
		`{"$schema":"https://json-schema.org/draft/2019-09/schema","dependentSchemas":{},"exclusiveMaximum":3}`,
		`{"$schema":"https://json-schema.org/draft/2020-12/schema","prefixItems":[{}],"exclusiveMaximum":3}`,
		`{"exclusiveMaximum":3}`,
	} {
		if got := texts(mustCompile(t, raw).Validate(json.RawMessage(`3`))); got != "$ must be less than 3" {
			t.Errorf("%s: %q", raw, got)
		}
	}
}

func TestCompile_ReadsOldSchemasThatDeclareNothing(t *testing.T) {
	tuple := mustCompile(t, `{"properties":{"pair":{"items":[{"type":"string"},{"type":"number"}]}}}`)
	if got := texts(tuple.Validate(json.RawMessage(`{"pair":["a","b"]}`))); got != "$.pair[1] is string, want number" {
		t.Errorf("tuple: %q", got)
	}
	boolean := mustCompile(t, `{"properties":{"n":{"type":"number","minimum":0,"exclusiveMinimum":true}}}`)
	if got := texts(boolean.Validate(json.RawMessage(`{"n":0}`))); got != "$.n must be more than 0" {
		t.Errorf("exclusiveMinimum: %q", got)
	}
}

func TestCompile_NamesTheReason(t *testing.T) {
	deepSchema := strings.Repeat(`{"not":`, MaxDepth+1) + "{}" + strings.Repeat("}", MaxDepth+1)
	wide := `{"allOf":[` + strings.Repeat("true,", MaxSubschemas) + `true]}`
	cases := []struct {
		raw    string
		reason Reason
		want   string
	}{
		{`{`, ReasonInvalid, "is not valid JSON"},
		{`null`, ReasonInvalid, "is null and not an object"},
		{`"x"`, ReasonInvalid, "is a string and not an object"},
		{`[]`, ReasonInvalid, "is an array and not an object"},
		{`7`, ReasonInvalid, "is a number and not an object"},
		{`{"type":"any"}`, ReasonInvalid, `at #/type: must be one of "array"`},
		{`{"properties":{"a":{"required":true}}}`, ReasonInvalid, "at #/properties/a/required: is boolean, want array"},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"a/b":{"minLength":-1}}}`, ReasonInvalid, "at #/properties/a~1b/minLength: must be at least 0"},
		{`{"$schema":"https://example.com/dialect"}`, ReasonDialect, "https://example.com/dialect"},
		{`{"$schema":"http://json-schema.org/draft-03/schema#"}`, ReasonDialect, "draft-03"},
		{`{"properties":{"a":{"$ref":"https://example.com/a.json#/x"}}}`, ReasonExternal, "refers to https://example.com/a.json: references to other documents are not followed"},
		{`{"$ref":"file:///etc/passwd"}`, ReasonExternal, "refers to file:///etc/passwd"},
		{`{"$ref":"other.json"}`, ReasonExternal, "refers to other.json"},
		{`{"$id":"http://169.254.169.254/x","$ref":"latest"}`, ReasonExternal, "http://169.254.169.254/latest"},
		{`{"$ref":"#/$defs/nowhere"}`, ReasonInvalid, "refers to #/$defs/nowhere, which it does not contain"},
		{`{"$ref":"#nowhere"}`, ReasonInvalid, "which it does not contain"},
		{`{"$defs":{"a":{"$id":"http://x/"},"b":{"$id":"http://x/"}}}`, ReasonInvalid, "cannot be compiled: duplicate id"},
		{`{"maximum":1e99999}`, ReasonBounds, "a number that is too long or too large at $.maximum"},
		{`{"maximum":` + strings.Repeat("9", 600) + `}`, ReasonBounds, "too long or too large"},
		{deepSchema, ReasonBounds, "deeper than 128"},
		{wide, ReasonBounds, "more than 4096 subschemas"},
		{`{"title":"` + strings.Repeat("x", MaxBytes) + `"}`, ReasonBounds, "larger than 1048576 bytes"},
	}
	for _, c := range cases {
		_, err := Compile(json.RawMessage(c.raw))
		var e *Error
		if !errors.As(err, &e) || e.Reason != c.reason || !strings.Contains(e.Error(), c.want) {
			t.Errorf("Compile(%.80s) = %v, want reason %d: %s", c.raw, err, c.reason, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "mcpx:") {
			t.Errorf("Compile(%.80s) shows the address that we made up: %v", c.raw, err)
		}
	}
}

func TestCompile_BracketsInStringsAreNoNesting(t *testing.T) {
	mustCompile(t, `{"description":"`+strings.Repeat(`{[\"`, 500)+`"}`)
}

func TestSchema_IsSafeForConcurrentUse(t *testing.T) {
	s := mustCompile(t, `{"type":"object","properties":{"a":{"pattern":"^x"}},"required":["b"],"unevaluatedProperties":false}`)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if ps := s.Validate(json.RawMessage(`{"a":"y","c":1}`)); len(ps) != 3 {
					t.Errorf("%d problems, want 3: %s", len(ps), texts(ps))
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkValidate(b *testing.B) {
	s := mustCompile(b, `{"type":"object","properties":{"path":{"type":"string"},"head":{"type":"integer","minimum":1},"tags":{"type":"array","items":{"type":"string"}}},"required":["path"],"additionalProperties":false}`)
	args := json.RawMessage(`{"path":"/tmp/file.txt","head":10,"tags":["a","b"]}`)
	b.ReportAllocs()
	for b.Loop() {
		if ps := s.Validate(args); ps != nil {
			b.Fatal(ps)
		}
	}
}
