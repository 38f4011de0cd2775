package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/peers/kit"
	"github.com/mcpx/mcpx/transport/front"
	"github.com/mcpx/mcpx/transport/relay"
)

// envChild holds the file of the profile of a process that is an `mcpx stdio`.
const envChild = "PROFILE_STDIO"

// overStdio profiles a transparent `mcpx stdio` in front of a null server over
// stdio: this program again, since whoever makes the load has its pipes.
func overStdio(mcpx, dir, file string, clients, size int, length time.Duration) (rate float64, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	return loaded(mcpx, dir, "--era", "legacy", "--tool", "null", "--clients", "1", "--in-flight", fmt.Sprint(clients),
		"--warmup", "0s", "--duration", length.String(), "--env", envChild+"="+file, "--", self, mcpx, fmt.Sprint(size))
}

// loaded runs mcpx load, of which no call may fail.
func loaded(mcpx, dir string, args ...string) (float64, error) {
	r, err := kit.Load(mcpx, dir, args...)
	if err != nil {
		return 0, err
	}
	if r.Errors > 0 {
		return 0, fmt.Errorf("%d of %d calls failed: %+v", r.Errors, r.Requests, r.Faults)
	}
	return r.Throughput, nil
}

// child serves until its input ends. It writes the profile before it does
// anything else then: whoever started it waits for so long, and no longer.
func child(file, mcpx, size string) error {
	signal.Ignore(syscall.SIGTERM)
	r, err := running(messages.ServerSpec{
		Name: "null", Transport: messages.TransportStdio, Protocol: "auto", Policy: messages.DefaultPolicy(),
		Command: mcpx, Args: []string{"null", "--transport", "stdio", "--bytes", size},
	})
	if err != nil {
		return err
	}
	defer r.Close()
	limits := messages.DefaultLimits()
	service := relay.New(r, "null", relay.NewSealer(nil, limits.ParkedFor))
	_, err = profiled(file, func() (float64, error) {
		return 0, front.ServeStdio(context.Background(), os.Stdin, os.Stdout, service, r, front.Options{Endpoint: "null", Limits: limits})
	})
	return err
}
