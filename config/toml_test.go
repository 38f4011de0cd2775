package config

import (
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// tomlRules are documents around the rules of what may be said twice; some are
// valid, some not.
var tomlRules = []string{
	"a = 1\na = 2", "a.b = 1\na.c = 2", "a.b = 1\na.b = 2", "a = 1\na.b = 2", "a.b = 1\na = 2",
	"[a]\n[a]", "[a]\n[b]\n[a]", "[a.b]\n[a]", "[a.b]\n[a]\n[a]", "[a]\n[a.b]\n[a.b.c]", "[a.b.c]\n[a]\nb.d = 1",
	"[a]\nb = 1\n[a.b]", "[a]\nb.c = 1\n[a.b]", "[a]\nb.c = 1\n[a.b.d]", "[a]\nb.c.d = 1\n[a.b.c]", "[a.b]\nx = 1\n[a]\nb.y = 2",
	"[a]\nb.c = 1\nb.d = 2", "[a]\nb.c = 1\nb.c.d = 2", "a = {b = 1}\n[a]", "a = {b = 1}\na.c = 2", "a = {b = 1}\n[a.c]",
	"a = {b.c = 1, b.d = 2}", "a = {b.c = 1, b = 2}", "a = {b = 1, b = 2}", "a = {b = {c = 1}, b.d = 2}", "a = [{b = 1, b = 2}]", "a = [[{b = 1, b.c = 2}]]",
	"[[a]]\n[[a]]\nb = 1", "[[a]]\n[a]", "[a]\n[[a]]", "a = []\n[[a]]", "a = [{}]\n[a.b]", "[[a]]\n[a.b]\n[[a]]\n[a.b]", "[[a]]\n[a.b]\n[a.b]",
	"[[a.b]]\n[a]\nc = 1", "[a.b]\n[[a]]", "[[a]]\n[[a.b]]\n[[a.b]]\n[a.b.c]\n[[a]]\n[[a.b]]", "[[a]]\nb = 1\n[[a.b]]", "[a]\n[a.b]\n[[a.b]]",
	"\"a\" = 1\na = 2", "'a'.b = 1\n[a]", "\"a.b\" = 1\na.b = 2", "\"\" = 1\n'' = 2",
	"a = 0x1F\nb = 0o17\nc = 0b11\nd = 1_000\ne = +5\nf = -0\ng = 1e3\nh = 1_0.5_0\ni = -1.5e-3",
	"a = \"\\u00e9\\n\"\nb = '\\n'\nc = \"\"\"\n a \\\n  b\"\"\"\nd = '''\n'x'''''", "a = [\n 1, # x\n 2,\n]\nb = { c = [ 1 ], d = {} }\nc = [[], [[]], {}]",
	"a = [1, 'b', {c = [2]}]", "a = [,]", "a = [1,,2]", "a = {,}", "a = {b = 1,}", "a = 1 # x\r\nb = 2", "a", "= 1", "[]", "[a", "[[a]", "a = tru", "a = 01", "a = 1__0", "a = 'b", "a = \"\\q\"", "a = \"\x01\"", "\x00",
}

// The library that owns the specification decides what is valid and what it means.
func TestTOML_AcceptsAndMeansWhatTheLibraryDoes(t *testing.T) {
	documents := tomlRules
	for _, dir := range []string{"good", "bad"} {
		for _, path := range fixtures(t, dir) {
			if strings.HasSuffix(path, ".toml") {
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				documents = append(documents, string(trimBOM(data)))
			}
		}
	}
	valid := 0
	for _, document := range documents {
		tree, fault := tomlParser{}.parse([]byte(document))
		if fault != nil && (strings.Contains(fault.message, "date") || strings.Contains(fault.message, "deeper") || strings.Contains(fault.message, "empty")) {
			continue // of ours
		}
		var want map[string]any
		err := toml.Unmarshal([]byte(document), &want)
		if err != nil && strings.Contains(err.Error(), "too large") {
			continue // of a number that fits no key
		}
		ours := fault == nil && !saysTwice(tree)
		if ours != (err == nil) {
			t.Errorf("%q\nhere: %v, twice %t\nthere: %v", document, fault, fault == nil && saysTwice(tree), err)
			continue
		}
		if !ours {
			continue
		}
		valid++
		if got := fmt.Sprint(tomlValue(tree)); got != fmt.Sprint(tomlNumbers(want)) {
			t.Errorf("%q\nhere: %v\nthere: %v", document, got, want)
		}
	}
	if valid < 20 {
		t.Errorf("only %d valid documents", valid)
	}
}

func saysTwice(n node) bool {
	seen := map[string]bool{}
	for _, m := range n.members {
		if seen[m.name] || saysTwice(m.value) {
			return true
		}
		seen[m.name] = true
	}
	for _, item := range n.items {
		if saysTwice(item) {
			return true
		}
	}
	return false
}

func tomlValue(n node) any {
	switch v := plain(n).(type) {
	case map[string]any:
		for _, m := range n.members {
			v[m.name] = tomlValue(m.value)
		}
		return v
	case []any:
		for i, item := range n.items {
			v[i] = tomlValue(item)
		}
		return v
	default:
		if n.kind == numberNode {
			var f float64
			if _, err := fmt.Sscan(n.text, &f); err != nil {
				return err
			}
			return f + 0 // never -0, which the library makes of a float only
		}
		if n.kind == stringNode {
			return n.text
		}
		return v
	}
}

// tomlNumbers makes every number a float64.
func tomlNumbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			v[name] = tomlNumbers(inner)
		}
	case []any:
		for i, inner := range v {
			v[i] = tomlNumbers(inner)
		}
	case int64:
		return float64(v)
	case float64:
		if math.Signbit(v) && v == 0 {
			return 0.0
		}
	}
	return v
}

// The library gives no places of lists and none of what is in them.
func TestTOML_EveryValueHasItsPlace(t *testing.T) {
	const text = "a = [ # [\n  1, 'é]', [ [2], {b = [3] , c.d = 4}],\n\n {} ]\n[\"é\".x]\ny.z  =  \"\"\"\n\"\"\"\n"
	tree, err := tomlParser{}.parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	var walk func(n node)
	walk = func(n node) {
		for _, item := range n.items {
			got = append(got, text[item.at:item.at+1])
			walk(item)
		}
		for _, m := range n.members {
			got = append(got, text[m.at:m.at+1]+text[m.value.at:m.value.at+1])
			walk(m.value)
		}
	}
	walk(tree)
	want := []string{"a[", "1", "'", "[", "[", "2", "{", "b[", "3", "cc", "d4", "{", `""`, "xx", "yy", `z"`}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
