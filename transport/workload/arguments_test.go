package workload_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/workload"
)

func TestArguments_AreMadeUpAsTheSchemaRequires(t *testing.T) {
	for _, c := range []struct{ name, schema, want string }{
		{"no schema", ``, `{}`},
		{"none required", `{"type":"object","properties":{"a":{"type":"string"}}}`, `{}`},
		{"text and numbers", `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"},"c":{"type":"number"}},"required":["a","b","c"]}`,
			`{"a":"load 1","b":1,"c":1}`},
		{"what may not differ", `{"properties":{"a":{"type":"integer","minimum":3},"b":{"type":"number","maximum":-2},"c":{"type":"integer","multipleOf":4,"minimum":5},"d":{"exclusiveMinimum":2,"exclusiveMaximum":9,"type":"integer"}},"required":["a","b","c","d"]}`,
			`{"a":3,"b":-2,"c":8,"d":3}`},
		{"texts with bounds", `{"properties":{"a":{"type":"string","maxLength":3,"minLength":2},"b":{"type":"string","minLength":30},"c":{"type":"string","format":"uri"}},"required":["a","b","c"]}`,
			`{"a":"xx","b":"load 1` + strings.Repeat("x", 30) + `","c":"http://127.0.0.1/1"}`},
		{"values that are named", `{"properties":{"a":{"enum":["x","y"]},"b":{"const":null},"c":{"type":"integer","default":9},"d":{"type":"string","examples":["e"]}},"required":["a","b","c","d"]}`,
			`{"a":"x","b":null,"c":9,"d":"e"}`},
		{"lists and objects", `{"properties":{"a":{"type":"array"},"b":{"type":"array","minItems":2,"items":{"type":"boolean"}},"c":{"type":"object","properties":{"d":{"type":"null"}},"required":["d"]}},"required":["a","b","c"]}`,
			`{"a":[],"b":[true,true],"c":{"d":null}}`},
		{"references and choices", `{"$defs":{"n":{"type":"integer"}},"properties":{"a":{"$ref":"#/$defs/n"},"b":{"anyOf":[{"type":"boolean"},{"type":"string"}]},"c":{"type":["null","integer"]}},"required":["a","b","c"]}`,
			`{"a":1,"b":true,"c":1}`},
		{"anything", `{"properties":{"a":{},"b":true},"required":["a","b"]}`, `{"a":"1","b":"1"}`},
	} {
		made, err := workload.Arguments(json.RawMessage(c.schema), "", 0)
		if got := string(made.Append(nil, 0, 1)); err != nil || got != c.want {
			t.Errorf("%s: %s, want %s (%v)", c.name, got, c.want, err)
		}
	}
}

func TestArguments_WhatCannotBeMadeOrDoesNotFitIsSaid(t *testing.T) {
	for _, c := range []struct {
		schema, given string
		payload       int
		want          string
	}{
		{`{"properties":{"a":{"type":"string","pattern":"^[A-Z]{3}$"}},"required":["a"]}`, "", 0, `a text must match "^[A-Z]{3}$"; give them with --args`},
		{`{"$defs":{"a":{"type":"object","properties":{"a":{"$ref":"#/$defs/a"}},"required":["a"]}},"$ref":"#/$defs/a"}`, "", 0, "nests too deeply"},
		{`{"properties":{"a":{"$ref":"http://elsewhere/"}},"required":["a"]}`, "", 0, `refers to "http://elsewhere/"`},
		{`{"properties":{"a":{"type":"array","minItems":5000}},"required":["a"]}`, "", 0, "at least 5000 items"},
		{`{"properties":{"a":{"type":"integer"}},"required":["a"]}`, `{"b":1}`, 0, "do not fit the tool's schema"},
		{`{}`, `[1]`, 0, "must be a JSON object"},
		{`{}`, `{"a":{{x}}}`, 0, "means nothing here"},
		{`{"additionalProperties":false,"properties":{"n":{"type":"integer"}}}`, ``, 10, "--payload: the tool takes no argument that is a text"},
	} {
		if _, err := workload.Arguments(json.RawMessage(c.schema), c.given, c.payload); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %q", c.schema, c.given, err, c.want)
		}
	}
}

func TestPayload_GoesWhereTheToolTakesIt(t *testing.T) {
	for _, c := range []struct{ schema, given, want string }{
		{``, ``, `{"payload":"xxxx"}`},
		{`{}`, `{"payload":{{seq}}}`, `{"payload":1,"payload2":"xxxx"}`},
		{`{"properties":{"z":{"type":"string"},"text":{"type":"string"},"n":{"type":"integer"}},"additionalProperties":false}`, `{"n":{{seq}}}`, `{"n":1,"text":"xxxx"}`},
		{`{"properties":{"z":{"type":"string"}},"required":["z"]}`, `{ "z" : "given" }`, `{ "z" : "given" ,"payload":"xxxx"}`},
		{`{"properties":{"z":{"type":"string"}},"additionalProperties":false}`, `{ }`, `{ "z":"xxxx"}`},
	} {
		made, err := workload.Arguments(json.RawMessage(c.schema), c.given, 4)
		if got := string(made.Append(nil, 0, 1)); err != nil || got != c.want {
			t.Errorf("%s %s: %s, want %s (%v)", c.schema, c.given, got, c.want, err)
		}
	}
}

// answering is a session that answers by method and tool.
func answering(t *testing.T, answers map[string]string) workload.Session {
	t.Helper()
	p := takes(0)
	s, err := p.Open(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return scripted{s, answers}
}

func TestTools_AreListedPageByPageAndFoundByName(t *testing.T) {
	s := answering(t, map[string]string{
		`tools/list `:               `{"tools":[{"name":"one","inputSchema":{"type":"object"}}],"nextCursor":"2"}`,
		`tools/list {"cursor":"2"}`: `{"tools":[{"name":"two"}]}`,
	})
	tools, err := workload.ListTools(t.Context(), s)
	if err != nil || len(tools) != 2 || tools[1].Name != "two" || string(tools[0].InputSchema) != `{"type":"object"}` {
		t.Fatalf("%+v %v", tools, err)
	}
	if tool, err := workload.FindTool(tools, ""); err != nil || tool.Name != "one" {
		t.Errorf("the first is %q, %v", tool.Name, err)
	}
	for name, want := range map[string]string{"tow": `no tool "tow"; did you mean "two"?`, "three-hundred": `no tool "three-hundred"; it has one, two`} {
		if _, err := workload.FindTool(tools, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := workload.FindTool(nil, ""); err == nil || !strings.Contains(err.Error(), "--mix can ask for other things") {
		t.Error(err)
	}
	many := make([]messages.Tool, 30)
	if _, err := workload.FindTool(many, "something"); err == nil || !strings.Contains(err.Error(), "and 10 more") {
		t.Error(err)
	}
	if _, err := workload.ListTools(t.Context(), answering(t, map[string]string{`tools/list `: `{}`})); err == nil || !strings.Contains(err.Error(), "holds no tools") {
		t.Error(err)
	}
	if _, err := workload.ListTools(t.Context(), answering(t, nil)); err == nil {
		t.Error("a failure is no list")
	}
}

func TestCallThrough_WrapsTheArgumentsAsTheGatewayWantsThem(t *testing.T) {
	for tool, want := range map[string]string{
		"exec":   `{"name":"exec","arguments":{"server_name":"s","tool_name":"t","arguments":{"n":1}}}`,
		"call":   `{"name":"call","arguments":{"method":"s.t","arguments":{"n":1}}}`,
		"invoke": `{"name":"invoke","arguments":{"method":"s.t","arguments":{"n":1}}}`,
	} {
		step, err := workload.CallThrough([]messages.Tool{{Name: "resources"}, {Name: tool}}, "s", "t", template(t, `{"n":{{seq}}}`))
		if got := string(step.Params.Append(nil, 0, 1)); err != nil || got != want || step.Name != tool {
			t.Errorf("%s, want %s (%v)", got, want, err)
		}
	}
	if _, err := workload.CallThrough([]messages.Tool{{Name: "echo"}}, "s", "t", template(t, `{}`)); err == nil || !strings.Contains(err.Error(), "none of the tools exec, call and invoke") {
		t.Error(err)
	}
	if _, err := workload.CallThrough([]messages.Tool{{Name: "exec"}}, "s", "t", template(t, `7`)); err == nil {
		t.Error("arguments that are a number")
	}
	for _, names := range [][]string{{"inspect", "exec"}, {"describe", "call"}, {"invoke", "read"}} {
		tools := []messages.Tool{{Name: names[0]}, {Name: names[1]}}
		if _, err := workload.FindTool(tools, ""); err == nil || !strings.Contains(err.Error(), "--exec SERVER/TOOL") {
			t.Errorf("%v: the first tool of a gateway says nothing of it: %v", names, err)
		}
	}
}

func TestInnerSchema_IsReadFromWhatTheGatewaySays(t *testing.T) {
	say := func(schema string) string {
		text, err := json.Marshal(`{"name":"t","input_schema":` + schema + `}`)
		if err != nil {
			t.Fatal(err)
		}
		return `{"content":[{"type":"text","text":` + string(text) + `}]}`
	}
	inspect := []messages.Tool{{Name: "inspect"}, {Name: "exec"}}
	const asked = `tools/call {"name":"inspect","arguments":{"server_name":"s","tool_name":"t"}}`
	for _, c := range []struct{ said, want string }{
		{`{"type":"object","required":["a"]}`, `{"a":"1"}`},
		{`"{path: string /* a \"file\"; or */; n: number; \"odd key\": boolean; lines?: number; kind: \"x\" | \"y\"; deep: {a: string; b?: null}; list: string[]; any: unknown}"`,
			`{"path":"load 1","n":1,"odd key":true,"kind":"x","deep":{"a":"load 1"},"list":[],"any":"1"}`},
		{`"{}"`, `{}`},
		{`"unknown"`, `{}`},
	} {
		schema := workload.InnerSchema(t.Context(), answering(t, map[string]string{asked: say(c.said)}), inspect, "s", "t")
		made, err := workload.Arguments(schema, "", 0)
		if got := string(made.Append(nil, 0, 1)); err != nil || got != c.want {
			t.Errorf("%s: %s, want %s (%v)", c.said, got, c.want, err)
		}
	}
	described := answering(t, map[string]string{`tools/call {"name":"describe","arguments":{"method":"s.t"}}`: say(`"{n: number}"`)})
	if schema := workload.InnerSchema(t.Context(), described, []messages.Tool{{Name: "describe"}}, "s", "t"); !strings.Contains(string(schema), `"required":["n"]`) {
		t.Errorf("of describe: %s", schema)
	}
	if schema := workload.InnerSchema(t.Context(), described, []messages.Tool{{Name: "invoke"}}, "s", "t"); schema != nil {
		t.Errorf("nobody said %s", schema)
	}
}
