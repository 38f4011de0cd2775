package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/spf13/cobra"
)

const callLong = `Call one tool and print its result.

SERVER.TOOL names the tool; where there is only one server, TOOL is enough. The
arguments are a JSON object, or - to read one from stdin. Only the server that
is needed is started.

Text goes to stdout as it is, anything else as one line of JSON; --json prints
the whole result as the server sent it. Nothing is logged, unless --log-level
says how much.

Exit codes: 0 the tool answered; 1 it answered with an error, or could not be
called; 2 the command line makes no sense.`

const callExample = `  mcpx call demo.add '{"a": 1, "b": 2}'
  echo '{"text": "one two"}' | mcpx call demo.word_count -
  mcpx call files.read_text_file '{"path": "README.md"}' --config team.json
  mcpx call echo '{"message": "hi"}' -- npx -y @modelcontextprotocol/server-everything`

func newCall(s streams) *cobra.Command {
	source := &sourceFlags{}
	var raw bool
	cmd := &cobra.Command{
		Use:     "call SERVER.TOOL [JSON | -] [-- command… | URL]",
		Short:   "Call one tool and print its result",
		Long:    callLong,
		Example: callExample,
		Args: func(cmd *cobra.Command, args []string) error {
			if before, _, _ := split(cmd, args); len(before) == 0 {
				return fmt.Errorf("expected SERVER.TOOL")
			}
			return upTo(2)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			before, after, _ := split(cmd, args)
			arguments, err := readArguments(s.in, before[1:])
			if err != nil {
				return err
			}
			cfg, err := source.loadQuietly(cmd, s, "", after)
			if err != nil {
				return err
			}
			return call(cmd.Context(), s, cfg, before[0], arguments, raw)
		},
	}
	source.register(cmd.Flags())
	cmd.Flags().BoolVar(&raw, "json", false, "print the whole result as JSON")
	return cmd
}

// readArguments reads the arguments of a call: nothing, a JSON object, or "-"
// for one on stdin.
func readArguments(in io.Reader, args []string) (json.RawMessage, error) {
	if len(args) == 0 {
		return json.RawMessage(`{}`), nil
	}
	text := []byte(args[0])
	if args[0] == "-" {
		// One byte more than a request may have tells what is too much.
		limit := int64(messages.DefaultLimits().RequestBytes)
		var err error
		if text, err = io.ReadAll(io.LimitReader(in, limit+1)); err != nil {
			return nil, fmt.Errorf("reading the arguments from stdin: %w", err)
		}
		if int64(len(text)) > limit {
			return nil, fmt.Errorf("the arguments on stdin are larger than %d bytes", limit)
		}
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil || object == nil {
		return nil, usagef(`the arguments must be a JSON object such as '{"a": 1}'`)
	}
	return bytes.TrimSpace(text), nil
}

func call(ctx context.Context, s streams, cfg loaded, method string, arguments json.RawMessage, raw bool) error {
	server, tool, ok := splitMethod(names(cfg.Servers), method)
	if !ok {
		sayProblems(s, cfg.problems) // perhaps the server is there, and wrong
		return fmt.Errorf("no server fits %q; write SERVER.TOOL, with one of the servers %s", method, quoted(names(cfg.Servers)))
	}
	a := newApp(cfg, s.err)
	defer a.Stop()
	if err := a.Start(ctx, only(cfg.Servers, server)); err != nil {
		return err
	}
	catalog, err := a.runtime.Catalog(ctx, server)
	if err != nil {
		return err
	}
	if _, ok := catalog.Tool(tool); !ok {
		return fmt.Errorf("server %q has no tool %q; it has %s", server, tool, quoted(catalog.ToolNames()))
	}
	params, err := jsonrpc.Marshal(map[string]any{"name": tool, "arguments": arguments})
	if err != nil {
		return err
	}
	outcome := a.runtime.Call(ctx, messages.Call{
		Server: server,
		Request: messages.Request{
			Method: "tools/call", Name: tool, Params: params,
			// Progress keeps a long call from running into request_timeout.
			ProgressToken: json.RawMessage(`"mcpx-call"`),
		},
	}, messages.SinkFunc(func(n messages.Notification) error {
		a.log.Info().Str("server", server).RawJSON("params", n.Params).Msg(n.Method)
		return nil
	}))
	if err := outcome.Err(); err != nil {
		return err
	}
	isError, err := printResult(s.out, outcome.Result, raw)
	if err == nil && isError {
		err = errReported
	}
	return err
}
