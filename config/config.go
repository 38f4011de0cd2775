// Package config loads, expands and validates the configuration: the file, the
// environment and flags. Everything that is wrong is reported at once, with its
// place; what concerns one server costs that server only.
package config

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/mcpx/mcpx/messages"
)

// Config is a whole configuration, merged and valid.
type Config struct {
	Servers []messages.ServerSpec // in the order of the file; without those that have errors
	Policy  messages.Policy       // of the top level: what a server without keys of its own gets
	Limits  messages.Limits

	// Forwarding is of the top level as well.
	Forwarding messages.HeaderForwarding

	Host      string
	Port      int  // 0: any
	PortGiven bool // somebody asked for this port: do not take another one

	APIKeys        map[string]string // by the name of the holder; "default" is api_key. Empty: no key is asked for
	StateKey       string            // Base64 of 32 bytes (see StateKeyBytes); empty: one that nobody else knows
	StrictAuth     bool              // documents ask for a key as well
	AllowedOrigins []string          // "https://app.example.com", lower case; "*" for all
	AllowedHosts   []string          // beside the loopback names and the bound address; lower case
	Insecure       bool              // an address beyond loopback without a key is what the user wants

	TLSCertFile, TLSKeyFile string // PEM; both or none

	PathPrefix string   // of the OpenAPI endpoints; begins and ends with "/"
	RootPath   string   // where a reverse proxy shows the service; empty, or "/x/y"
	Document   Document // what stands in OpenAPI documents instead of what the servers say
	HotReload  bool     // the file is watched

	LogLevel  string // "trace", "debug", "info", "warn" or "error"
	LogFormat string // "auto", "json" or "console"; auto is console on a terminal, else json

	Profile                  string // of the compact tools: "inspect", "describe" or "invoke"
	IncludeStructuredContent bool
	SchemaCompression        bool // schemas as TypeScript
	TOONCompression          bool // results as TOON where that is smaller
	TOONMinSize              int  // from so many keys or rows on

	DisabledTools []string // "server.tool" as written; merged into Servers already

	path    string   // of the file; empty without one
	text    digest   // of what stood in it
	origins origins  // of the values, for Print
	secrets []string // values of variables that the file refers to and nobody may see
}

// Document is what OpenAPI documents say of themselves; empty fields are left
// to the server.
type Document struct{ Name, Description, Version string }

// LoadOptions say where a configuration comes from.
type LoadOptions struct {
	// Path is the file. Empty, without Data: no file is read.
	Path string
	// Data is the file's text when the caller has it already; Path then only names it.
	Data []byte

	// Environ are "NAME=value" entries; nil means the process's environment.
	// They fill ${…} references and, as MCPX_…, stand above the file.
	Environ []string

	// Flags stand above everything else, by the name of their key, "." between
	// levels: "port", "limits.depth". Values are strings, as a user types
	// them, or of the types string, bool, int, float64, time.Duration,
	// []string, map[string]string.
	Flags map[string]any

	// FlagNames are the names of flags, without dashes, by their keys, where
	// they are not those of the keys.
	FlagNames map[string]string

	// ServerEnv are variables for every stdio server of the file, below those
	// of its own, and for its references, above the environment.
	ServerEnv map[string]string

	// CommandLine is one more server, given by words instead of a file.
	CommandLine *CommandLine
}

// Load reads a configuration. Without errors, or with errors that concern
// single servers, there is a Config, which lacks those servers. It is nil when
// the file as a whole, the top level, the environment or a flag is wrong.
// Problems also holds the warnings.
func Load(opts LoadOptions) (*Config, Problems) {
	env := environment(opts.Environ)
	r := &report{used: map[string]bool{}, lookup: func(name string) (string, bool) {
		if v, ok := opts.ServerEnv[name]; ok {
			return v, true
		}
		v, ok := env[name]
		return v, ok
	}}
	c := &checker{report: r}

	root, ok := c.open(opts)
	var cfg *Config
	if ok {
		cfg = c.build(root, env, opts)
	}
	r.problems.sort()
	if c.failed {
		return nil, r.problems
	}
	return cfg, r.problems
}

// open reads and parses the file.
func (c *checker) open(opts LoadOptions) (root node, ok bool) {
	root = node{kind: objectNode, at: nowhere}
	if opts.Path == "" && opts.Data == nil {
		return root, true
	}
	data, err := opts.Data, (*syntaxError)(nil)
	if data == nil {
		data, err = readFile(opts.Path)
	}
	c.text = sha256.Sum256(data)
	c.source = newSource(opts.Path, trimBOM(data))
	switch {
	case err != nil:
	case len(data) > maxFileBytes:
		err = &syntaxError{nowhere, fmt.Sprintf("is larger than %s", size{}.show(maxFileBytes))}
	default:
		root, err = c.parse(opts.Path)
	}
	if err != nil {
		c.fileError(err)
		return node{}, false
	}
	return root, true
}

// parse reads the text in the format that the file's name says.
func (c *checker) parse(path string) (node, *syntaxError) {
	p, known := parserFor(path)
	root, err := p.parse(c.source.data)
	// What comes through a pipe has no such name, and needs no words while it is JSON.
	if ext := filepath.Ext(path); !known && (ext != "" || err != nil) {
		c.problems = append(c.problems, Problem{
			Severity: SeverityWarning, File: path,
			Message: "read as JSON: its name ends in none of .json, .yaml, .yml and .toml",
		})
	}
	if err == nil && root.kind != objectNode {
		err = &syntaxError{root.at, "expected an object such as " + p.example() + ", found " + root.describe()}
	}
	return root, err
}

// fileError reports what is wrong with the file as a whole.
func (c *checker) fileError(err *syntaxError) {
	if err.at != nowhere {
		c.errorf(err.at, "", "%s", err.message)
		return
	}
	c.failed = true
	c.problems = append(c.problems, Problem{File: c.source.path, Message: err.message})
}

// build merges the layers and reads the servers. Servers are read even when
// the top level failed, so that all problems are seen at once.
func (c *checker) build(root node, env map[string]string, opts LoadOptions) *Config {
	file := c.read(topIndex, root)
	entries := c.entries(root)
	ours, flags := c.fromEnvironment(env), c.fromFlags(opts)
	layers := []layer{ambientLogLevel(env), file, ours, flags}

	t := defaults()
	counts, err := merge(t, layers...)
	if err != nil {
		c.fileError(&syntaxError{nowhere, err.Error()})
		return nil
	}
	t.origins = origins{top: c.originsOf(counts), servers: map[string]map[string]string{}}
	top := layer{}
	for _, l := range layers {
		for name, s := range l {
			top[name] = s
		}
	}
	c.settlePolicy(&t.spec.Policy, top, false)
	c.settleService(t, top)
	t.PortGiven = written("port", top)
	t.Policy, t.Forwarding, t.DisabledTools = t.spec.Policy, t.spec.Forwarding, t.spec.DisabledTools

	var known []string
	base := inherited{policy: t.Policy, forwarding: t.Forwarding, env: opts.ServerEnv, maxWritten: written("request_timeout_max", top)}
	for i := range entries {
		known = append(known, entries[i].name)
		if spec, ok := entries[i].spec(base); ok {
			t.Servers = append(t.Servers, spec)
			t.origins.add(&entries[i])
		}
	}
	if opts.CommandLine != nil {
		base.env = nil // it has its own
		if spec, e, ok := c.single(*opts.CommandLine, base); ok {
			if slices.Contains(known, spec.Name) {
				c.part(spec.Name).errorf(nowhere, "", "a server of this name stands in the file: give this one another")
				c.failed = true
			}
			known = append(known, spec.Name)
			t.Servers = append(t.Servers, spec)
			t.origins.add(e)
		}
	}
	t.path, t.text = opts.Path, c.text
	t.secrets = c.secrets
	slices.SortFunc(t.secrets, func(a, b string) int { return len(b) - len(a) }) // one may be a part of another
	c.unknownVariables(env)
	c.distribute(top["disabled_tools"], t.Servers, known)
	if len(known) == 0 && c.source != nil && !c.failed {
		c.warnf(root.at, "", `there are no servers: add some under "mcpServers"`)
	}
	return &t.Config
}

// settleService makes the keys around the service agree with each other.
func (c *checker) settleService(t *target, top layer) {
	if t.apiKey != "" {
		if old := t.APIKeys["default"]; old != "" && old != t.apiKey {
			c.warnf(top["api_keys"].at, "api_keys.default", "is replaced by api_key")
		}
		if t.APIKeys == nil {
			t.APIKeys = map[string]string{}
		}
		t.APIKeys["default"] = t.apiKey
	}
	if slices.Contains(t.AllowedOrigins, "*") && len(t.APIKeys) == 0 {
		c.warnf(top["allowed_origins"].at, "allowed_origins", "every web page that somebody opens here may call every tool, since no api_key is asked for")
	}
	switch {
	case t.TLSCertFile != "" && t.TLSKeyFile == "":
		c.errorf(top["ssl_certfile"].at, "ssl_certfile", "TLS needs ssl_keyfile as well")
	case t.TLSCertFile == "" && t.TLSKeyFile != "":
		c.errorf(top["ssl_keyfile"].at, "ssl_keyfile", "TLS needs ssl_certfile as well")
	}
}

func trimBOM(data []byte) []byte {
	if len(data) >= 3 && string(data[:3]) == "\xef\xbb\xbf" {
		return data[3:]
	}
	return data
}
