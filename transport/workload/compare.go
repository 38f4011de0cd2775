package workload

import (
	"slices"
	"time"
)

// Order is the order in which two targets, 0 and 1, are measured: in pairs, of
// which every other one is turned around (0 1 1 0 …), so that what changes
// slowly on the machine favours neither.
func Order(rounds int) []int {
	order := make([]int, 0, 2*rounds)
	for round := range rounds {
		order = append(order, round%2, 1-round%2)
	}
	return order
}

// Ratio compares one figure of two targets, pair by pair: that of the first
// divided by that of the second.
type Ratio struct {
	Figure string    `json:"figure"`
	Pairs  []float64 `json:"pairs"`
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
}

// Compare divides the figures of a's reports by those of b's, the n-th by the
// n-th. Figures that are not there in every report are left out.
func Compare(a, b []*Report) []Ratio {
	var ratios []Ratio
	for _, figure := range []struct {
		name string
		of   func(*Report) float64
	}{
		{"throughput", func(r *Report) float64 { return r.Throughput }},
		{"p50", func(r *Report) float64 { return float64(r.Latency.P50) }},
		{"p90", func(r *Report) float64 { return float64(r.Latency.P90) }},
		{"p99", func(r *Report) float64 { return float64(r.Latency.P99) }},
		{"target CPU per request", func(r *Report) float64 { return float64(r.Used.cpuPerRequest()) }},
		{"target RSS", func(r *Report) float64 { return float64(r.Used.rss()) }},
	} {
		ratio := Ratio{Figure: figure.name}
		for i := range min(len(a), len(b)) {
			x, y := figure.of(a[i]), figure.of(b[i])
			if x <= 0 || y <= 0 {
				ratio.Pairs = nil
				break
			}
			ratio.Pairs = append(ratio.Pairs, x/y)
		}
		if len(ratio.Pairs) > 0 {
			ratio.Median, ratio.Min, ratio.Max = median(ratio.Pairs), slices.Min(ratio.Pairs), slices.Max(ratio.Pairs)
			ratios = append(ratios, ratio)
		}
	}
	return ratios
}

func (r *Resources) cpuPerRequest() time.Duration {
	if r == nil {
		return 0
	}
	return r.CPUPerRequest
}

func (r *Resources) rss() int64 {
	if r == nil {
		return 0
	}
	return r.Most.RSS
}

// median is the middle value, or the mean of the two in the middle. There is one at least.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}
