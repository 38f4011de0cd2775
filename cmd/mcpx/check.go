package main

import (
	"context"
	"fmt"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/dial"
	"github.com/spf13/cobra"
)

const checkLong = `Check a configuration without starting anything.

All problems are reported at once, each with file, line and column. Commands of
servers are looked up as they are when they are started. With --connect
every server is really started and asked for its tools.

Exit codes: 0 nothing is wrong (there may be warnings); 1 something is.`

const checkExample = `  mcpx check
  mcpx check team.json --connect`

func newCheck(s streams) *cobra.Command {
	source := &sourceFlags{}
	var connect bool
	cmd := &cobra.Command{
		Use:     "check [config] [-- command… | URL]",
		Short:   "Check a configuration",
		Long:    checkLong,
		Example: checkExample,
		Args:    upTo(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			before, after, _ := split(cmd, args)
			cfg, err := source.loadQuietly(cmd, s, first(before), after)
			if err != nil {
				return err
			}
			return check(cmd.Context(), s, cfg, connect)
		},
	}
	source.register(cmd.Flags())
	cmd.Flags().BoolVar(&connect, "connect", false, "start every server and ask for its tools")
	return cmd
}

func check(ctx context.Context, s streams, cfg loaded, connect bool) error {
	sayProblems(s, cfg.problems)
	failed := cfg.problems.HasErrors()
	var good []messages.ServerSpec
	for _, spec := range cfg.Servers {
		if !spec.Disabled {
			if err := dial.Preflight(spec); err != nil {
				fmt.Fprintf(s.err, "mcpx: %v\n", err)
				failed = true
				continue
			}
		}
		good = append(good, spec)
	}
	var err error
	if connect {
		err = checkConnections(ctx, s, cfg, good)
	} else {
		err = listServers(s, good)
	}
	if err == nil && failed {
		err = errReported
	}
	return err
}

func listServers(s streams, servers []messages.ServerSpec) error {
	for _, spec := range servers {
		state := "ok"
		if spec.Disabled {
			state = "off"
		}
		if _, err := fmt.Fprintf(s.out, "%-4s%s  %s\n", state, spec.Name, spec.ConnectionName()); err != nil {
			return err
		}
	}
	return nil
}

func checkConnections(ctx context.Context, s streams, cfg loaded, servers []messages.ServerSpec) error {
	cfg.problems = nil // said already
	a := newApp(cfg, s.err)
	defer a.Stop()
	servers = only(servers, "")
	if err := a.Start(ctx, servers); err != nil {
		return err
	}
	offers := a.offers(ctx, servers)
	for _, o := range offers {
		if o.err == nil {
			if _, err := fmt.Fprintf(s.out, "ok  %s  %d tools, MCP %s\n", o.server, len(o.catalog.Tools), o.catalog.Peer.Protocol); err != nil {
				return err
			}
		}
	}
	return sayFailures(s, offers)
}
