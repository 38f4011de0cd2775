package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func tooComplex(t *testing.T, s *Schema, value string) {
	t.Helper()
	ps := s.Validate(json.RawMessage(value))
	if len(ps) != 1 || ps[0].Kind != TooComplex || !strings.Contains(ps[0].Message, "steps") {
		t.Fatalf("want one problem of kind TooComplex, got %s", texts(ps))
	}
}

func nested(depth int) string {
	return strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth)
}

func TestValidate_ARecursiveSchemaThatDoublesPerLevelIsStopped(t *testing.T) {
	for name, raw := range map[string]string{
		"references":        `{"anyOf":[{"properties":{"a":{"$ref":"#"}},"required":["no"]},{"properties":{"a":{"$ref":"#"}},"required":["no"]}]}`,
		"dynamic reference": `{"$defs":{"n":{"$dynamicAnchor":"n","allOf":[{"properties":{"a":{"$dynamicRef":"#n"}}},{"properties":{"a":{"$dynamicRef":"#n"}}}]}},"$ref":"#/$defs/n"}`,
		"recursive reference": `{"$schema":"https://json-schema.org/draft/2019-09/schema","$recursiveAnchor":true,
			"allOf":[{"properties":{"a":{"$recursiveRef":"#"}}},{"properties":{"a":{"$recursiveRef":"#"}}}]}`,
		"dependencies":      `{"$schema":"http://json-schema.org/draft-07/schema#","dependencies":{"a":{"properties":{"a":{"$ref":"#"}}}},"properties":{"a":{"$ref":"#"}}}`,
		"dependent schemas": `{"dependentSchemas":{"a":{"properties":{"a":{"$ref":"#"}}}},"properties":{"a":{"$ref":"#"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := mustCompile(t, raw)
			tooComplex(t, s, nested(60))
			for _, p := range s.Validate(json.RawMessage(nested(4))) {
				if p.Kind == TooComplex {
					t.Fatalf("a shallow value is refused as too complex")
				}
			}
		})
	}
}

func TestValidate_AFanOfReferencesInPlaceIsStopped(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"$ref":"#/$defs/d0","$defs":{`)
	for i := range 40 {
		fmt.Fprintf(&b, `"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	b.WriteString(`"d40":{"type":"string"}}}`)
	tooComplex(t, mustCompile(t, b.String()), `"x"`)
}

func TestValidate_AReferenceCycleEnds(t *testing.T) {
	s := mustCompile(t, `{"allOf":[{"$ref":"#"},{"$ref":"#"}],"anyOf":[{"type":"object"},{"$ref":"#"}]}`)
	if ps := s.Validate(json.RawMessage(`{}`)); len(ps) == 0 {
		t.Fatal("an endless schema accepts a value")
	}
}

func TestValidate_LargeValuesAreBounded(t *testing.T) {
	many := "[" + strings.Repeat("0,", MaxSteps) + "0]"
	tooComplex(t, mustCompile(t, `{"items":{"type":"string"}}`), many)
	tooComplex(t, mustCompile(t, `{"uniqueItems":true}`), "["+strings.Repeat("[],", 20_000)+"[]]")
	tooComplex(t, mustCompile(t, `{"pattern":"^(a|b|c|d)*(e|f){300}$"}`), `"`+strings.Repeat("a", 1<<20)+`"`)
	tooComplex(t, mustCompile(t, `{"additionalProperties":{"enum":[`+strings.Repeat("1,", 400_000)+`1]}}`), `{"a":2,"b":2,"c":2,"d":2,"e":2,"f":2,"g":2,"h":2,"i":2,"j":2,"k":2,"l":2,"m":2,"n":2,"o":2,"p":2,"q":2,"r":2,"s":2,"t":2,"u":2}`)
}

func TestValidate_ALargeHonestValueIsChecked(t *testing.T) {
	s := mustCompile(t, `{"properties":{"data":{"type":"string","pattern":"^[A-Za-z0-9+/]*={0,2}$"},"rows":{"items":{"type":"object","properties":{"id":{"type":"integer"}}}}}}`)
	data := strings.Repeat("QUJD", 1<<20)
	rows := strings.TrimSuffix(strings.Repeat(`{"id":1},`, 50_000), ",")
	if ps := s.Validate(json.RawMessage(`{"data":"` + data + `","rows":[` + rows + `]}`)); ps != nil {
		t.Fatal(texts(ps))
	}
}

func TestCompile_APatternThatRE2CannotExpressIsNotCheckedAndSaysSo(t *testing.T) {
	s := mustCompile(t, `{"properties":{"a":{"type":"string","pattern":"^(?=x)"},"b":{"pattern":"^y"}}}`)
	if n := s.Notices(); len(n) != 1 || !strings.Contains(n[0], `"^(?=x)"`) || !strings.Contains(n[0], "not checked") {
		t.Fatalf("Notices = %q", n)
	}
	if ps := s.Validate(json.RawMessage(`{"a":"z","b":"yes"}`)); ps != nil {
		t.Errorf("the pattern refuses: %s", texts(ps))
	}
	if got := texts(s.Validate(json.RawMessage(`{"a":1,"b":"no"}`))); got != "$.a is number, want string\n$.b does not match the pattern ^y" {
		t.Errorf("the rest is not checked any more: %q", got)
	}
	if n := mustCompile(t, `{"pattern":"^x"}`).Notices(); n != nil {
		t.Errorf("Notices = %q without a reason", n)
	}
}

func TestCompile_AnUncheckedPatternNeverRefuses(t *testing.T) {
	const p = `{"pattern":"(?=x)"}`
	for name, raw := range map[string]string{
		"not":                `{"properties":{"a":{"not":` + p + `}}}`,
		"not, further down":  `{"not":{"properties":{"a":` + p + `}}}`,
		"not, by reference":  `{"$defs":{"p":` + p + `},"not":{"properties":{"a":{"$ref":"#/$defs/p"}}}}`,
		"if":                 `{"if":{"properties":{"a":` + p + `}},"then":{"required":["b"]}}`,
		"oneOf":              `{"properties":{"a":{"oneOf":[` + p + `,{"pattern":"(?!x)"}]}}}`,
		"oneOf beside anyOf": `{"properties":{"a":{"anyOf":[{"type":"string"}],"oneOf":[` + p + `,{"pattern":"(?!x)"}]}}}`,
		"patternProperties":  `{"patternProperties":{"(?=x)":{"type":"number"}},"additionalProperties":false}`,
		"maxContains":        `{"properties":{"l":{"contains":` + p + `,"maxContains":1}}}`,
		"unevaluated":        `{"if":{"properties":{"a":` + p + `}},"then":true,"unevaluatedProperties":false}`,
		"propertyNames":      `{"propertyNames":` + p + `}`,
		"too large":          `{"properties":{"a":{"pattern":"(x{1000}){2}y"}}}`,
		"half a character":   `{"properties":{"a":{"pattern":"\\ud800x"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := mustCompile(t, raw)
			if len(s.Notices()) == 0 {
				t.Fatal("no notice")
			}
			if ps := s.Validate(json.RawMessage(`{"a":"z","l":["q","r"]}`)); ps != nil {
				t.Fatal(texts(ps))
			}
		})
	}
}

func TestCompile_TheSizeOfAllPatternsTogetherIsBounded(t *testing.T) {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, `"p%d":{"pattern":"x{900}%d"},`, i, i)
	}
	s := mustCompile(t, `{"properties":{`+b.String()+`"z":{}}}`)
	if n := len(s.Notices()); n == 0 || n > 30 {
		t.Fatalf("%d of 40 large patterns are not checked", n)
	}
}

func TestValidate_AValueThatIsAPatternIsNotJudged(t *testing.T) {
	s := mustCompile(t, `{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"a":{"format":"regex"}}}`)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if ps := s.Validate(json.RawMessage(`{"a":"(?=x)"}`)); ps != nil {
				t.Error(texts(ps))
			}
		})
	}
	wg.Wait()
	if s.Notices() != nil {
		t.Fatal(s.Notices())
	}
}

func TestCompile_PatternsOfECMAScript(t *testing.T) {
	for p, match := range map[string]string{
		`^[\\u4e00-\\u9fa5]+$`:      "中文",
		`^\\u{1F600}$`:              "😀",
		`^\\ud83d\\ude00$`:          "😀",
		`^\\\\u0041$`:               `\\u0041`,
		`^\\d{2}\\/\\w+(?<name>x)$`: "12/abx",
		`^\\u00e9\\.$`:              "é.",
	} {
		s := mustCompile(t, `{"pattern":"`+p+`"}`)
		if s.Notices() != nil {
			t.Errorf("%s: %q", p, s.Notices())
		}
		if ps := s.Validate(json.RawMessage(`"` + match + `"`)); ps != nil {
			t.Errorf("%s does not match %s", p, match)
		}
		if ps := s.Validate(json.RawMessage(`"-"`)); len(ps) != 1 {
			t.Errorf("%s matches -", p)
		}
	}
	for _, p := range []string{`\\u12`, `\\u{110000000}`, `\\u{12`, `x\\`} {
		if mustCompile(t, `{"pattern":"`+p+`"}`).Notices() == nil {
			t.Errorf("%s compiles", p)
		}
	}
}
