package main

import (
	"fmt"
	"math"
	"slices"
)

// spread is what several rounds have shown of one figure.
type spread struct{ Median, Min, Max float64 }

// spreadOf returns the spread of figures; false when there are none.
func spreadOf(values []float64) (spread, bool) {
	if len(values) == 0 {
		return spread{}, false
	}
	v := slices.Clone(values)
	slices.Sort(v)
	middle := v[len(v)/2]
	if len(v)%2 == 0 {
		middle = (v[len(v)/2-1] + middle) / 2
	}
	return spread{middle, v[0], v[len(v)-1]}, true
}

// ratios divides round by round; rounds in which either is missing are left out.
func ratios(of, by map[int]float64) []float64 {
	var all []float64
	for round, a := range of {
		if b, ok := by[round]; ok && b != 0 {
			all = append(all, a/b)
		}
	}
	return all
}

// short writes a figure with three digits, or as many as it has before the point.
func short(v float64) string {
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

func (s spread) String() string {
	return fmt.Sprintf("%s (%s–%s)", short(s.Median), short(s.Min), short(s.Max))
}
