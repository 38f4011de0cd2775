package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/mcpx/mcpx/transport/dial/sched"
	"github.com/mcpx/mcpx/transport/front"
	"github.com/mcpx/mcpx/transport/relay"
	"github.com/mcpx/mcpx/transport/telemetry"
	"github.com/spf13/cobra"
)

const stdioLong = `Serve MCP over stdin and stdout, for clients that start their servers themselves.

The answer to initialize waits until the servers have been started, a quarter of
a second at most, and for nothing that they say: tools appear as they come up.
Logs go to stderr. mcpx ends with its input.

With --endpoint the client finds one of the servers as it is, and no other is
started.

Which servers: as with 'mcpx serve'.`

const stdioExample = `  mcpx stdio
  mcpx stdio ~/work/mcpx.json
  mcpx stdio -- npx -y @modelcontextprotocol/server-everything
  mcpx stdio ~/work/mcpx.json --endpoint github

  # Claude Code
  claude mcp add mcpx -- mcpx stdio ~/work/mcpx.json`

func newStdio(s streams) *cobra.Command {
	source := &sourceFlags{}
	cmd := &cobra.Command{
		Use:     "stdio [config] [-- command… | URL]",
		Short:   "Serve MCP over stdin and stdout",
		Long:    stdioLong,
		Example: stdioExample,
		Args:    upTo(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			settle := comingUp()
			defer settle()
			defer processorToSpare()()
			prepare := func(*app) error { return nil } // there is nothing to listen on
			return source.runServer(cmd, s, args, prepare, func(a *app) error {
				defer time.AfterFunc(timeToComeUp, settle).Stop()
				return serveStdio(cmd.Context(), s, a, source.endpoint)
			})
		},
	}
	source.register(cmd.Flags())
	registerHotReload(cmd.Flags())
	cmd.Flags().StringVar(&source.endpoint, "endpoint", "", "serve the `server` of this name as it is")
	return cmd
}

// mostForStarts is how long a client waits at most until the processes of all
// servers have been started. It takes a hundredth of a second or two, and then
// they come up together; what takes longer is a sick disk, or hundreds of servers.
const mostForStarts = 250 * time.Millisecond

// stdioBallast is what ballastBytes is to serve, for one client: many such
// programs may run at a time.
const stdioBallast = 16 << 20

// processorToSpare is for the loop that reads from the client. Its read blocks, and
// keeps what Go calls a processor meanwhile. Were there none to spare, the runtime would take
// it back each time, and look for that every 20 microseconds, which on two
// processors is an eighth of all that a call costs. What somebody has set stays.
// It comes before all else, since for a moment everything stops.
func processorToSpare() (back func()) {
	if os.Getenv("GOMAXPROCS") != "" {
		return func() {}
	}
	had := runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	return func() { runtime.GOMAXPROCS(had) }
}

// serveStdio serves whoever speaks over our own stdin and stdout.
func serveStdio(ctx context.Context, s streams, a *app, endpoint string) error {
	ballast := make([]byte, stdioBallast)
	defer runtime.KeepAlive(ballast)
	service := a.service
	if endpoint != "" {
		service = relay.New(a.runtime, endpoint, a.sealer)
	}
	return front.ServeStdio(ctx, s.in, s.out, service, a.runtime,
		front.Options{
			Endpoint: endpoint, Limits: a.cfg.Limits, Logger: telemetry.Slog(a.log, "front"),
			BeforeGreeting: func() { a.awaitStarts(ctx, mostForStarts) },
		})
}

// awaitStarts returns when each server's process has been started or could not
// be, when it has taken too long, or when ctx ends.
func (a *app) awaitStarts(ctx context.Context, most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-a.started:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// timeToComeUp is how long comingUp lasts: until a client has asked what there is.
const timeToComeUp = time.Second

// memoryToComeUp is how many bytes may come together meanwhile.
const memoryToComeUp = 64 << 20

// comingUp has mcpx answer its client beside servers that come up, and each want
// the processors for seconds: it takes short turns, and does not look through the
// few megabytes that a start makes. That ends with the function it returns.
func comingUp() (settle func()) {
	usual := sched.ShortOwn()
	percent, limit := debug.SetGCPercent(-1), debug.SetMemoryLimit(-1)
	debug.SetMemoryLimit(min(limit, memoryToComeUp))
	return sync.OnceFunc(func() {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(percent)
		usual()
	})
}
