package tsschema

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// hostileSchemas is how many there are; few where coverage counters make them
// dear. `make test` runs the tests without these too.
func hostileSchemas() int {
	if testing.CoverMode() != "" {
		return 300
	}
	return 2000
}

// hostileTypes are those of generated schemas, the same every time: what fails,
// fails again.
func hostileTypes(t *testing.T) (all []declared) {
	t.Helper()
	g := newGenerator(1)
	count, bytes, named, start := hostileSchemas(), 0, 0, time.Now()
	for i := range count {
		s := g.root()
		if i%2 == 1 {
			s = g.knot()
		}
		if !json.Valid([]byte(s)) {
			t.Fatalf("the generator is wrong: %s", s)
		}
		d, err := Declaration("Input", json.RawMessage(s), Options{})
		if err != nil {
			t.Fatalf("the schema %s %v", s, err)
		}
		if strings.ContainsAny(d, "\n\r\u2028\u2029\u0000") {
			t.Fatalf("more than a line: %q", d)
		}
		if strings.Contains(d, "; type ") {
			named++
		}
		bytes += len(s)
		all = append(all, declared{s, d})
		if len(d) > leastBytes { // and what is left of it where there is no room
			if d, err = Declaration("Input", json.RawMessage(s), Options{MaxBytes: leastBytes + g.IntN(len(d))}); err != nil {
				t.Fatalf("the schema %s %v", s, err)
			}
			all = append(all, declared{s, d})
		}
	}
	if named < count/10 {
		t.Errorf("only %d of the schemas name types: too tame", named)
	}
	t.Logf("%d hostile schemas, %d bytes, %d of them with named types, in %s", count, bytes, named, time.Since(start).Round(time.Millisecond))
	return all
}

func TestCompress_BadInputIsAClearError(t *testing.T) {
	for name, c := range map[string]struct{ schema, want string }{
		"no JSON":       {`{"type":`, "is not valid JSON: at byte 8: unexpected end of JSON"},
		"NaN":           {`{"minimum":NaN}`, `is not valid JSON: at byte 11: unexpected "N", want a value`},
		"Infinity":      {`{"enum":[-Infinity]}`, `is not valid JSON: at byte 10: unexpected "I", want a digit`},
		"invalid UTF-8": {"{\"description\":\"a\xff\"}", "is not valid JSON: at byte 17: a string is not valid UTF-8"},
		"two values":    {`{} {}`, `is not valid JSON: at byte 3: unexpected "{", want nothing after the message`},
		"a list":        {` [{"type":"string"}]`, "is an array and neither an object nor a boolean"},
		"a string":      {`"string"`, "is a string and neither an object nor a boolean"},
		"null":          {`null`, "is null and neither an object nor a boolean"},
		"a number":      {`-1`, "is a number and neither an object nor a boolean"},
		"too large":     {`{"x":"` + strings.Repeat("x", MaxSchemaBytes) + `"}`, "is larger than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Compress(json.RawMessage(c.schema), Options{})
			if got != "" || err == nil || err.Error() != c.want {
				t.Errorf("got %q, %v\nwant the error %s", got, err, c.want)
			}
			if d, again := Declaration("Input", json.RawMessage(c.schema), Options{}); d != "" || again == nil || again.Error() != c.want {
				t.Errorf("declared: %q, %v", d, again)
			}
		})
	}
}

func TestCompress_NoSchemaAcceptsEverything(t *testing.T) {
	for _, s := range []string{"", " \n", "{}", "true"} {
		if got, err := Compress(json.RawMessage(s), Options{}); got != "unknown" || err != nil {
			t.Errorf("%q became %q, %v", s, got, err)
		}
	}
}

func TestCompress_SaysWhatThereWasNoRoomFor(t *testing.T) {
	properties := `{"properties":{` + each(1000, func(i int) string { return fmt.Sprintf(`"p%d":{}`, i) }) + `}}`
	values := `{"enum":[` + each(1000, func(i int) string { return fmt.Sprintf(`"v%d"`, i) }) + `]}`
	tuple := `{"prefixItems":[` + each(1000, func(int) string { return `{"type":"string"}` }) + `]}`
	for schema, end := range map[string]string{
		properties: "; p15?: unknown /* 984 more */}",
		values:     ` | "v30" | unknown`,
		tuple:      ", string, ...unknown[]]",
	} {
		got, err := Compress(json.RawMessage(schema), Options{MaxBytes: 256})
		if err != nil || !strings.HasSuffix(got, end) || len(got) > 256 {
			t.Errorf("got %s, %v\nwant the end %s", got, err, end)
		}
	}
}
