// Package cost measures in processor time: a busy machine makes everything
// slower, but hardly dearer.
package cost

import (
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"testing"
	"time"
)

// Of is what one of so many runs of f costs the whole process, the garbage that
// f leaves included. Nothing else must run meanwhile.
func Of(t testing.TB, runs int, f func() error) time.Duration {
	t.Helper()
	runtime.GC()
	before := used(t)
	for range runs {
		if err := f(); err != nil {
			t.Fatal(err)
		}
	}
	return (used(t) - before) / time.Duration(runs)
}

func used(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Instrumented tells whether the race detector or coverage counters, or both,
// make each piece of code dearer in its own way.
func Instrumented() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool {
		return (s.Key == "-race" || s.Key == "-cover") && s.Value == "true"
	})
}
