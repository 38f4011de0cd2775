package main

import (
	"context"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

const serveLong = `Serve MCP over HTTP, and every tool as an OpenAPI endpoint.

Clients connect to http://127.0.0.1:8000/mcp (Streamable HTTP, all protocol
versions), or to /sse there where they know only the older HTTP+SSE, and find
three tools: inspect, exec and resources; or to /mcp/SERVER, and find that
server as it is. Servers start in parallel and nobody waits for a slow one. GET
/healthz tells whether mcpx lives.

Who speaks plain HTTP calls POST /SERVER/TOOL with the tool's arguments as JSON.
/docs and /SERVER/docs are pages to try that on, /SERVER/openapi.json is the
document, /health and /SERVER/health say how the servers are. Where the server
stands behind --, /TOOL, /docs and /openapi.json are its own.

Which servers: the file given as argument or with --config, else ./mcpx.json
(or .yaml, .yml, .toml), ./.mcp.json or your user configuration, else a built-in
demo. What follows -- is one more server, a command or a URL, and then no
default file is read.

Flags of the listener and the log have a key in the file and a variable, as in
--log-level, log_level and MCPX_LOG_LEVEL. Flags win over variables, variables
over the file. Prefer MCPX_API_KEY to --api-key where others can list your
processes.

With --hot-reload what changes in the file comes into force at once, and at
SIGHUP in any case. Servers that did not change notice nothing; a file with
errors changes nothing.

Only this machine can connect unless --host says otherwise, and then an API key
is required (or --insecure).

The first SIGTERM or Ctrl-C lets calls in flight finish; a second one does not.`

const serveExample = `  mcpx serve
  mcpx serve team.json --port 9000
  mcpx serve -- npx -y @modelcontextprotocol/server-everything
  mcpx serve --header '{"Authorization": "Bearer …"}' -- https://example.com/mcp
  mcpx serve --config team.json --hot-reload
  MCPX_API_KEY=… mcpx serve --host 0.0.0.0`

func newServe(s streams) *cobra.Command {
	source := &sourceFlags{}
	cmd := &cobra.Command{
		Use:     "serve [config] [-- command… | URL]",
		Short:   "Serve MCP over HTTP, and tools as OpenAPI endpoints",
		Long:    serveLong,
		Example: serveExample,
		Args:    upTo(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return source.runServer(cmd, s, args, (*app).Listen, func(a *app) error { return serve(cmd.Context(), s, a) })
		},
	}
	flags := cmd.Flags()
	source.register(flags)
	flags.String("host", "", "address to listen on (default 127.0.0.1)")
	flags.Uint16P("port", "p", 0, "port to listen on; 0 for any (default 8000, or the next free one)")
	flags.StringP("api-key", "k", "", "`key` that callers must show as 'Authorization: Bearer KEY'")
	flags.Bool("strict-auth", false, "ask for the key for OpenAPI documents and their pages as well")
	flags.Bool("insecure", false, "listen beyond this machine without a key")
	flags.StringSlice("allowed-origin", nil, "web `origin` whose pages may call, * for all; repeatable; also --cors-allow-origins")
	flags.StringArray("allowed-host", nil, "`name` accepted in the Host header; repeatable")
	flags.StringP("ssl-certfile", "t", "", "certificate to serve TLS with, PEM")
	flags.StringP("ssl-keyfile", "K", "", "its private key, PEM")
	flags.String("path-prefix", "", "`path` below which tools are OpenAPI endpoints (default /)")
	flags.String("root-path", "", "`path` below which a reverse proxy shows mcpx")
	flags.StringP("name", "n", "", "`title` of OpenAPI documents (default: the server's)")
	flags.StringP("description", "d", "", "their description")
	flags.StringP("version", "v", "", "their version")
	registerHotReload(flags)
	return cmd
}

// serve says where the program listens, and goes on until ctx ends.
// ballastBytes is memory that is never touched, and so never there. The collector
// takes it for live and runs when that much garbage has come together: without
// it, dozens of times a second, since a gateway keeps little and makes much.
const ballastBytes = 32 << 20

func serve(ctx context.Context, s streams, a *app) error {
	ballast := make([]byte, ballastBytes)
	defer runtime.KeepAlive(ballast)
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
