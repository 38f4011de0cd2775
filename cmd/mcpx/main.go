// Command mcpx is an MCP gateway: one endpoint for an AI client, many MCP
// servers behind it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// The first signal asks to stop. After it the default returns, so that a
	// second one ends the program at once; the guards of the servers notice
	// and end what they guard.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}
