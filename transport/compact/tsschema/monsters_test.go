package tsschema

import (
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"
)

// each joins n texts with commas.
func each(n int, format func(i int) string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = format(i)
	}
	return strings.Join(all, ",")
}

func nest(n int, before, inner, after string) string {
	return strings.Repeat(before, n) + inner + strings.Repeat(after, n)
}

// monsters are schemas that grow without bounds somewhere: in size, in depth,
// in what they would expand to. n is how far they go; 1000 is some 100 KB.
var monsters = map[string]func(n int) string{
	"properties": func(n int) string {
		return `{"type":"object","properties":{` + each(10*n, func(i int) string { return fmt.Sprintf(`"property_%d":{"type":"string"}`, i) }) + `}}`
	},
	"properties, all equal": func(n int) string {
		return `{"properties":{` + each(10*n, func(int) string { return `"a":{"minLength":1}` }) + `}}`
	},
	"required": func(n int) string {
		return `{"properties":{"a":{}},"required":[` + each(10*n, func(i int) string { return fmt.Sprintf(`"r%d"`, i) }) + `]}`
	},
	"values": func(n int) string {
		return `{"enum":[` + each(10*n, func(i int) string { return fmt.Sprintf(`"value %d"`, i) }) + `]}`
	},
	"numbers": func(n int) string {
		return `{"enum":[` + each(10*n, func(i int) string { return fmt.Sprint(i - 5*n) }) + `]}`
	},
	"alternatives": func(n int) string {
		return `{"anyOf":[` + each(5*n, func(i int) string { return fmt.Sprintf(`{"required":["r%d"]}`, i) }) + `]}`
	},
	"parts": func(n int) string {
		return `{"allOf":[` + each(5*n, func(i int) string { return fmt.Sprintf(`{"required":["r%d"]}`, i) }) + `]}`
	},
	"parts that only constrain": func(n int) string {
		return `{"allOf":[` + each(5*n, func(i int) string { return fmt.Sprintf(`{"minLength":%d}`, i) }) + `]}`
	},
	"alternatives that only constrain": func(n int) string {
		return `{"anyOf":[` + each(5*n, func(i int) string { return fmt.Sprintf(`{"minLength":%d}`, i) }) + `]}`
	},
	"a product of alternatives": func(n int) string {
		return `{"allOf":[` + each(n/10, func(i int) string {
			return `{"anyOf":[` + each(10, func(k int) string { return fmt.Sprintf(`{"required":["r%d_%d"]}`, i, k) }) + `]}`
		}) + `]}`
	},
	"a product of alternatives, by name": func(n int) string {
		return `{"items":{"allOf":[` + each(n/10, func(i int) string { return fmt.Sprintf(`{"$ref":"#/$defs/u%d"}`, i) }) + `]},"$defs":{` + each(n/10, func(i int) string {
			return fmt.Sprintf(`"u%d":{"anyOf":[`, i) + each(10, func(k int) string {
				return fmt.Sprintf(`{"properties":{"p%d_%d":{"items":{"$ref":"#/$defs/u%d"}}}}`, i, k, i)
			}) + `]}`
		}) + `}}`
	},
	"a tuple": func(n int) string { return `{"prefixItems":[` + each(10*n, func(int) string { return `{}` }) + `]}` },
	"types": func(n int) string {
		return `{"properties":{` + each(n, func(i int) string { return fmt.Sprintf(`"p%d":{}`, i) }) + `},"type":[` + each(10*n, func(int) string { return `"object"` }) + `]}`
	},
	"patterns": func(n int) string {
		return `{"patternProperties":{` + each(3*n, func(i int) string { return fmt.Sprintf(`"^p%d":{"const":%d}`, i, i) }) + `}}`
	},
	"deep objects": func(n int) string { return nest(10*n, `{"properties":{"a":`, `{}`, `}}`) },
	"deep lists":   func(n int) string { return nest(10*n, `{"items":`, `{}`, `}`) },
	"deep records": func(n int) string { return nest(n, `{"additionalProperties":`, `{"type":"string"}`, `}`) },
	"deep alternatives": func(n int) string {
		return nest(10*n, `{"anyOf":[{"type":"null"},`, `{}`, `]}`)
	},
	"deep alternatives with notes": func(n int) string {
		return nest(n, `{"description":"x","anyOf":[{"type":"null"},{"items":`, `{}`, `}]}`)
	},
	"deep parts":    func(n int) string { return nest(10*n, `{"allOf":[{"required":["a"]},`, `{}`, `]}`) },
	"deep value":    func(n int) string { return `{"const":` + nest(20*n, `[`, `1`, `]`) + `}` },
	"deep default":  func(n int) string { return `{"default":` + nest(20*n, `{"a":`, `1`, `}`) + `}` },
	"deep not":      func(n int) string { return nest(10*n, `{"not":`, `{}`, `}`) },
	"deep nonsense": func(n int) string { return `{"x":` + nest(50*n, `[`, ``, `]`) + `}` },
	"everything twice, again and again": func(n int) string {
		return `{"$ref":"#/$defs/a0","$defs":{` + each(n, func(i int) string {
			return fmt.Sprintf(`"a%d":{"properties":{"x":{"$ref":"#/$defs/a%d"},"y":{"$ref":"#/$defs/a%d"}}}`, i, i+1, i+1)
		}) + `}}`
	},
	"twice the alternatives, again and again": func(n int) string {
		return `{"$ref":"#/$defs/a0","$defs":{` + each(n, func(i int) string {
			return fmt.Sprintf(`"a%d":{"anyOf":[{"$ref":"#/$defs/a%d"},{"$ref":"#/$defs/a%d"},{"const":%d}]}`, i, i+1, i+2, i)
		}) + `}}`
	},
	"twice the parts, again and again": func(n int) string {
		return `{"$ref":"#/$defs/a0","$defs":{` + each(n, func(i int) string {
			return fmt.Sprintf(`"a%d":{"allOf":[{"$ref":"#/$defs/a%d"},{"anyOf":[{"$ref":"#/$defs/a%d"},{"required":["r%d"]}]}]}`, i, i+1, i+2, i)
		}) + `}}`
	},
	"a chain of references": func(n int) string {
		return `{"$ref":"#/$defs/a0","$defs":{` + each(5*n, func(i int) string { return fmt.Sprintf(`"a%d":{"$ref":"#/$defs/a%d"}`, i, i+1) }) + `}}`
	},
	"a chain of properties": func(n int) string {
		return `{"$ref":"#/$defs/a0","$defs":{` + each(5*n, func(i int) string { return fmt.Sprintf(`"a%d":{"properties":{"p":{"$ref":"#/$defs/a%d"}}}`, i, i+1) }) + `}}`
	},
	"a ring": func(n int) string {
		return `{"$ref":"#/$defs/a0","$defs":{` + each(5*n, func(i int) string {
			return fmt.Sprintf(`"a%d":{"properties":{"p":{"$ref":"#/$defs/a%d"}}}`, i, (i+1)%(5*n))
		}) + `}}`
	},
	"a ring of nothing": func(n int) string {
		return `{"$ref":"#/$defs/a0","$defs":{` + each(5*n, func(i int) string {
			return fmt.Sprintf(`"a%d":{"anyOf":[{"const":%d},{"$ref":"#/$defs/a%d"}]}`, i, i, (i+1)%(5*n))
		}) + `}}`
	},
	"all contain all": func(n int) string {
		k := int(math.Sqrt(float64(2 * n)))
		return `{"$ref":"#/$defs/a0","$defs":{` + each(k, func(i int) string {
			return fmt.Sprintf(`"a%d":{"properties":{`, i) + each(k, func(j int) string { return fmt.Sprintf(`"p%d":{"$ref":"#/$defs/a%d"}`, j, j) }) + `}}`
		}) + `}}`
	},
	"names that are missing": func(n int) string {
		return `{"anyOf":[` + each(5*n, func(i int) string { return fmt.Sprintf(`{"$ref":"#/$defs/m%d"}`, i) }) + `]}`
	},
	"names that are equal": func(n int) string {
		return `{"items":{"anyOf":[` + each(2*n, func(i int) string { return fmt.Sprintf(`{"$ref":"#/x%d/N"}`, i) }) + `]},` + each(2*n, func(i int) string {
			return fmt.Sprintf(`"x%d":{"N":{"items":{"$ref":"#/x%d/N"}}}`, i, i)
		}) + `}`
	},
	"one long type everywhere": func(n int) string {
		return `{"prefixItems":[` + each(3*n, func(int) string { return `{"$ref":"#/$defs/a"}` }) + `],"$defs":{"a":{"required":[` + each(n, func(i int) string { return fmt.Sprintf(`"r%d"`, i) }) + `]}}}`
	},
	"long pointers": func(n int) string {
		k := int(math.Sqrt(float64(5 * n)))
		pointer := strings.Repeat("/properties/a", k)
		return `{"properties":{"a":` + nest(k, `{"properties":{"a":`, `{}`, `}}`) + `},"prefixItems":[` + each(k, func(i int) string { return `{"$ref":"#` + pointer + fmt.Sprintf(`/properties/b%d"}`, i) }) + `]}`
	},
	"each of many layers, by pointer": func(n int) string {
		inner := `{"properties":{` + each(5*n, func(i int) string { return fmt.Sprintf(`"p%d":{}`, i) }) + `}}`
		return `{"properties":{"r":{"prefixItems":[` + each(60, func(i int) string { return `{"$ref":"#` + strings.Repeat("/properties/a", i+1) + `"}` }) + `]},"a":` + nest(60, `{"properties":{"a":`, inner, `}}`) + `}}`
	},
	"anchors": func(n int) string {
		return `{"anyOf":[` + each(2*n, func(i int) string { return fmt.Sprintf(`{"$ref":"#a%d"}`, i) }) + `],"$defs":{` + each(2*n, func(i int) string { return fmt.Sprintf(`"d%d":{"$anchor":"a%d","const":%d}`, i, i, i) }) + `}}`
	},
	"addresses": func(n int) string {
		return `{"$id":"https://x.org/","anyOf":[` + each(2*n, func(i int) string { return fmt.Sprintf(`{"$ref":"a%d"}`, i) }) + `],"$defs":{` + each(2*n, func(i int) string { return fmt.Sprintf(`"d%d":{"$id":"a%d","const":%d}`, i, i, i) }) + `}}`
	},
	"a long name":  func(n int) string { return `{"properties":{"` + strings.Repeat("n-", 50*n) + `":{}}}` },
	"a long value": func(n int) string { return `{"items":{"enum":["a","` + strings.Repeat("v", 100*n) + `"]}}` },
	"a long number": func(n int) string {
		return `{"enum":[1` + strings.Repeat("0", 100*n) + `],"minimum":1` + strings.Repeat("0", 100*n) + `}`
	},
	"a long description": func(n int) string { return `{"type":"string","description":"` + strings.Repeat(`*/`, 50*n) + `"}` },
	"long white space":   func(n int) string { return `{"type":"string","description":"` + strings.Repeat(` `, 100*n) + `x"}` },
	"long patterns": func(n int) string {
		return `{"prefixItems":[` + each(n/10, func(i int) string { return `{"pattern":"` + strings.Repeat("p", 1000) + `"}` }) + `]}`
	},
	"a long reference": func(n int) string { return `{"$ref":"#` + strings.Repeat("/~1", 30*n) + `"}` },
}

// limits are bounds of a text: none that matters, the default, and hardly any.
var limits = []int{0, 10_000, 1000, 300, 1}

// size is how far monsters go: their schemas have some 100 KB, or, where
// coverage counters make each byte dear, some 10.
func size() int {
	if testing.CoverMode() != "" {
		return 100
	}
	return 1000
}

// monsterTypes are those of the monsters, with each of the limits.
func monsterTypes(t *testing.T) (all []declared) {
	t.Helper()
	for name, monster := range monsters {
		s := monster(size())
		if len(s) > MaxSchemaBytes || !json.Valid([]byte(s)) && !strings.HasPrefix(name, "deep") { // of what is deep, encoding/json says nothing
			t.Fatalf("%s: %d bytes, or no JSON: %.200s", name, len(s), s)
		}
		for _, limit := range limits {
			start := time.Now()
			d, err := Declaration("Input", json.RawMessage(s), Options{MaxBytes: limit})
			took := time.Since(start)
			if err != nil {
				t.Fatalf("%s: the schema %v", name, err)
			}
			if limit == 0 && took > time.Second || testing.Verbose() && limit == 0 {
				t.Logf("%-40s %7d bytes became %6d in %s", name, len(s), len(d), took)
			}
			if took > time.Minute { // it is well below one; this machine may be busy
				t.Errorf("%s took %s", name, took)
			}
			most := max(limit, leastBytes) + len("type Input = ;")
			if limit == 0 {
				most += DefaultMaxBytes
			}
			if len(d) > most {
				t.Errorf("%s: %d bytes and not at most %d: %.300s", name, len(d), most, d)
			}
			all = append(all, declared{name, d})
		}
	}
	return all
}

// What a schema costs grows as the schema does: ten times the length would be a
// hundred times the memory if it did not. Memory is counted, since it is much
// the same in every run.
func TestMonsters_CostAsMuchAsTheyAreLong(t *testing.T) {
	allocated := func(s string) float64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := Compress(json.RawMessage(s), Options{}); err != nil {
			t.Fatalf("the schema %v", err)
		}
		runtime.ReadMemStats(&after)
		return float64(after.TotalAlloc - before.TotalAlloc)
	}
	for name, monster := range monsters {
		small, large := monster(size()/5), monster(2*size())
		ratio := allocated(large) / allocated(small)
		if length := float64(len(large)) / float64(len(small)); ratio > 3*length {
			t.Errorf("%s: %.1f times as long, %.1f times the memory", name, length, ratio)
		}
	}
}
