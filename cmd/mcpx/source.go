package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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
	envPath    string
	header     string
	endpoint   string // of stdio: the one server that is served as it is
}

// register adds the flags that concern servers and logs.
func (f *sourceFlags) register(flags *pflag.FlagSet) {
	flags.StringVarP(&f.config, "config", "c", "", "configuration `file` (also MCPX_CONFIG)")
	flags.StringVar(&f.serverType, "server-type", "", "of the server behind --: stdio, sse or streamable-http")
	flags.StringArrayVarP(&f.env, "env", "e", nil, "`NAME=value` for every server that is a command; repeatable")
	flags.StringVar(&f.envPath, "env-path", "", "`file` of such lines, as .env")
	flags.StringVarP(&f.header, "header", "H", "", "headers for the URL behind --, as a `JSON` object")
	flags.String("log-level", "", "debug, info, warn or error")
	flags.String("log-format", "", "json, console, or auto: console on a terminal")
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		switch name {
		case "type":
			name = "server-type"
		case "cors-allow-origins":
			name = "allowed-origin"
		}
		return pflag.NormalizedName(name)
	})
}

// registerHotReload adds what programs have that go on running.
func registerHotReload(flags *pflag.FlagSet) {
	flags.Bool("hot-reload", false, "watch the configuration file and apply what changes (SIGHUP always does)")
}

// configFlags are the flags that stand for keys of the configuration.
var configFlags = map[string]string{
	"host": "host", "port": "port", "api-key": "api_key", "insecure": "insecure",
	"allowed-origin": "allowed_origins", "allowed-host": "allowed_hosts",
	"ssl-certfile": "ssl_certfile", "ssl-keyfile": "ssl_keyfile", "strict-auth": "strict_auth",
	"path-prefix": "path_prefix", "root-path": "root_path", "hot-reload": "hot_reload",
	"name": "openapi.name", "description": "openapi.description", "version": "openapi.version",
	"log-level": "log_level", "log-format": "log_format",
}

// flagNames are the flags by their keys.
var flagNames = func() map[string]string {
	names := map[string]string{}
	for flag, key := range configFlags {
		names[key] = flag
	}
	return names
}()

// split divides the arguments of a command at "--".
func split(cmd *cobra.Command, args []string) (before, after []string, dash bool) {
	at := cmd.ArgsLenAtDash()
	if at < 0 {
		return args, nil, false
	}
	return args[:at], args[at:], true
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
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

// none accepts no arguments.
func none(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	return nil
}

// loaded is a configuration and where it is from.
type loaded struct {
	*config.Config
	source   source
	problems config.Problems
	single   bool // the only server stood on the command line
	demo     bool // nothing was configured
	quiet    bool // nothing is logged: somebody waits at a prompt for an answer, or for what went wrong
}

// source is what a command line says about the configuration: all that it takes
// to load it, and to load it again.
type source struct {
	opts    config.LoadOptions
	env     map[string]string // of --env
	envPath string
	server  string // the only one that counts; empty for all
}

// load loads the configuration.
func (s source) load() (*config.Config, config.Problems) {
	env := s.env
	if s.envPath != "" {
		vars, problems := config.ReadEnvFile(s.envPath, nil)
		if problems.HasErrors() {
			return nil, problems
		}
		maps.Copy(vars, env)
		env = vars
	}
	opts := s.opts
	opts.ServerEnv = env
	if opts.CommandLine != nil {
		line := *opts.CommandLine
		line.Env = env
		opts.CommandLine = &line
	}
	cfg, problems := config.Load(opts)
	if cfg != nil {
		cfg.Servers = s.kept(cfg.Servers)
	}
	return cfg, problems
}

// load reads the configuration that a command line means: the named file, or
// the default one, or what stands behind "--", or else the demo. Problems that
// leave nothing to work with are written to stderr and returned as errReported.
func (f *sourceFlags) load(cmd *cobra.Command, s streams, path string, after []string) (loaded, error) {
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
	l := loaded{single: path == "" && after != nil, demo: path == "" && after == nil}
	env, err := f.variables()
	if err != nil {
		return loaded{}, err
	}
	line, err := f.commandLine(after)
	if err == nil && l.demo {
		line, err = demoLine()
	}
	if err != nil {
		return loaded{}, err
	}
	l.source = source{env: env, envPath: f.envPath, opts: config.LoadOptions{
		Path: path, Flags: keysOf(cmd.Flags()), FlagNames: flagNames, CommandLine: line,
	}}
	l.Config, l.problems = l.source.load()
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

// keysOf returns the values of flags that were given and stand for keys.
func keysOf(flags *pflag.FlagSet) map[string]any {
	values := map[string]any{}
	flags.Visit(func(flag *pflag.Flag) {
		key, ok := configFlags[flag.Name]
		if !ok {
			return
		}
		if list, isList := flag.Value.(pflag.SliceValue); isList {
			values[key] = list.GetSlice()
		} else {
			values[key] = flag.Value.String()
		}
	})
	return values
}

// loadQuietly is load for commands that answer once. They log only when a flag
// or a variable says how much.
func (f *sourceFlags) loadQuietly(cmd *cobra.Command, s streams, path string, after []string) (loaded, error) {
	l, err := f.load(cmd, s, path, after)
	l.quiet = !cmd.Flags().Changed("log-level") && os.Getenv("MCPX_LOG_LEVEL") == "" && os.Getenv("LOG_LEVEL") == ""
	return l, err
}

// variables are those of --env.
func (f *sourceFlags) variables() (map[string]string, error) {
	env := map[string]string{}
	for _, pair := range f.env {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, usagef("--env expects NAME=value")
		}
		env[name] = value
	}
	return env, nil
}

// commandLine makes a server of what stands behind "--".
func (f *sourceFlags) commandLine(words []string) (*config.CommandLine, error) {
	if words == nil {
		if f.serverType != "" || f.header != "" {
			return nil, usagef("--server-type and --header describe a server behind --, and there is none")
		}
		return nil, nil
	}
	line := &config.CommandLine{Words: words, Type: f.serverType}
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
