// Package kit is what the measuring programs beside it share.
package kit

import (
	"fmt"
	"math"
	"slices"
)

// Spread is what several rounds have shown of one figure.
type Spread struct{ Median, Min, Max float64 }

// SpreadOf returns the spread of figures; false when there are none.
func SpreadOf(values []float64) (Spread, bool) {
	if len(values) == 0 {
		return Spread{}, false
	}
	v := slices.Clone(values)
	slices.Sort(v)
	middle := v[len(v)/2]
	if len(v)%2 == 0 {
		middle = (v[len(v)/2-1] + middle) / 2
	}
	return Spread{middle, v[0], v[len(v)-1]}, true
}

// Ratios divides round by round; rounds in which either is missing are left out.
func Ratios(of, by map[int]float64) []float64 {
	var all []float64
	for round, a := range of {
		if b, ok := by[round]; ok && b != 0 {
			all = append(all, a/b)
		}
	}
	return all
}

// Short writes a figure with three digits, or as many as it has before the point.
func Short(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1000:
		s := fmt.Sprintf("%.0f", v)
		for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
		return s
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 0.1 || a == 0:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.4f", v)
}

// String writes the median, and in brackets the ends.
func (s Spread) String() string {
	return fmt.Sprintf("%s (%s–%s)", Short(s.Median), Short(s.Min), Short(s.Max))
}

// Cell is String of the spread of figures; a dash when there are none.
func Cell(values []float64) string {
	if s, ok := SpreadOf(values); ok {
		return s.String()
	}
	return "–"
}
