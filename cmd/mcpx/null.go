package main

import (
	"fmt"
	"net"
	"net/http"
	"strconv"

	"github.com/mcpx/mcpx/transport/null"
	"github.com/spf13/cobra"
)

const nullLong = `Be an MCP server without work, as the upstream of measurements.

It answers every call of its tool "null" with the same text, in both eras, and
does nothing else, so that what is measured is what lies before it. It can be
slow, fail, stall and report progress, as told.

Errors are JSON-RPC errors (rpc), results with isError (tool) or HTTP 500
(status); so many of the calls fail as --error-rate says, evenly spread. A
stall begins --stall-after the first call and holds all answers to calls back.`

const nullExample = `  mcpx null
  mcpx serve -- mcpx null --transport stdio --delay 5ms
  mcpx null --port 9100 --bytes 1048576
  mcpx null --error-rate 0.1 --errors tool
  mcpx null --stall-after 2s --stall-for 1s`

func newNull(s streams) *cobra.Command {
	var (
		o         = null.Options{Version: version}
		transport string
		host      string
		port      uint16
	)
	cmd := &cobra.Command{
		Use:     "null",
		Short:   "Be an MCP server without work, to measure against",
		Long:    nullLong,
		Example: nullExample,
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			server, err := null.New(o)
			if err != nil {
				return usageError{err}
			}
			var handler http.Handler
			path := "/mcp"
			switch transport {
			case "stdio":
				return server.ServeStdio(cmd.Context(), s.in, s.out)
			case "http":
				handler = server.HTTP()
			case "sse":
				handler, path = server.SSE(), "/sse"
			default:
				return usagef("--transport must be http, sse or stdio, not %q", transport)
			}
			listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
			if err != nil {
				return fmt.Errorf("cannot listen: %w", err)
			}
			defer listener.Close()
			if _, err := fmt.Fprintf(s.out, "Listening on http://%s%s\n", listener.Addr(), path); err != nil {
				return err
			}
			return server.Serve(cmd.Context(), listener, handler)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&transport, "transport", "http", "http (Streamable HTTP), sse (HTTP+SSE) or stdio")
	flags.StringVar(&host, "host", "127.0.0.1", "address to listen on")
	flags.Uint16VarP(&port, "port", "p", 0, "port to listen on; 0 for any")
	flags.IntVar(&o.Bytes, "bytes", 100, "length of the text in a result")
	flags.DurationVar(&o.Delay, "delay", 0, "from a call to its answer")
	flags.Float64Var(&o.ErrorRate, "error-rate", 0, "share of calls that fail, 0 to 1")
	flags.StringVar(&o.Errors, "errors", null.ErrorsRPC, "how they fail: rpc, tool or status")
	flags.IntVar(&o.Progress, "progress", 0, "progress notifications per call that asks for them")
	flags.DurationVar(&o.StallAfter, "stall-after", 0, "from the first call to the stall")
	flags.DurationVar(&o.StallFor, "stall-for", 0, "length of the stall; 0 for none")
	flags.IntVar(&o.Tools, "tools", 1, "number of tools: null, null-2, null-3, …")
	return cmd
}
