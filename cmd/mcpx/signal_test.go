package main

import (
	"os"
	"testing"
)

func TestUntilSignal_TheFirstAsksTheSecondForces(t *testing.T) {
	signals, forced := make(chan os.Signal), make(chan struct{})
	ctx := untilSignal(signals, func() { close(forced) })
	if ctx.Err() != nil {
		t.Fatal("it ended before any signal")
	}
	signals <- os.Interrupt
	<-ctx.Done()
	select {
	case <-forced:
		t.Fatal("the first signal forced")
	default:
	}
	signals <- os.Interrupt
	<-forced
}
