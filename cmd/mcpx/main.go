// Command mcpx is an MCP gateway: one endpoint for an AI client, many MCP
// servers behind it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ctx := untilSignal(signals, func() {
		// The guards of the servers notice, and end what they guard.
		fmt.Fprintln(os.Stderr, "mcpx: stopped by force")
		os.Exit(exitError)
	})
	os.Exit(run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}

// untilSignal returns a context that ends with the first signal; the second one
// calls force. It does not go back to the default for the second signal: that
// may be to ignore it, as for a shell's background jobs.
func untilSignal(signals <-chan os.Signal, force func()) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-signals
		cancel()
		<-signals
		force()
	}()
	return ctx
}
