// Command mcpgo is a gateway as one writes it with mcp-go: a client of the
// upstream, whose tools a server offers again. Usage: mcpgo URL.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

func main() {
	if err := serve(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "mcpgo:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, url string) error {
	// With the two idle connections of the default it would dial all the time.
	pool := &http.Client{Transport: &http.Transport{MaxIdleConns: 4096, MaxIdleConnsPerHost: 4096, IdleConnTimeout: time.Minute}}
	wire, err := transport.NewStreamableHTTP(url, transport.WithHTTPBasicClient(pool))
	if err != nil {
		return err
	}
	upstream := client.NewClient(wire)
	if err := upstream.Start(ctx); err != nil {
		return err
	}
	hello := mcp.InitializeRequest{}
	hello.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	hello.Params.ClientInfo = mcp.Implementation{Name: "mcpgo", Version: "1"}
	if _, err := upstream.Initialize(ctx, hello); err != nil {
		return err
	}
	listed, err := upstream.ListTools(ctx, mcp.ListToolsRequest{})
	if err != nil {
		return err
	}
	gateway := server.NewMCPServer("mcpgo", "1", server.WithToolCapabilities(false))
	for _, tool := range listed.Tools {
		gateway.AddTool(tool, func(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return upstream.CallTool(ctx, mcp.CallToolRequest{Params: mcp.CallToolParams{Name: request.Params.Name, Arguments: request.Params.Arguments}})
		})
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("Listening on http://%s/mcp\n", listener.Addr())
	return (&http.Server{Handler: server.NewStreamableHTTPServer(gateway), ReadHeaderTimeout: time.Minute}).Serve(listener)
}
