package kit

import (
	"slices"
	"testing"

	"github.com/mcpx/mcpx/tests/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestSpread_IsMedianAndEnds(t *testing.T) {
	for want, values := range map[string][]float64{
		"2.00 (1.00–9.00)":                   {9, 1, 2},
		"3.50 (1.00–9.00)":                   {9, 1, 5, 2},
		"1,234 (1,234–1,234)":                {1234.4},
		"12,345,678 (12,345,678–12,345,678)": {12345678},
		"123 (123–123)":                      {123.4},
		"12.3 (12.3–12.3)":                   {12.34},
		"0.0123 (0.0123–0.0123)":             {0.01234},
		"–":                                  nil,
	} {
		if got := Cell(values); got != want {
			t.Errorf("%v: %q, want %q", values, got, want)
		}
	}
}

func TestRatios_AreTakenRoundByRound(t *testing.T) {
	got := Ratios(map[int]float64{0: 10, 1: 30, 2: 5}, map[int]float64{0: 10, 1: 10, 3: 1})
	slices.Sort(got)
	if !slices.Equal(got, []float64{1, 3}) {
		t.Errorf("%v, want [1 3]: rounds that either did not have are left out", got)
	}
}
