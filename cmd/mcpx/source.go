package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mcpx/mcpx/config"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// demoName is the name of the built-in server.
const demoName = "demo"

// noFile is what people read who have not configured anything yet.
const noFile = `No configuration found (./mcpx.json, .yaml or .toml, ./.mcp.json, %s): using the built-in demo server.
To add a real server, put these three lines into ./mcpx.json:

  {"mcpServers": {
    "files": {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "."]}
  }}

`

// sourceFlags say where the servers come from; every command that uses servers
// has them.
type sourceFlags struct {
	config     string
	serverType string
	env        []string
	header     string
}

// register adds the flags that concern servers and logs.
func (f *sourceFlags) register(flags *pflag.FlagSet) {
	flags.StringVarP(&f.config, "config", "c", "", "configuration `file` (also MCPX_CONFIG)")
	flags.StringVar(&f.serverType, "server-type", "", "of the server behind --: stdio, sse or streamable-http")
	flags.StringArrayVar(&f.env, "env", nil, "`NAME=value` for the server behind --; repeatable")
	flags.StringVar(&f.header, "header", "", "headers for the URL behind --, as a `JSON` object")
	flags.String("log-level", "", "debug, info, warn or error")
	flags.String("log-format", "", "json, console, or auto: console on a terminal")
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "type" {
			name = "server-type"
		}
		return pflag.NormalizedName(name)
	})
}

// configFlags are the flags that stand for keys of the configuration.
var configFlags = map[string]string{
	"host": "host", "port": "port", "api-key": "api_key", "insecure": "insecure",
	"allowed-origin": "allowed_origins", "allowed-host": "allowed_hosts",
	"ssl-certfile": "ssl_certfile", "ssl-keyfile": "ssl_keyfile",
	"log-level": "log_level", "log-format": "log_format",
}

// split divides the arguments of a command at "--".
func split(cmd *cobra.Command, args []string) (before, after []string, dash bool) {
	at := cmd.ArgsLenAtDash()
	if at < 0 {
		return args, nil, false
	}
	return args[:at], args[at:], true
}

// upTo accepts at most n arguments, not counting what stands behind "--".
func upTo(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		before, after, dash := split(cmd, args)
		switch {
		case len(before) > n:
			return fmt.Errorf("unexpected argument %q", before[n])
		case dash && len(after) == 0:
			return errors.New("expected a command or a URL after --")
		}
		return nil
	}
}

// loaded is a configuration and where it is from.
type loaded struct {
	*config.Config
	problems config.Problems
	demo     bool // nothing was configured
	quiet    bool // nothing is logged: somebody waits at a prompt for an answer, or for what went wrong
}

// load reads the configuration that a command line means: the named file, or
// the default one, or what stands behind "--", or else the demo. Problems that
// leave nothing to work with are written to stderr and returned as errReported.
func (f *sourceFlags) load(cmd *cobra.Command, s streams, path string, after []string) (loaded, error) {
	opts := config.LoadOptions{Flags: map[string]any{}}
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		key, ok := configFlags[flag.Name]
		if !ok {
			return
		}
		if list, isList := flag.Value.(pflag.SliceValue); isList {
			opts.Flags[key] = list.GetSlice()
		} else {
			opts.Flags[key] = flag.Value.String()
		}
	})

	switch {
	case path != "" && f.config != "":
		return loaded{}, usagef("the configuration is given twice: %s and --config %s", path, f.config)
	case path == "":
		path = f.config
	}
	var beside config.Problems
	if path == "" && after == nil {
		path, beside = defaultFile()
	}
	opts.Path = path

	l := loaded{demo: path == "" && after == nil}
	line, err := f.commandLine(after)
	if err != nil {
		return loaded{}, err
	}
	if l.demo {
		if line, err = demoLine(); err != nil {
			return loaded{}, err
		}
	}
	opts.CommandLine = line
	l.Config, l.problems = config.Load(opts)
	l.problems = append(beside, l.problems...)
	if l.Config == nil {
		sayProblems(s, l.problems)
		return loaded{}, errReported
	}
	if l.demo {
		fmt.Fprintf(s.err, noFile, userFile())
	}
	return l, nil
}

// loadQuietly is load for commands that answer once. They log only when a flag
// or a variable says how much.
func (f *sourceFlags) loadQuietly(cmd *cobra.Command, s streams, path string, after []string) (loaded, error) {
	l, err := f.load(cmd, s, path, after)
	l.quiet = !cmd.Flags().Changed("log-level") && os.Getenv("MCPX_LOG_LEVEL") == "" && os.Getenv("LOG_LEVEL") == ""
	return l, err
}

// commandLine makes a server of what stands behind "--".
func (f *sourceFlags) commandLine(words []string) (*config.CommandLine, error) {
	if words == nil {
		if f.serverType != "" || f.env != nil || f.header != "" {
			return nil, usagef("--server-type, --env and --header describe a server behind --, and there is none")
		}
		return nil, nil
	}
	line := &config.CommandLine{Words: words, Type: f.serverType, Env: map[string]string{}}
	for _, pair := range f.env {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, usagef("--env expects NAME=value")
		}
		line.Env[name] = value
	}
	if f.header != "" && json.Unmarshal([]byte(f.header), &line.Headers) != nil {
		// Without the text: it is likely to hold a secret.
		return nil, usagef(`--header expects a JSON object of strings, such as '{"Authorization": "Bearer …"}'`)
	}
	return line, nil
}

func demoLine() (*config.CommandLine, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find the program itself to start the demo server: %w", err)
	}
	return &config.CommandLine{Name: demoName, Words: []string{self, "demo-server"}, Type: "stdio", From: "built-in demo"}, nil
}

// defaultFile finds the configuration when none is named; "" for none. The
// warnings name files that look as if they counted, and do not.
func defaultFile() (string, config.Problems) {
	if path := os.Getenv(config.PathVariable); path != "" {
		return path, nil
	}
	home, err := os.UserConfigDir()
	if err != nil {
		home = "" // no home, no user configuration
	}
	return config.Find("", home)
}

// userFile is where the user's own configuration would be.
func userFile() string {
	home, err := os.UserConfigDir()
	if err != nil {
		return "the user's configuration"
	}
	return filepath.Join(home, "mcpx", "mcpx.json")
}

func sayProblems(s streams, problems config.Problems) {
	for _, p := range problems {
		fmt.Fprintf(s.err, "mcpx: %s\n", p)
	}
}
