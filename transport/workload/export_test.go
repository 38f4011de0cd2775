package workload

// Sequence is sequence.
func Sequence(weights []int) []int { return sequence(weights) }
