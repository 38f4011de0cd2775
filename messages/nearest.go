package messages

import (
	"slices"
	"strings"
)

// Nearest returns the candidate that was probably meant, or nothing. Of several
// it is the first in their sorted order; case, "-" and "_" do not count.
func Nearest(word string, candidates []string) string {
	candidates = slices.Sorted(slices.Values(candidates))
	plain := fold(word)
	if len(plain) > 64 {
		return ""
	}
	best, bestDistance := "", 1+len(plain)/4+1
	for _, candidate := range candidates {
		if d := distance(plain, fold(candidate)); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// fold makes requestTimeout and request-timeout the same as request_timeout.
func fold(s string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(s))
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment).
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row := rows[(i+2)%3], rows[i%3], rows[(i+1)%3]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return rows[(len(a)+1)%3][len(b)]
}
