package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1 // the configuration, a server or a call failed
	exitUsage = 2 // the command line makes no sense

	exitErrors = 3 // of load: more requests failed than may
)

// streams are what a command talks to: stdin, stdout, stderr, and whoever asks
// it by signal to read its configuration again.
type streams struct {
	in       io.Reader
	out, err io.Writer
	hangups  func() <-chan os.Signal // begins to listen for them; nil: there are none
}

// usageError is a mistake on the command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errReported ends a command with exitError when everything has been said.
var errReported = errors.New("reported")

// exitWith ends a command with that exit code when everything has been said.
type exitWith int

func (e exitWith) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// run executes one command line and returns its exit code. It stops what it
// started when ctx ends.
func run(ctx context.Context, args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	// Whatever fails before a command runs is a matter of the command line:
	// an unknown command, a missing argument, a flag that nobody knows.
	started := false
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	cmd, err := root.ExecuteContextC(ctx)
	var usage usageError
	var code exitWith
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errReported):
		return exitError
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage) || !started:
		fmt.Fprintf(s.err, "mcpx: %v\nSee '%s --help'.\n", err, cmd.CommandPath())
		return exitUsage
	}
	fmt.Fprintf(s.err, "mcpx: %v\n", err)
	return exitError
}

const rootLong = `mcpx is an MCP gateway: one client, many servers.

An AI client connects to mcpx and reaches every tool and resource of every
configured MCP server through three compact tools: inspect, exec and resources.
mcpx starts the servers, watches over them, and gives each call exactly one
answer.

Servers are read from ./mcpx.json (or .yaml, .yml, .toml), ./.mcp.json or your
user configuration, in the format that other MCP clients use. Without any, a
built-in demo answers, so that you can try mcpx right now.

Exit codes: 0 all is well; 1 the configuration, a server or a call failed;
2 the command line makes no sense.`

const rootExample = `  # Serve everything in ./mcpx.json (or the demo) at http://127.0.0.1:8000/mcp
  mcpx serve

  # The same for clients that start their servers themselves
  mcpx stdio

  # One server, no file
  mcpx serve -- npx -y @modelcontextprotocol/server-everything
  mcpx serve -- https://example.com/mcp

  # Look at tools and call one from the shell
  mcpx tools
  mcpx call demo.add '{"a": 1, "b": 2}'`

// parsing is what a value that is no number says beside that.
var parsing = regexp.MustCompile(`strconv\.\w+: parsing ".*": `)

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:           "mcpx",
		Short:         "An MCP gateway: one client, many servers",
		Long:          rootLong,
		Example:       rootExample,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return usageError{errors.New(parsing.ReplaceAllString(err.Error(), ""))}
	})
	root.AddCommand(newServe(s), newStdio(s), newCall(s), newTools(s), newCheck(s), newVersion(s), newDemo(s), newNull(s), newLoad(s))
	return root
}
