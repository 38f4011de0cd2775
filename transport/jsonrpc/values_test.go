package jsonrpc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
)

func TestElements_SplitsWithoutDecoding(t *testing.T) {
	for in, want := range map[string]string{
		`[]`:                            "",
		` [ ] `:                         "",
		`[1, "a,]" ,{"b":[2,3]},[[]] ]`: `1|"a,]"|{"b":[2,3]}|[[]]|`,
		`["\"", 1e400]`:                 `"\""|1e400|`,
		`{"a":1}`:                       "",
		`"x"`:                           "",
		``:                              "",
		`[1`:                            "1|", // no JSON: it ends within the bytes
		`["x`:                           "",
	} {
		got := ""
		for e := range Elements(json.RawMessage(in)) {
			got += string(e) + "|"
		}
		if got != want {
			t.Errorf("Elements(%s) = %s, want %s", in, got, want)
		}
	}
	for range Elements(json.RawMessage(`[1,2]`)) {
		break // a range that ends early must not be called again
	}
}

func TestAppendCompact_DropsSpaceAndEscapesThatNobodyNeeds(t *testing.T) {
	for in, want := range map[string]string{
		" { \"b\" : [ 1.50 , 12345678901234567890 ] ,\n\t\"a\" : null }\r\n": `{"b":[1.50,12345678901234567890],"a":null}`,
		`"\u00e9\u4e2d\ud83d\ude00\u003c\/\u0041"`:                           `"é中😀</A"`,
		`"\u0000\u0022\u005c\u007f\n\t\"\\ \ud83d\ud83dx\udc00"`:             `"\u0000\u0022\u005c\u007f\n\t\"\\ \ud83d\ud83dx\udc00"`,
		`{"\u00e9 \\":"  "}`: `{"é \\":"  "}`,
		`true`:               `true`,
		` -0.0e+1 `:          `-0.0e+1`,
		`"\ud83d"`:           `"\ud83d"`,
	} {
		got, err := AppendCompact([]byte("x"), []byte(in), 10)
		if err != nil || string(got) != "x"+want {
			t.Errorf("AppendCompact(%s) = %s, %v; want x%s", in, got, err, want)
		}
		var a, b any
		if json.Unmarshal([]byte(in), &a) != nil || json.Unmarshal(got[1:], &b) != nil || fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("AppendCompact(%s) means something else", in)
		}
	}
	for _, in := range []string{"", " ", "x", "{", `{"a":1} 2`, "01", "[1,]", "\"\x01\"", "\"\xff\"", "NaN", `[[[1]]]`} {
		if got, err := AppendCompact([]byte("x"), []byte(in), 2); err == nil || string(got) != "x" {
			t.Errorf("AppendCompact(%q) = %q, %v; want an error", in, got, err)
		}
	}
}

func TestAppendQuote_WritesWhatQuoteWrites(t *testing.T) {
	if got := string(AppendQuote([]byte("x"), "é\n<\"")); got != `x`+string(Quote("é\n<\"")) {
		t.Fatal(got)
	}
}

func FuzzAppendCompact(f *testing.F) {
	f.Add([]byte(`{"a":["\u00e9",1.0,true]}`))
	f.Add([]byte(" { \"a b\" : [ ] , \"\\/\" :\t\" \\\" \" }\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := AppendCompact([]byte("x"), in, 100)
		if err != nil {
			if string(got) != "x" {
				t.Fatalf("%q: %v, and yet %q", in, err, got)
			}
			return
		}
		if string(got[:1]) != "x" {
			t.Fatalf("%q: what was there became %q", in, got)
		}
		got = got[1:]
		var plain bytes.Buffer
		if bytes.IndexByte(in, '\\') < 0 && (json.Compact(&plain, in) != nil || !bytes.Equal(plain.Bytes(), got)) {
			t.Fatalf("%q became %q, and json.Compact has %q", in, got, plain.Bytes())
		}
		if again, err := AppendCompact(nil, got, 100); err != nil || !bytes.Equal(again, got) {
			t.Fatalf("%q became %q, and that %q (%v)", in, got, again, err)
		}
		a, err := decodeNumbers(in)
		if err != nil {
			t.Fatalf("%q is no JSON: %v", in, err)
		}
		if b, err := decodeNumbers(got); err != nil || fmt.Sprintf("%#v", a) != fmt.Sprintf("%#v", b) {
			t.Fatalf("%q became %q (%v)", in, got, err)
		}
		if len(got) > len(in) {
			t.Fatalf("%q grew to %q", in, got)
		}
	})
}

func decodeNumbers(b []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}
