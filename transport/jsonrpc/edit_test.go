package jsonrpc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func path(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ".")
}

func TestGet_FindsTheFirstOfEqualKeysAlsoEscaped(t *testing.T) {
	const obj = " { \"a\" : 1 , \"\\u0062\" : { \"c\" : [ {\"d\":2} ] , \"e\":\"x\\\"}\" } , \"a\":2, \"\":{\"\":null}, \"q\\\\\":3 } "
	for p, want := range map[string]string{
		"a": `1`, "b.c": `[ {"d":2} ]`, "b.e": `"x\"}"`, "b": `{ "c" : [ {"d":2} ] , "e":"x\"}" }`, `q\`: `3`,
		"x": ``, "a.b": ``, "b.c.d": ``, "b.c.0": ``, "q": ``,
	} {
		got, ok := Get(json.RawMessage(obj), path(p)...)
		if string(got) != want || ok != (want != "") {
			t.Errorf("%s: %s, %v", p, got, ok)
		}
	}
	if got, ok := Get(json.RawMessage(obj), "", ""); !ok || string(got) != "null" {
		t.Errorf("empty keys: %s, %v", got, ok)
	}
	if got, ok := Get(json.RawMessage(obj)); !ok || string(got) != obj {
		t.Errorf("the empty path gives %s, %v", got, ok)
	}
	if _, ok := Get(nil, "a"); ok {
		t.Error("nothing holds nothing")
	}
}

func TestGetString_IsForStringsOnly(t *testing.T) {
	obj := json.RawMessage(`{"s":"a\u00e9\n","n":1,"z":null,"o":{"s":""}}`)
	for p, want := range map[string]string{"s": "aé\n", "o.s": ""} {
		if got, ok := GetString(obj, path(p)...); !ok || got != want {
			t.Errorf("%s: %q, %v", p, got, ok)
		}
	}
	for _, p := range []string{"n", "z", "o", "x"} {
		if got, ok := GetString(obj, p); ok {
			t.Errorf("%s gives %q", p, got)
		}
	}
	if got, ok := GetString(json.RawMessage(` "x" `)); !ok || got != "x" {
		t.Errorf("the value itself: %q, %v", got, ok)
	}
}

func TestMembers_IteratesInOrderAndStopsWhenAsked(t *testing.T) {
	obj := json.RawMessage("\n{\"b\":[1,{\"x\":\"]\"}] ,\"\\u0061\\n\":\"{\", \"b\" : {} , \"n\":-1.5e3,\"t\":true}")
	var got []string
	for k, v := range Members(obj) {
		got = append(got, k+"="+string(v))
	}
	want := []string{`b=[1,{"x":"]"}]`, "a\n=\"{\"", "b={}", "n=-1.5e3", "t=true"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for k := range Members(obj) {
		if k != "b" {
			t.Errorf("went on to %s", k)
		}
		break
	}
	for _, none := range []string{``, `[1]`, `"a"`, `null`, `{}`, ` { } `} {
		for k := range Members(json.RawMessage(none)) {
			t.Errorf("%s has a member %s", none, k)
		}
	}
}

func TestSet_ChangesNoOtherByte(t *testing.T) {
	for _, tc := range []struct{ obj, path, want string }{
		{``, "a", `{"a":V}`},
		{" \n", "a.b", `{"a":{"b":V}}`},
		{`{}`, "a.b.c", `{"a":{"b":{"c":V}}}`},
		{" { } ", "a", ` {"a":V } `},
		{"{ \"x\" : 1\n}", "a", "{ \"x\" : 1,\"a\":V\n}"},
		{`{"a" :  "old" , "b":{ }}`, "a", `{"a" :  V , "b":{ }}`},
		{`{"a" :  "old" , "b":{ }}`, "b.c", `{"a" :  "old" , "b":{"c":V }}`},
		{`{"\u0061":{"b":1,"\u0063":2}}`, "a.c", `{"\u0061":{"b":1,"\u0063":V}}`},
		{`{"a":null}`, "a.b", `{"a":{"b":V}}`},
		{`{"a":[1]}`, "a.b", `{"a":{"b":V}}`},
		{`{"x":"a\":1}"}`, "a", `{"x":"a\":1}","a":V}`},
		// Later members of an equal key would win for most readers.
		{`{"a":1, "x":2 ,"a":3, "\u0061" : 4 }`, "a", `{"a":V, "x":2   }`},
		{`{"m":{"k":1},"m":{"k":2}}`, "m.k", `{"m":{"k":V}}`},
		{`{"m":{"k":1,"k":3},"x":0,"m":{"k":2},"y":0}`, "m.k", `{"m":{"k":V},"x":0,"y":0}`},
		// No object: nothing to do.
		{`[1]`, "a", `[1]`}, {`null`, "a", `null`}, {`"s"`, "a", `"s"`},
		{`{"a":1}`, "", `V`},
	} {
		in := json.RawMessage(tc.obj)
		got := Set(in, json.RawMessage(`V`), path(tc.path)...)
		if string(got) != tc.want {
			t.Errorf("%s at %q: %s, want %s", tc.obj, tc.path, got, tc.want)
		}
		if string(in) != tc.obj {
			t.Errorf("%s was changed to %s", tc.obj, in)
		}
	}
	if got := Set(nil, json.RawMessage(`1`), "a\"\n"); string(got) != `{"a\"\n":1}` {
		t.Errorf("a key that needs escapes: %s", got)
	}
}

func TestDelete_ChangesNoOtherByte(t *testing.T) {
	for _, tc := range []struct{ obj, path, want string }{
		{`{"a":1}`, "a", `{}`},
		{" { \"a\" : 1 } ", "a", "  {  } "[1:]},
		{`{"a":1,"b":2,"c":3}`, "a", `{"b":2,"c":3}`},
		{`{"a":1,"b":2,"c":3}`, "b", `{"a":1,"c":3}`},
		{`{"a":1,"b":2,"c":3}`, "c", `{"a":1,"b":2}`},
		{"{\"a\":1 ,\n\"b\":2\t}", "b", "{\"a\":1 \n\t}"},
		{"{ \"a\":1 ,\n\"b\":2\t}", "a", "{  \n\"b\":2\t}"},
		{`{"a":1,"a":2,"b":3}`, "a", `{"b":3}`},
		{`{"b":3,"\u0061":1,"a":2}`, "a", `{"b":3}`},
		{`{"a":1,"b":3,"a":2,"c":4,"a":5}`, "a", `{"b":3,"c":4}`},
		{`{"a":1,"a":2}`, "a", `{}`},
		{`{"m":{"a":{},"b":{}}, "n":[]}`, "m.a", `{"m":{"b":{}}, "n":[]}`},
		{`{"m":{"a":1},"m":{"a":2}}`, "m.a", `{"m":{},"m":{"a":2}}`},
		{`{"m":1}`, "m.a", `{"m":1}`}, {`{"m":1}`, "x", `{"m":1}`}, {`{"m":1}`, "x.y", `{"m":1}`},
		{`[1]`, "a", `[1]`}, {``, "a", ``}, {`{}`, "a", `{}`}, {`{"a":1}`, "", `{"a":1}`},
	} {
		in := json.RawMessage(tc.obj)
		if got := Delete(in, path(tc.path)...); string(got) != tc.want {
			t.Errorf("%s without %q: %s, want %s", tc.obj, tc.path, got, tc.want)
		}
		if string(in) != tc.obj {
			t.Errorf("%s was changed to %s", tc.obj, in)
		}
	}
}

// FuzzEdit compares edits with what encoding/json makes of them, and sees that
// input which is no JSON does no harm.
func FuzzEdit(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":{"a":2}}`, " { \"b\" : { } , \"\\u0061\" : [ { } , \"}\\\\\" ] } ", `{"a":1,"a":{"a":3},"b":4}`, `{"b":null}`, `[{"a":1}]`,
		`{"a`, `{"a":}`, `{"a":1,`, `{"a":[1}`, `{"":"\`, `{"\ud800":1,"a\ud83d\ude00":2}`, `{}`, ``,
	} {
		f.Add([]byte(seed), "a", "b", true)
		f.Add([]byte(seed), "b", "a", false)
	}
	f.Fuzz(func(t *testing.T, b []byte, k1, k2 string, two bool) {
		k1, k2 = strings.ToValidUTF8(k1, "?"), strings.ToValidUTF8(k2, "?")
		keys := []string{k1}
		if two {
			keys = append(keys, k2)
		}
		before := bytes.Clone(b)
		value := json.RawMessage(`{"new":[1]}`)
		got, has := Get(b, keys...)
		set, deleted := Set(b, value, keys...), Delete(b, keys...)
		if !bytes.Equal(b, before) {
			t.Fatalf("%q was changed to %q", before, b)
		}
		if !json.Valid(b) || !utf8.Valid(b) {
			return // no panic is all we ask for
		}
		want, found := firstAt(b, keys)
		if has != found || !bytes.Equal(got, want) {
			t.Fatalf("%q at %q: %q, %v, want %q, %v", b, keys, got, has, want, found)
		}
		members := []pair{}
		for k, v := range Members(b) {
			members = append(members, pair{k, v})
		}
		obj, isObject := decoded(b)
		if fmt.Sprint(members) != fmt.Sprint(obj) && len(obj)+len(members) > 0 {
			t.Fatalf("members of %q: %q, want %q", b, members, obj)
		}
		if !isObject {
			if !bytes.Equal(set, b) || !bytes.Equal(deleted, b) {
				t.Fatalf("%q became %q and %q", b, set, deleted)
			}
			return
		}
		if !json.Valid(set) || !json.Valid(deleted) {
			t.Fatalf("%q at %q became %q and %q", b, keys, set, deleted)
		}
		if v, _ := firstAt(set, keys); !bytes.Equal(v, value) {
			t.Fatalf("%q at %q set: %q", b, keys, set)
		}
		// Readers that take the last of equal keys see the same.
		var last map[string]any
		reader := json.NewDecoder(bytes.NewReader(set))
		reader.UseNumber() // some numbers are no float64
		if err := reader.Decode(&last); err != nil {
			t.Fatal(err)
		}
		for i, k := range keys {
			if i == len(keys)-1 {
				if text, _ := json.Marshal(last[k]); string(text) != string(value) {
					t.Fatalf("%q at %q set, read by encoding/json: %s", b, keys, text)
				}
			} else if last, _ = last[k].(map[string]any); last == nil {
				t.Fatalf("%q at %q set: %q", b, keys, set)
			}
		}
		if v, ok := firstAt(deleted, keys); ok {
			t.Fatalf("%q without %q: %q still has %q", b, keys, deleted, v)
		}
		if !found && !bytes.Equal(deleted, b) {
			t.Fatalf("%q without %q became %q", b, keys, deleted)
		}
		// The other members are what they were.
		if others(set, k1) != others(b, k1) || others(deleted, k1) != others(b, k1) {
			t.Fatalf("%q at %q: others changed in %q or %q", b, k1, set, deleted)
		}
	})
}

func firstAt(b []byte, keys []string) (json.RawMessage, bool) {
next:
	for _, k := range keys {
		obj, _ := decoded(b)
		for _, kv := range obj {
			if kv.key == k {
				b = kv.value
				continue next
			}
		}
		return nil, false
	}
	return b, true
}

func others(b []byte, key string) string {
	var text strings.Builder
	obj, _ := decoded(b)
	for _, kv := range obj {
		if kv.key != key {
			fmt.Fprintf(&text, "%q:%s\n", kv.key, kv.value)
		}
	}
	return text.String()
}

func TestPick_FindsTheFirstOfEachKeyInOnePass(t *testing.T) {
	values := []json.RawMessage{[]byte("stale"), nil, nil}
	Pick(json.RawMessage(` {"b" : [1, {"a":2}], "\u0061":null,"a":2, "b":3 , "x":"c"} `), []string{"a", "b", "c"}, values)
	if string(values[0]) != "null" || string(values[1]) != `[1, {"a":2}]` || values[2] != nil {
		t.Errorf("%q", values)
	}
	Pick(json.RawMessage(`[1]`), []string{"a", "b", "c"}, values)
	if values[0] != nil || values[1] != nil {
		t.Errorf("of a list: %q", values)
	}
}

func TestWithout_RemovesSeveralKeysAsDeleteRemovesOne(t *testing.T) {
	for _, obj := range []string{
		`{}`, `{"a":1}`, `{"a":1,"b":2}`, `{ "x" : 1 , "a":2 ,"y":3, "b" : 4 }`, `{"a":1,"x":2,"a":3}`, `{"b":1 , "a":2 , "x":3}`, `{"x":[{"a":1}]}`, `[1]`, `null`,
	} {
		want := Delete(Delete(json.RawMessage(obj), "a"), "b")
		if got := Without(json.RawMessage(obj), "a", "b"); string(got) != string(want) {
			t.Errorf("%s: %s, want %s", obj, got, want)
		}
	}
}
