// Command profile says where the CPU time of a call goes: what `mcpx serve` is
// made of, in this process, under load from another one. `make bench-profile`
// runs it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/peers/kit"
	"github.com/mcpx/mcpx/tests/testkit"
	"github.com/mcpx/mcpx/transport/dial"
	"github.com/mcpx/mcpx/transport/front"
	"github.com/mcpx/mcpx/transport/httpd"
	"github.com/mcpx/mcpx/transport/relay"
)

func main() {
	if file := os.Getenv(envChild); file != "" && len(os.Args) == 3 {
		if err := child(file, os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "profile:", err)
			os.Exit(1)
		}
		return
	}
	var (
		length  = flag.Duration("length", 10*time.Second, "of the profile")
		clients = flag.Int("clients", 16, "that call")
		size    = flag.Int("bytes", 100, "of a result")
		stdio   = flag.Bool("stdio", false, "profile mcpx stdio in front of a server over stdio; clients are requests in flight")
		mcpx    = flag.String("mcpx", "", "`program` that is the upstream and the load, instead of building one")
		out     = flag.String("out", "tests/reports/profile", "report, without .md, and profile, without .pb.gz; empty for the report on stdout alone")
	)
	flag.Parse()
	if err := run(*length, *clients, *size, *stdio, *mcpx, *out); err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		os.Exit(1)
	}
}

func run(length time.Duration, clients, size int, stdio bool, mcpx, out string) (err error) {
	dir, err := os.MkdirTemp("", "mcpx-profile-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if mcpx == "" {
		if mcpx, err = kit.Build(dir, "mcpx", "./cmd/mcpx"); err != nil {
			return err
		}
	}
	file := filepath.Join(dir, "cpu.pb.gz")
	if out != "" {
		if file, err = filepath.Abs(out + ".pb.gz"); err != nil {
			return err
		}
	}
	what, rate := "", 0.0
	if stdio {
		what = fmt.Sprintf("`mcpx stdio --endpoint`, stdio upstream, %d legacy requests in flight, %d B", clients, size)
		rate, err = overStdio(mcpx, dir, file, clients, size, length)
	} else {
		what = fmt.Sprintf("a transparent endpoint, http upstream, %d modern clients, %d B", clients, size)
		rate, err = overHTTP(mcpx, dir, file, clients, size, length)
	}
	if err != nil {
		return err
	}
	text, err := report(file, what, rate)
	if err != nil {
		return err
	}
	fmt.Print(text)
	if out == "" {
		return nil
	}
	return os.WriteFile(out+".md", []byte(text), 0o644)
}

// overHTTP profiles a transparent endpoint in this process.
func overHTTP(mcpx, dir, file string, clients, size int, length time.Duration) (rate float64, err error) {
	upstream, url, err := null(mcpx, dir, size)
	if err != nil {
		return 0, err
	}
	defer upstream.Kill()
	g, err := start(url)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, g.stop()) }()
	return profiled(file, func() (float64, error) {
		return loaded(mcpx, dir, "--era", "modern", "--tool", "null", "--clients", fmt.Sprint(clients), "--warmup", "0s", "--duration", length.String(), g.url)
	})
}

// null starts the upstream.
func null(mcpx, dir string, size int) (*testkit.Program, string, error) {
	p, err := testkit.StartPiped(testkit.Command(mcpx, dir, "null", "--bytes", fmt.Sprint(size)))
	if err != nil {
		return nil, "", err
	}
	line, err := p.Out.ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "Listening on ")
	if err != nil || !ok {
		p.Kill()
		return nil, "", fmt.Errorf("the null server printed %q (%w)\n%s", line, err, p.Errs)
	}
	go func() { _, _ = io.Copy(io.Discard, p.Out) }() // ends with the program
	return p, url, nil
}

// gateway is a transparent endpoint, put together as `mcpx serve` does it.
type gateway struct {
	url  string
	stop func() error
}

func start(upstream string) (*gateway, error) {
	limits := messages.DefaultLimits()
	r, err := running(messages.ServerSpec{
		Name: "null", Transport: messages.TransportHTTP, URL: upstream, Protocol: "auto", Policy: messages.DefaultPolicy(),
	})
	if err != nil {
		return nil, err
	}
	listener, err := httpd.New(httpd.Options{Addr: "127.0.0.1:0"})
	if err != nil {
		r.Close()
		return nil, err
	}
	listener.Handle("/mcp/null", front.NewHTTP(relay.New(r, "null", relay.NewSealer(nil, limits.ParkedFor)), r, front.Options{Endpoint: "null", Limits: limits}))
	failed := make(chan error, 1)
	go func() { failed <- listener.Serve() }()
	return &gateway{listener.URL() + "/mcp/null", func() error {
		r.Close()
		ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
		defer cancel()
		return errors.Join(listener.Shutdown(ctx), <-failed)
	}}, nil
}

// running runs a runtime with one server that is connected.
func running(server messages.ServerSpec) (*actors.Runtime, error) {
	r := actors.New(actors.Options{Dialer: dial.New(json.RawMessage(`{"name":"mcpx","version":"0"}`)), Limits: messages.DefaultLimits()})
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	_, err := r.Apply(ctx, []messages.ServerSpec{server})
	if err == nil {
		err = r.Connect(ctx, server.Name)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// profiled writes a CPU profile of a load, and returns its rate.
func profiled(path string, load func() (float64, error)) (rate float64, err error) {
	file, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := pprof.StartCPUProfile(file); err != nil {
		return 0, err
	}
	defer pprof.StopCPUProfile()
	return load()
}

// part is what of the time has a frame that matches one expression, and none
// that matches the other.
type part struct{ name, focus, ignore string }

const (
	dialling = `mcpx/transport/dial`
	acting   = `mcpx/actors|protoactor-go`
	fronting = `mcpx/transport/(front|relay|httpd)`
	garbage  = `runtime\.(gcBgMarkWorker|gcAssistAlloc|bgsweep|bgscavenge)`
)

// parts add up to nearly everything, since each leaves out those before it.
var parts = []part{
	{"the wire to the upstream (dial)", dialling, ""},
	{"the actors, library included", acting, dialling},
	{"front, relay and listener", fronting, dialling + "|" + acting},
	{"net/http's server", `net/http\.`, dialling + "|" + acting + "|" + fronting},
	{"garbage collection", garbage, `net/http\.|` + dialling + "|" + acting + "|" + fronting},
	{"scheduler and the rest of the runtime", `.`, `net/http\.|` + dialling + "|" + acting + "|" + fronting + "|" + garbage},
}

// across are parts by another cut.
var across = []part{
	{"system calls, on either side", `syscall\.(Syscall6?|RawSyscall6?|Syscall.*)$|runtime\.futex|runtime\.epollwait|EpollWait`, ""},
	{"allocation, its share of collecting included", `runtime\.mallocgc`, ""},
	{"reading and writing JSON (jsonrpc, mcp)", `mcpx/transport/(jsonrpc|mcp)`, ""},
	{"the session actor of each request: spawning it, its messages, its end", `mcpx/actors/session|\)\.Spawn|\)\.(handleTerminated|stopAllChildren|finalizeStop)|\.spawn`, dialling},
}

func report(file, what string, rate float64) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s; %s: %s calls per second.\n", kit.Head("Where the time goes"), what, kit.Short(rate))
	for _, table := range []struct {
		head  string
		parts []part
	}{{"part", parts}, {"across the parts", across}} {
		fmt.Fprintf(&b, "\n| %s | share of CPU time |\n|---|---|\n", table.head)
		for _, p := range table.parts {
			share, err := p.share(file)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "| %s | %.1f %% |\n", p.name, share)
		}
	}
	for _, list := range []struct{ title, order, count string }{
		{"Functions, with what they call", "-cum", "80"}, {"Functions by themselves", "-flat", "40"},
	} {
		top, err := tool(file, "-top", list.order, "-nodecount="+list.count)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "\n## %s\n\n```\n%s```\n", list.title, top)
	}
	return b.String(), nil
}

var accounted = regexp.MustCompile(`accounting for \S+, ([0-9.]+)% of`)

// share returns the percentage of all samples.
func (p part) share(file string) (float64, error) {
	args := []string{"-top", "-nodecount=100000", "-nodefraction=0", "-edgefraction=0", "-focus=" + p.focus}
	if p.ignore != "" {
		args = append(args, "-ignore="+p.ignore)
	}
	text, err := tool(file, args...)
	if err != nil {
		return 0, err
	}
	m := accounted.FindStringSubmatch(text)
	if m == nil {
		return 0, nil // nothing matches
	}
	var share float64
	_, err = fmt.Sscan(m[1], &share)
	return share, err
}

// tool runs go tool pprof.
func tool(file string, args ...string) (string, error) {
	out, err := exec.Command("go", append(append([]string{"tool", "pprof"}, args...), file)...).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return "", fmt.Errorf("go tool pprof: %w\n%s", err, exit.Stderr)
	}
	return string(out), err
}
