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

With --print the configuration that is in effect is written instead of the list
of servers: JSON, with a comment behind each value that says where it comes
from. Secrets are masked; apart from them it is a configuration that loads.

Exit codes: 0 nothing is wrong (there may be warnings); 1 something is.`

const checkExample = `  mcpx check
  mcpx check team.yaml --connect
  MCPX_PORT=9000 mcpx check --print`

func newCheck(s streams) *cobra.Command {
	source := &sourceFlags{}
	var connect, printed bool
	cmd := &cobra.Command{
		Use:     "check [config] [-- command… | URL]",
		Short:   "Check a configuration",
		Long:    checkLong,
		Example: checkExample,
		Args:    upTo(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if connect && printed {
				return usagef("--connect and --print both say what to show: choose one")
			}
			before, after, _ := split(cmd, args)
			cfg, err := source.loadQuietly(cmd, s, first(before), after)
			if err != nil {
				return err
			}
			show := listServers
			switch {
			case connect:
				show = func(s streams, cfg loaded, good []messages.ServerSpec) error {
					return checkConnections(cmd.Context(), s, cfg, good)
				}
			case printed:
				show = func(s streams, cfg loaded, _ []messages.ServerSpec) error { return cfg.Print(s.out) }
			}
			return check(s, cfg, show)
		},
	}
	source.register(cmd.Flags())
	cmd.Flags().BoolVar(&connect, "connect", false, "start every server and ask for its tools")
	cmd.Flags().BoolVar(&printed, "print", false, "show the configuration in effect and where each value comes from")
	return cmd
}

// check tells what is wrong, and shows what is right.
func check(s streams, cfg loaded, show func(streams, loaded, []messages.ServerSpec) error) error {
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
	err := show(s, cfg, good)
	if err == nil && failed {
		err = errReported
	}
	return err
}

func listServers(s streams, _ loaded, servers []messages.ServerSpec) error {
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
