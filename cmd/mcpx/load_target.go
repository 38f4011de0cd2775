package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/mcpx/mcpx/config"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/dial"
	"github.com/mcpx/mcpx/transport/workload"
	"github.com/mcpx/mcpx/transport/workload/procs"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// sideFlags describe one target. The one that it is compared with has the same
// flags, with "against" in their names.
type sideFlags struct {
	words     []string // a URL, or a command and its arguments
	transport string
	era       string
	headers   []string
	apiKey    string
	tools     []string
	exec      []string
	pid       int

	config, server string // the runtime in this process
}

// sideHelp is the help of these flags.
var sideHelp = [...]string{
	"http (Streamable HTTP) or sse; what it answers tells otherwise",
	"auto, legacy or modern, or one version of the protocol",
	"`'NAME: value'` for every request; repeatable",
	"the same as the header Authorization: Bearer `KEY`",
	"the `tool` that is called; repeatable; the first that it lists otherwise",
	"`SERVER/TOOL` is called through the compact tools of a gateway; repeatable",
	"its process id: what it and all below it use is measured",
}

func (f *sideFlags) register(flags *pflag.FlagSet, prefix string, help [len(sideHelp)]string) {
	flags.StringVar(&f.transport, prefix+"transport", "", help[0])
	flags.StringVar(&f.era, prefix+"era", "auto", help[1])
	flags.StringArrayVar(&f.headers, prefix+"header", nil, help[2])
	flags.StringVar(&f.apiKey, prefix+"api-key", "", help[3])
	flags.StringArrayVar(&f.tools, prefix+"tool", nil, help[4])
	flags.StringArrayVar(&f.exec, prefix+"exec", nil, help[5])
	flags.IntVar(&f.pid, prefix+"pid", 0, help[6])
}

// side is a target that is ready to be measured.
type side struct {
	name   string // of the target, for people
	target workload.Target
	peer   messages.Peer
	era    string // that was asked for
	steps  []workload.Step
	asks   []string // what is sent, one line for each step

	roots   func() []int // of its processes; nil where they are not known
	process bool         // a session is a process
	streams bool         // a session has an event stream that stands
	close   func()
}

// spec makes the specification of a target that stands on the command line.
func (f *sideFlags) spec(l *loadFlags) (messages.ServerSpec, error) {
	if f.transport != "" && f.transport != "http" && f.transport != "sse" {
		return messages.ServerSpec{}, usagef("--transport must be http or sse, not %q; a command behind -- is stdio", f.transport)
	}
	headers := map[string]string{}
	for _, h := range f.headers {
		name, value, ok := strings.Cut(h, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			// Without the text: it is likely to hold a secret.
			return messages.ServerSpec{}, usagef("--header expects 'NAME: value'")
		}
		headers[name] = strings.TrimSpace(value)
	}
	if f.apiKey != "" {
		headers["Authorization"] = "Bearer " + f.apiKey
	}
	spec, problems := config.SingleServer(config.CommandLine{
		Words: f.words, Type: map[string]string{"http": "streamable-http", "sse": "sse"}[f.transport],
		Headers: headers, Env: l.variables,
	}, messages.DefaultPolicy())
	if problems.HasErrors() {
		return spec, usagef("%s", problems[0].String())
	}
	switch {
	case spec.Transport == messages.TransportStdio && (f.transport != "" || len(headers) > 0):
		return spec, usagef("--transport, --header and --api-key are for a URL, and the target is a command")
	case spec.Transport == messages.TransportStdio:
		spec.Name = strings.TrimPrefix(spec.ConnectionName(), "Stdio-")
	default:
		spec.Name = messages.MaskURL(spec.URL)
	}
	spec.Protocol = f.era
	// One connection is one client, which may be on its way so often.
	spec.Policy.MaxConcurrency = max(1, l.inFlight)
	spec.Policy.ConnectionTimeout = l.openTimeout
	spec.Policy.RequestTimeout, spec.Policy.RequestTimeoutMax = l.timeout, l.timeout
	return spec, nil
}

// open makes a target ready: it looks which tools it has, and what they take.
// The error is for people, and says which target it is about.
func (f *sideFlags) open(cmd *cobra.Command, s streams, l *loadFlags) (*side, error) {
	var t *side
	var err error
	if f.config != "" || f.server != "" {
		t, err = f.inProcess(cmd, s, l)
	} else {
		t, err = f.overAWire(s, l)
	}
	if err != nil {
		return nil, err
	}
	t.era = f.era
	if err := t.survey(cmd.Context(), f, l); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

func (f *sideFlags) overAWire(s streams, l *loadFlags) (*side, error) {
	spec, err := f.spec(l)
	if err != nil {
		return nil, err
	}
	links := &workload.Links{
		Dialer: dial.New(implementation()), Spec: spec, Limits: messages.DefaultLimits(),
		Modern: f.era != "legacy", Version: version,
	}
	if l.stderr {
		links.Stderr = func(line string) { fmt.Fprintf(s.err, "%s: %s\n", spec.Name, line) }
	}
	t := &side{name: spec.Name, target: links, close: func() {}, process: spec.Transport == messages.TransportStdio}
	switch {
	case f.pid != 0:
		t.roots = func() []int { return []int{f.pid} }
		if _, ok := procs.Read(f.pid); !ok {
			return nil, fmt.Errorf("there is no process %d, as which %s is to be watched (--pid)", f.pid, t.name)
		}
	case t.process:
		t.roots = links.Pids
	}
	return t, nil
}

// inProcess starts a runtime with one server of a configuration.
func (f *sideFlags) inProcess(cmd *cobra.Command, s streams, l *loadFlags) (*side, error) {
	source := &sourceFlags{config: f.config}
	cfg, err := source.loadQuietly(cmd, s, "", nil)
	if err != nil {
		return nil, err
	}
	name := f.server
	if name == "" && len(cfg.Servers) == 1 {
		name = cfg.Servers[0].Name
	}
	if name == "" {
		return nil, usagef("--server must name one of the servers %s", quoted(names(cfg.Servers)))
	}
	if err := cfg.narrow(name); err != nil {
		sayProblems(s, cfg.problems) // perhaps it is there, and wrong
		return nil, err
	}
	cfg.problems = nil
	a := newApp(cfg, s.err)
	if err := a.Start(cmd.Context(), only(cfg.Servers, name)); err != nil {
		a.Stop()
		return nil, err
	}
	if err := a.runtime.Connect(cmd.Context(), name); err != nil {
		a.Stop()
		return nil, err
	}
	return &side{
		name: fmt.Sprintf("%s, in this process", name),
		target: &workload.Doors{
			Door: a.runtime, Server: func(int) string { return name }, Modern: f.era == "modern", Version: version,
		},
		roots: func() []int { return []int{os.Getpid()} },
		close: a.Stop,
	}, nil
}

// survey reads the tools of the target on a session of its own, and makes the steps.
func (t *side) survey(ctx context.Context, f *sideFlags, l *loadFlags) error {
	ctx, cancel := context.WithTimeoutCause(ctx, l.openTimeout, context.DeadlineExceeded)
	defer cancel()
	session, err := t.target.Open(ctx, l.clients) // the first number that no client has
	if err != nil {
		return t.unreachable(err)
	}
	defer func() { _ = session.Close(context.WithoutCancel(ctx)) }() // of no interest any more
	if wire, ok := session.(*workload.Link); ok {
		t.peer = wire.Peer()
		t.streams = t.peer.Transport == messages.TransportHTTP && !t.peer.Modern
	}
	var calls []workload.Step
	if slices.ContainsFunc(l.shares, func(s workload.Share) bool { return s.Method == "tools/call" }) {
		tools, err := workload.ListTools(ctx, session)
		if err != nil {
			return t.unreachable(fmt.Errorf("reading its tools: %w", err))
		}
		if calls, err = t.calls(ctx, session, tools, f, l); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	if t.steps, err = workload.Steps(l.shares, calls); err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	if t.peer.Modern && slices.ContainsFunc(l.shares, func(s workload.Share) bool { return s.Method == "ping" }) {
		return fmt.Errorf("%s speaks %s, which has no ping: say --era legacy, or leave it out of --mix", t.name, t.peer.Protocol)
	}
	for _, step := range t.steps {
		t.asks = append(t.asks, strings.TrimSpace(step.Method+" "+workload.Brief(string(step.Params.Append(nil, 0, 1)))))
	}
	return nil
}

// calls are the steps that call tools.
func (t *side) calls(ctx context.Context, session workload.Session, tools []messages.Tool, f *sideFlags, l *loadFlags) ([]workload.Step, error) {
	var calls []workload.Step
	add := func(step workload.Step, err error) error {
		step.Expect = l.expected
		calls = append(calls, step)
		return err
	}
	for _, name := range f.exec {
		server, tool, _ := strings.Cut(name, "/")
		schema := workload.InnerSchema(ctx, session, tools, server, tool)
		arguments, err := workload.Arguments(schema, l.args, l.payload)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := add(workload.CallThrough(tools, server, tool, arguments)); err != nil {
			return nil, err
		}
	}
	called := f.tools
	if len(called) == 0 && len(calls) == 0 {
		called = []string{""} // the first one
	}
	for _, name := range called {
		tool, err := workload.FindTool(tools, name)
		if err != nil {
			return nil, err
		}
		arguments, err := workload.Arguments(tool.InputSchema, l.args, l.payload)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", tool.Name, err)
		}
		if err := add(workload.Call(tool.Name, arguments)); err != nil {
			return nil, err
		}
	}
	return calls, nil
}

// unreachable says that the target was never reached, and what can be done.
func (t *side) unreachable(err error) error {
	text := err.Error()
	if !strings.Contains(text, t.name) {
		text = t.name + ": " + text
	}
	text = strings.ReplaceAll(text, "(connection_timeout: ", "(--open-timeout: ") // there is no configuration here
	for _, hint := range []struct{ in, say string }{
		{"refused our credentials", "give them with --api-key or --header"},
		{`type is "sse"`, "say --transport sse"},
		{`type is "streamable-http"`, "say --transport http"},
		{"protocol", "--era is " + t.era + ": try --era auto"},
		{"its configuration demands", "--era is " + t.era + ": try --era auto"},
	} {
		if strings.Contains(text, hint.in) && (t.era != "auto" || !strings.Contains(hint.say, "--era")) {
			text += " (" + hint.say + ")"
			break
		}
	}
	return errors.New(text)
}

// described says what the target is, as far as that is known.
func (t *side) described() string {
	if t.peer.Protocol == "" {
		return t.name
	}
	who := strings.TrimSpace(t.peer.Name + " " + t.peer.Version)
	if who == "" {
		who = "a server without a name"
	}
	over := string(t.peer.Transport)
	if over == "" {
		over = string(messages.TransportStdio)
	}
	return fmt.Sprintf("%s (%s, %s, %s)", t.name, who, t.peer.Protocol, over)
}

// usage reads what the target's processes use; nil where they are not known.
func (t *side) usage() func(bool) (procs.Usage, error) {
	if t.roots == nil {
		return nil
	}
	return func(full bool) (procs.Usage, error) { return procs.Of(full, t.roots()...) }
}
