package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

const serveLong = `Serve MCP over HTTP.

Clients connect to http://127.0.0.1:8000/mcp (Streamable HTTP, all protocol
versions), or to /sse there where they know only the older HTTP+SSE, and find
three tools: inspect, exec and resources. Servers start in parallel and nobody
waits for a slow one. GET /healthz tells whether mcpx lives.

Which servers: the file given as argument or with --config, else ./mcpx.json
(or .yaml, .yml, .toml), ./.mcp.json or your user configuration, else a built-in
demo. What follows -- is one more server, a command or a URL, and then no
default file is read.

Flags of the listener and the log have a key in the file and a variable, as in
--log-level, log_level and MCPX_LOG_LEVEL. Flags win over variables, variables
over the file. Prefer MCPX_API_KEY to --api-key where others can list your
processes.

Only this machine can connect unless --host says otherwise, and then an API key
is required (or --insecure).

The first SIGTERM or Ctrl-C lets calls in flight finish; a second one does not.`

const serveExample = `  mcpx serve
  mcpx serve team.json --port 9000
  mcpx serve -- npx -y @modelcontextprotocol/server-everything
  mcpx serve --header '{"Authorization": "Bearer …"}' -- https://example.com/mcp
  MCPX_API_KEY=… mcpx serve --host 0.0.0.0`

func newServe(s streams) *cobra.Command {
	source := &sourceFlags{}
	cmd := &cobra.Command{
		Use:     "serve [config] [-- command… | URL]",
		Short:   "Serve MCP over HTTP",
		Long:    serveLong,
		Example: serveExample,
		Args:    upTo(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			before, after, _ := split(cmd, args)
			cfg, err := source.load(cmd, s, first(before), after)
			if err != nil {
				return err
			}
			return serve(cmd, s, cfg)
		},
	}
	flags := cmd.Flags()
	source.register(flags)
	flags.String("host", "", "address to listen on (default 127.0.0.1)")
	flags.Uint16P("port", "p", 0, "port to listen on; 0 for any (default 8000, or the next free one)")
	flags.String("api-key", "", "`key` that callers must show as 'Authorization: Bearer KEY'")
	flags.Bool("insecure", false, "listen beyond this machine without a key")
	flags.StringArray("allowed-origin", nil, "web `origin` whose pages may call; repeatable")
	flags.StringArray("allowed-host", nil, "`name` accepted in the Host header; repeatable")
	flags.String("ssl-certfile", "", "certificate to serve TLS with, PEM")
	flags.String("ssl-keyfile", "", "its private key, PEM")
	return cmd
}

func serve(cmd *cobra.Command, s streams, cfg loaded) error {
	ctx := cmd.Context()
	a := newApp(cfg, s.err)
	defer a.Stop()
	if err := a.Listen(); err != nil {
		return err
	}
	if err := a.Start(ctx, cfg.Servers); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.out, "Listening on %s\n", a.URL()); err != nil {
		return err
	}
	select {
	case err := <-a.failed:
		return err
	case <-ctx.Done():
		a.log.Info().Msg("Stopping; a second signal does not wait")
		a.Stop()
		return <-a.failed
	}
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
