package workload

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Share is a method and how many of the requests are of it, compared with the
// others of its mix.
type Share struct {
	Method string
	Weight int
}

// The bounds of a mix: its sequence is kept.
const (
	mixMethods = 16
	mixWeight  = 1000
)

// askable are the methods that a mix may hold: those whose params are known
// without more.
var askable = []string{"tools/call", "tools/list", "ping", "resources/list", "resources/templates/list", "prompts/list", "server/discover"}

// ParseMix reads "tools/call=8,tools/list=1,ping"; a weight that is not given is 1.
func ParseMix(text string) ([]Share, error) {
	var mix []Share
	for item := range strings.SplitSeq(text, ",") {
		method, number, given := strings.Cut(strings.TrimSpace(item), "=")
		weight := 1
		if given {
			n, err := strconv.Atoi(number)
			if err != nil || n < 1 || n > mixWeight {
				return nil, fmt.Errorf("%q: the weight must be a number from 1 to %d", item, mixWeight)
			}
			weight = n
		}
		switch {
		case !slices.Contains(askable, method):
			return nil, fmt.Errorf("%q: the method must be one of %s", item, strings.Join(askable, ", "))
		case slices.ContainsFunc(mix, func(s Share) bool { return s.Method == method }):
			return nil, fmt.Errorf("%q: the method is given twice", item)
		}
		mix = append(mix, Share{method, weight})
	}
	if len(mix) > mixMethods {
		return nil, fmt.Errorf("at most %d methods", mixMethods)
	}
	return mix, nil
}

// sequence spreads shares evenly (smooth weighted round robin): by their
// weights divided by the greatest divisor they have in common, each index as
// often as it weighs and as far apart as that allows.
func sequence(weights []int) []int {
	divisor, total := 0, 0
	for _, w := range weights {
		divisor = gcd(divisor, w)
		total += w
	}
	due := make([]int, len(weights))
	order := make([]int, 0, total/max(1, divisor))
	for range cap(order) {
		best := 0
		for i, w := range weights {
			due[i] += w
			if due[i] > due[best] {
				best = i
			}
		}
		due[best] -= total
		order = append(order, best)
	}
	return order
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
