package toon

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/mcpx/mcpx/tests/cost"
)

// row is a row of uniformRows.
type row struct {
	ID     int     `json:"id"`
	Name   string  `json:"name"`
	Email  string  `json:"email"`
	Active bool    `json:"active"`
	Score  float64 `json:"score"`
	City   string  `json:"city"`
	Note   *string `json:"note"`
}

// What the encoder may cost, as a multiple of json.Marshal. The race detector
// and coverage counters make each side dearer in its own way; under them only
// what is wrong by orders of magnitude shows.
const dearest, dearestInstrumented = 2.0, 40.0

// The list is marshalled as a program holds it that has just read it, and as
// structs, which is the cheapest there is.
func TestPrice_OfAUniformListOf1MBIsAtMostTwiceThatOfMarshal(t *testing.T) {
	p, most, n, times, how := newPairs(t), dearest, 7, 3, "as it is shipped"
	if cost.Instrumented() {
		most, n, times, how = dearestInstrumented, 3, 1, "instrumented"
	}
	// What else runs takes the caches away from either side: it may be measured again.
	for tries := 3; tries > 0; tries-- {
		var any, structs []float64
		for range n {
			encode := cost.Of(t, times, p.encode)
			any = append(any, float64(encode)/float64(cost.Of(t, 1, p.marshalAny)))
			structs = append(structs, float64(encode)/float64(cost.Of(t, times, p.marshalStructs)))
		}
		slices.Sort(any)
		slices.Sort(structs)
		t.Logf("%s, encoding %d bytes costs %.2f times json.Marshal of the decoded value (%.2f to %.2f) and %.2f times json.Marshal of structs (%.2f to %.2f); medians of %d pairs",
			how, len(p.raw), any[n/2], any[0], any[n-1], structs[n/2], structs[0], structs[n-1], n)
		if any[n/2] <= most && structs[n/2] <= most {
			return
		}
	}
	t.Errorf("that is more than %v times", most)
}

// pairs are what is compared.
type pairs struct {
	raw   json.RawMessage
	value any
	rows  []row
}

func newPairs(t testing.TB) *pairs {
	t.Helper()
	p := pairs{raw: uniformRows(1 << 20)}
	for _, into := range []any{&p.value, &p.rows} {
		if err := json.Unmarshal(p.raw, into); err != nil {
			t.Fatal(err)
		}
	}
	return &p
}

func (p *pairs) encode() error         { _, err := Encode(p.raw, EncodeOptions{}); return err }
func (p *pairs) marshalAny() error     { _, err := json.Marshal(p.value); return err }
func (p *pairs) marshalStructs() error { _, err := json.Marshal(p.rows); return err }
