//go:build !linux

package dial

func preferAtStart(int) {}
