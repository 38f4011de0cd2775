//go:build race

package guard

// raceEnabled: the detector's own memory says nothing about a guard's.
const raceEnabled = true
