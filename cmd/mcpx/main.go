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
	os.Exit(run(ctx, os.Args[1:], streams{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		hangups: func() <-chan os.Signal {
			received := make(chan os.Signal, 1)
			// Whoever started us with SIGHUP ignored wants us to outlive the terminal.
			attended := !signal.Ignored(syscall.SIGHUP) && hasTerminal()
			signal.Notify(received, syscall.SIGHUP)
			return reloads(received, signals, func() bool { return attended && !hasTerminal() })
		},
	}))
}

// reloads returns those hangups that ask for the configuration to be read
// again. One that tells that the terminal is gone ends the program instead: who
// closes a window does not expect its servers to live on. A reload that has not
// begun yet is good for those that come after it.
func reloads(received <-chan os.Signal, end chan<- os.Signal, gone func() bool) <-chan os.Signal {
	asked := make(chan os.Signal, 1)
	go func() {
		for s := range received {
			to := (chan<- os.Signal)(asked)
			if gone() {
				to = end
			}
			select {
			case to <- s:
			default:
			}
		}
	}()
	return asked
}

// hasTerminal reports whether somebody sits at a terminal that this process belongs to.
func hasTerminal() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDONLY|syscall.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	_ = tty.Close() // nothing was written
	return true
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
