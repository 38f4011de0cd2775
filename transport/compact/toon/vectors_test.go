package toon

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// vector is one of the specification's conformance fixtures; see testdata/README.md.
type vector struct {
	ID          string          `json:"id"`
	Input       json.RawMessage `json:"input"`
	Expected    json.RawMessage `json:"expected"`
	ShouldError bool            `json:"shouldError"`
	Section     string          `json:"specSection"`
	Options     struct {
		Delimiter  string `json:"delimiter"`
		IndentSize int    `json:"indentSize"`
		Strict     *bool  `json:"strict"`
	} `json:"options"`
}

func (v vector) encodeOptions() EncodeOptions {
	o := EncodeOptions{IndentSize: v.Options.IndentSize}
	if v.Options.Delimiter != "" {
		o.Delimiter = Delimiter(v.Options.Delimiter[0])
	}
	return o
}

func (v vector) decodeOptions() DecodeOptions {
	return DecodeOptions{IndentSize: v.Options.IndentSize, Lenient: v.Options.Strict != nil && !*v.Options.Strict}
}

// vectors reads the fixtures of one file, all with options that we know.
func vectors(t testing.TB, name string, want int) []vector {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dec := json.NewDecoder(f)
	dec.DisallowUnknownFields()
	var all []vector
	if err := dec.Decode(&all); err != nil {
		t.Fatal(err)
	}
	if len(all) != want {
		t.Fatalf("%s holds %d vectors, want %d", name, len(all), want)
	}
	return all
}

func text(t testing.TB, raw json.RawMessage) string {
	t.Helper()
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestVectors_EveryEncodeVectorOfTheSpecification(t *testing.T) {
	all, passed := vectors(t, "vectors-encode.json", 173), 0
	for _, v := range all {
		got, err := Encode(v.Input, v.encodeOptions())
		if want := text(t, v.Expected); err != nil || string(got) != want {
			t.Errorf("%s (§%s): %s\ngot  %q, %v\nwant %q", v.ID, v.Section, v.Input, got, err, want)
			continue
		}
		passed++
	}
	t.Logf("%d of %d encode vectors pass", passed, len(all))
}

func TestVectors_EveryDecodeVectorOfTheSpecification(t *testing.T) {
	all, passed := vectors(t, "vectors-decode.json", 343), 0
	for _, v := range all {
		in := text(t, v.Input)
		got, err := Decode([]byte(in), v.decodeOptions())
		switch {
		case v.ShouldError && err == nil:
			t.Errorf("%s (§%s): %q\ngot %s, want an error", v.ID, v.Section, in, got)
		case !v.ShouldError && err != nil:
			t.Errorf("%s (§%s): %q\n%v, want %s", v.ID, v.Section, in, err, v.Expected)
		case !v.ShouldError && different(parsed(t, got), parsed(t, v.Expected)) != "":
			t.Errorf("%s (§%s): %q\ngot  %s\nwant %s", v.ID, v.Section, in, got, v.Expected)
		default:
			passed++
		}
	}
	t.Logf("%d of %d decode vectors pass", passed, len(all))
}
