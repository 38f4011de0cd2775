//go:build !linux

// Package sched has the kernel run a process soon rather than for long, on Linux.
package sched

// Short does nothing.
func Short(int) {}

// Usual does nothing.
func Usual(int) (had bool) { return false }

// UsualAll does nothing.
func UsualAll(int) {}

// ShortOwn does nothing.
func ShortOwn() (usual func()) { return func() {} }
