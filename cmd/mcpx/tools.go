package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/spf13/cobra"
)

const toolsLong = `List the tools of all servers, or of one.

Servers are started, asked and stopped again; with SERVER only that one. A
server that does not answer is named on stderr, the others are listed all the
same, and the exit code is 1.`

const toolsExample = `  mcpx tools
  mcpx tools files
  mcpx tools --json | jq -r '.[].name'
  mcpx tools -- npx -y @modelcontextprotocol/server-everything`

func newTools(s streams) *cobra.Command {
	source := &sourceFlags{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "tools [SERVER] [-- command… | URL]",
		Short:   "List the tools of all servers, or of one",
		Long:    toolsLong,
		Example: toolsExample,
		Args:    upTo(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			before, after, _ := split(cmd, args)
			cfg, err := source.loadQuietly(cmd, s, "", after)
			if err != nil {
				return err
			}
			return tools(cmd.Context(), s, cfg, first(before), asJSON)
		},
	}
	source.register(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print an array of {server, name, description, input_schema}")
	return cmd
}

// offer is what one server offers, or why that is not known.
type offer struct {
	server  string
	catalog messages.Catalog
	err     error
}

func tools(ctx context.Context, s streams, cfg loaded, server string, asJSON bool) error {
	sayProblems(s, cfg.problems)
	servers := only(cfg.Servers, server)
	if len(servers) == 0 && server != "" {
		return unknownServer(server, cfg.Servers)
	}
	failed := cfg.problems.HasErrors() && server == "" // a server is missing from the list
	cfg.problems = nil                                 // said already
	a := newApp(cfg, s.err)
	defer a.Stop()
	if err := a.Start(ctx, servers); err != nil {
		return err
	}
	offers := a.offers(ctx, servers)
	print := printTools
	if asJSON {
		print = printToolsJSON
	}
	if err := print(s.out, offers); err != nil {
		return err
	}
	if err := sayFailures(s, offers); err != nil {
		return err
	}
	if failed {
		return errReported
	}
	return nil
}

// offers asks all servers at once and returns when each has answered or failed.
func (a *app) offers(ctx context.Context, servers []messages.ServerSpec) []offer {
	var wg sync.WaitGroup
	offers := make([]offer, 0, len(servers))
	for _, spec := range servers {
		if !spec.Disabled {
			offers = append(offers, offer{server: spec.Name})
		}
	}
	for i := range offers {
		wg.Go(func() { offers[i].catalog, offers[i].err = a.runtime.Catalog(ctx, offers[i].server) })
	}
	wg.Wait()
	slices.SortFunc(offers, func(a, b offer) int { return cmp.Compare(a.server, b.server) })
	return offers
}

func sayFailures(s streams, offers []offer) error {
	var failed error
	for _, o := range offers {
		if o.err != nil {
			fmt.Fprintf(s.err, "mcpx: %v\n", o.err)
			failed = errReported
		}
	}
	return failed
}

func printTools(w io.Writer, offers []offer) error {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, o := range offers {
		if o.err != nil {
			continue
		}
		fmt.Fprintln(table, o.server)
		for _, tool := range o.catalog.Tools {
			about, _, _ := strings.Cut(strings.TrimSpace(tool.Description), "\n")
			fmt.Fprintf(table, "  %s(%s)\t%s\n", tool.Name, parameters(tool.InputSchema), about)
		}
	}
	return table.Flush()
}

func printToolsJSON(w io.Writer, offers []offer) error {
	type line struct {
		Server      string          `json:"server"`
		Name        string          `json:"name"`
		Description string          `json:"description"`
		InputSchema json.RawMessage `json:"input_schema"`
	}
	lines := []line{} // an empty list is no null
	for _, o := range offers {
		for _, tool := range o.catalog.Tools {
			lines = append(lines, line{o.server, tool.Name, tool.Description, tool.InputSchema})
		}
	}
	out, err := jsonrpc.Marshal(lines)
	if err != nil {
		return err
	}
	_, err = w.Write(append(out, '\n'))
	return err
}

// parameters renders the arguments of a tool: "path, head?", required ones first.
func parameters(schema json.RawMessage) string {
	var s struct {
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
	}
	if json.Unmarshal(schema, &s) != nil {
		return "…"
	}
	var required, optional []string
	for name := range s.Properties {
		if slices.Contains(s.Required, name) {
			required = append(required, name)
		} else {
			optional = append(optional, name+"?")
		}
	}
	slices.Sort(required)
	slices.Sort(optional)
	return strings.Join(append(required, optional...), ", ")
}
