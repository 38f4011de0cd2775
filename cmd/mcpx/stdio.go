package main

import (
	"github.com/mcpx/mcpx/transport/front"
	"github.com/mcpx/mcpx/transport/relay"
	"github.com/mcpx/mcpx/transport/telemetry"
	"github.com/spf13/cobra"
)

const stdioLong = `Serve MCP over stdin and stdout, for clients that start their servers themselves.

The answer to initialize does not wait for any server; tools appear as their
servers come up. Logs go to stderr. mcpx ends with its input.

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
			prepare := func(*app) error { return nil } // there is nothing to listen on
			return source.runServer(cmd, s, args, prepare, func(a *app) error {
				service := a.service
				if source.endpoint != "" {
					service = relay.New(a.runtime, source.endpoint, a.sealer)
				}
				return front.ServeStdio(cmd.Context(), s.in, s.out, service, a.runtime,
					front.Options{Endpoint: source.endpoint, Limits: a.cfg.Limits, Logger: telemetry.Slog(a.log, "front")})
			})
		},
	}
	source.register(cmd.Flags())
	registerHotReload(cmd.Flags())
	cmd.Flags().StringVar(&source.endpoint, "endpoint", "", "serve the `server` of this name as it is")
	return cmd
}
