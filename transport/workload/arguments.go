package workload

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/schema"
)

// CheckArguments tells whether a text can be the arguments of a tool.
func CheckArguments(text string) error {
	t, err := NewTemplate(strings.TrimSpace(text))
	if err != nil {
		return err
	}
	if err := t.object(); err != nil {
		return fmt.Errorf("%s: %w", Brief(text), err)
	}
	return nil
}

// Arguments returns what a tool with an input schema is called with: the given
// text, or where that is empty what the schema requires, made up. With payload
// an argument of so many bytes is added, which must be a text. The error says
// what does not fit the schema.
func Arguments(input json.RawMessage, given string, payload int) (Template, error) {
	text := strings.TrimSpace(given)
	if text == "" {
		var err error
		if text, err = made(input, input, 0); err != nil {
			return Template{}, fmt.Errorf("arguments that fit the tool's schema cannot be made up: %w; give them with --args", err)
		}
	}
	if err := CheckArguments(text); err != nil {
		return Template{}, err
	}
	t, err := NewTemplate(text)
	if err != nil {
		return t, err
	}
	if payload > 0 {
		name, err := payloadName(input, t.Append(nil, 0, 1))
		if err != nil {
			return t, err
		}
		comma := ","
		if inside := strings.TrimSpace(text[1 : len(text)-1]); inside == "" {
			comma = ""
		}
		text = text[:len(text)-1] + comma + string(jsonrpc.Quote(name)) + `:"` + strings.Repeat("x", payload) + `"}`
		if t, err = NewTemplate(text); err != nil {
			return t, err
		}
	}
	return t, fits(input, t.Append(nil, 0, 1))
}

// fits checks arguments against a schema. One that cannot be compiled is the
// server's to explain.
func fits(input, arguments json.RawMessage) error {
	compiled, err := schema.Compile(input)
	if err != nil {
		return nil //nolint:nilerr // said above
	}
	problems := compiled.Validate(arguments)
	if len(problems) == 0 {
		return nil
	}
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = p.Path + " " + p.Message
	}
	return fmt.Errorf("the arguments %s do not fit the tool's schema: %s", Brief(string(arguments)), strings.Join(texts, "; "))
}

// payloadNames are the names of arguments for which a long text is likely to be
// all the same.
var payloadNames = []string{"payload", "data", "text", "message", "content", "input"}

// payloadName chooses the argument that takes a payload: a text that the
// arguments do not hold yet, or one that the schema does not know and allows.
func payloadName(input, arguments json.RawMessage) (string, error) {
	properties, _ := jsonrpc.Get(input, "properties")
	var texts []string
	for name, property := range jsonrpc.Members(properties) {
		if _, given := jsonrpc.Get(arguments, name); !given && typeOf(property) == "string" {
			texts = append(texts, name)
		}
	}
	for _, name := range payloadNames {
		if slices.Contains(texts, name) {
			return name, nil
		}
	}
	if len(texts) > 0 {
		return texts[0], nil
	}
	if more, stated := jsonrpc.Get(input, "additionalProperties"); stated && string(more) == "false" {
		return "", errors.New("--payload: the tool takes no argument that is a text, and none that it does not know")
	}
	name := payloadNames[0]
	for n := 2; ; n++ {
		if _, given := jsonrpc.Get(arguments, name); !given {
			return name, nil
		}
		name = payloadNames[0] + strconv.Itoa(n)
	}
}

// depthMost bounds schemas that refer to themselves.
const depthMost = 16

// made writes a template of a value that should fit a schema: members that are
// not required are left out, texts and numbers differ from request to request
// where they may.
func made(root, s json.RawMessage, depth int) (string, error) {
	if depth > depthMost {
		return "", errors.New("it nests too deeply")
	}
	for _, key := range []string{"const", "default"} {
		if value, ok := jsonrpc.Get(s, key); ok && depth > 0 {
			return string(value), nil
		}
	}
	for _, key := range []string{"enum", "examples", "anyOf", "oneOf", "allOf"} {
		list, _ := jsonrpc.Get(s, key)
		for first := range jsonrpc.Elements(list) {
			if key == "enum" || key == "examples" {
				return string(first), nil
			}
			if _, typed := jsonrpc.Get(s, "type"); !typed {
				return made(root, first, depth+1)
			}
			break
		}
	}
	if ref, ok := jsonrpc.GetString(s, "$ref"); ok {
		path, local := strings.CutPrefix(ref, "#/")
		target, found := jsonrpc.Get(root, strings.Split(path, "/")...)
		if !local || !found {
			return "", fmt.Errorf("it refers to %q", ref)
		}
		return made(root, target, depth+1)
	}
	switch kind := typeOf(s); kind {
	case "object":
		return madeObject(root, s, depth)
	case "array":
		return madeArray(root, s, depth)
	case "string":
		return madeString(s)
	case "integer", "number":
		return madeNumber(s), nil
	case "boolean":
		return "true", nil
	case "null":
		return "null", nil
	default:
		if depth == 0 {
			return madeObject(root, s, depth)
		}
		return `"{{seq}}"`, nil // anything will do
	}
}

// typeOf is the type that a schema names, the first one that is not null.
func typeOf(s json.RawMessage) string {
	if kind, ok := jsonrpc.GetString(s, "type"); ok {
		return kind
	}
	list, _ := jsonrpc.Get(s, "type")
	for item := range jsonrpc.Elements(list) {
		if kind := strings.Trim(string(item), `"`); kind != "null" {
			return kind
		}
	}
	return ""
}

func madeObject(root, s json.RawMessage, depth int) (string, error) {
	var object struct {
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
	}
	if len(s) > 0 {
		if err := json.Unmarshal(s, &object); err != nil {
			return "", err
		}
	}
	var b strings.Builder
	b.WriteByte('{')
	for i, name := range object.Required {
		value, err := made(root, object.Properties[name], depth+1)
		if err != nil {
			return "", err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(jsonrpc.Quote(name))
		b.WriteByte(':')
		b.WriteString(value)
	}
	b.WriteByte('}')
	return b.String(), nil
}

func madeArray(root, s json.RawMessage, depth int) (string, error) {
	items, _ := jsonrpc.Get(s, "items")
	n := int(numberOf(s, "minItems", 0))
	const most = 1000
	if n > most {
		return "", fmt.Errorf("a list has at least %d items", n)
	}
	values := make([]string, n)
	for i := range values {
		var err error
		if values[i], err = made(root, items, depth+1); err != nil {
			return "", err
		}
	}
	return "[" + strings.Join(values, ",") + "]", nil
}

// formats are values of the formats that servers check most often.
var formats = map[string]string{
	"uri": "http://127.0.0.1/{{seq}}", "url": "http://127.0.0.1/{{seq}}", "email": "load-{{seq}}@example.com",
	"date": "2026-01-01", "date-time": "2026-01-01T00:00:00Z", "time": "00:00:00Z", "uuid": "00000000-0000-4000-8000-000000000000",
}

func madeString(s json.RawMessage) (string, error) {
	if pattern, ok := jsonrpc.GetString(s, "pattern"); ok {
		return "", fmt.Errorf("a text must match %q", pattern)
	}
	text := "load {{seq}}"
	if format, ok := jsonrpc.GetString(s, "format"); ok {
		if known, ok := formats[format]; ok {
			text = known
		}
	}
	// A number has up to 19 digits.
	if most := numberOf(s, "maxLength", 1<<20); most < 24 {
		text = strings.Repeat("x", int(min(most, max(1, numberOf(s, "minLength", 0)))))
	}
	if least := int(numberOf(s, "minLength", 0)); len(text) < least && least <= 1<<20 {
		text += strings.Repeat("x", least)
	}
	return `"` + text + `"`, nil
}

func madeNumber(s json.RawMessage) string {
	_, multiple := jsonrpc.Get(s, "multipleOf")
	_, bounded := jsonrpc.Get(s, "maximum")
	_, below := jsonrpc.Get(s, "exclusiveMaximum")
	least := numberOf(s, "minimum", numberOf(s, "exclusiveMinimum", -1)+1)
	if !multiple && !bounded && !below && least <= 0 {
		return "{{seq}}"
	}
	if step := numberOf(s, "multipleOf", 0); step >= 1 {
		return strconv.FormatInt((least+step-1)/step*step, 10)
	}
	if most := numberOf(s, "maximum", least); most < least {
		return strconv.FormatInt(most, 10)
	}
	return strconv.FormatInt(least, 10)
}

// numberOf reads a keyword that is a whole number.
func numberOf(s json.RawMessage, key string, otherwise int64) int64 {
	value, ok := jsonrpc.Get(s, key)
	if !ok {
		return otherwise
	}
	n, err := strconv.ParseFloat(string(value), 64)
	if err != nil {
		return otherwise
	}
	return int64(n)
}
