// Command peers compares gateways on this machine: one at a time, in rotating
// order, fresh for each round, with their answers checked. `make bench-peers`
// runs it; see rows.go for what is measured and report.go for what comes of it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mcpx/mcpx/tests/peers/kit"
)

func main() {
	var (
		rounds = flag.Int("rounds", 5, "how often each target is measured")
		length = flag.Duration("length", 5*time.Second, "of one load")
		only   = flag.String("only", "", "regular `expression` that the rows to measure match: GROUP/NAME@CLIENTS, such as ^100B/(ReverseProxy|mcpx)@16$")
		file   = flag.String("peers", "tests/peers/peers.json", "`file` with further gateways")
		mcpx   = flag.String("mcpx", "", "`program` to measure instead of building one")
		before = flag.String("against", "", "another `build` of mcpx, to be measured as mcpx-before in the groups 100B, 10KB, 1MB and stdio-…")
		by     = flag.String("by", byWrk+","+byLoad, "what makes the load, in turn")
		out    = flag.String("out", "tests/reports/peers", "report, without .md and .json; empty for none")
	)
	flag.Parse()
	if err := run(*rounds, *length, *only, *file, *mcpx, *before, *out, strings.Split(*by, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(rounds int, length time.Duration, only, file, mcpx, before, out string, generators []string) error {
	for _, by := range generators {
		if by != byWrk && by != byLoad {
			return fmt.Errorf("-by knows %s and %s, not %q", byWrk, byLoad, by)
		}
	}
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	if _, err := exec.LookPath("wrk"); err != nil {
		return errors.New("wrk is missing; on Debian: apt-get install -y wrk")
	}
	installed, err := filepath.Abs("bin/peers")
	if err != nil {
		return err
	}
	peers, missing, err := readPeers(file, installed)
	if err != nil {
		return err
	}
	var chosen []row
	for _, r := range rows(peers, before != "") {
		r.clients = slices.DeleteFunc(slices.Clone(r.clients), func(n int) bool {
			return !wanted.MatchString(fmt.Sprintf("%s@%d", r.id(), n))
		})
		if len(r.clients) > 0 {
			chosen = append(chosen, r)
		}
	}
	if len(chosen) == 0 {
		return fmt.Errorf("no row matches %q", only)
	}
	b, err := build(mcpx, before)
	if err != nil {
		return err
	}
	defer b.remove()
	r := newResults(chosen, generators, missing, rounds, length)
	for round := range rounds {
		for _, row := range turned(chosen, round) {
			// Others' programs fail in ways of their own, and half an hour of
			// figures is not to be lost by that; but it is told.
			if err := b.measure(row, round, length, r); err != nil {
				err = fmt.Errorf("round %d, %s: %w", round+1, row.id(), err)
				fmt.Fprintln(os.Stderr, "peers:", err)
				r.problems = append(r.problems, err)
			}
		}
	}
	text := r.markdown()
	fmt.Print("\n" + text)
	if out != "" {
		err = r.write(out, text)
	}
	return errors.Join(append(r.problems, err)...)
}

// turned puts the rows of each group in another order each round, so that
// nobody always runs after the same one.
func turned(all []row, round int) []row {
	var order []row
	for rest := all; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].group == rest[0].group {
			n++
		}
		k := round % n
		order = append(append(order, rest[k:n]...), rest[:k]...)
		rest = rest[n:]
	}
	return order
}

// measure runs all loads of a row against a target of its own.
func (b *bench) measure(r row, round int, length time.Duration, into *results) (err error) {
	null, err := b.null(r.bytes)
	if err != nil {
		return err
	}
	defer null.Kill()
	t, err := r.start(b, null, r.bytes)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	if err := t.check(); err != nil {
		return err
	}
	if r.paced == "" {
		if _, err := t.load(slices.Max(r.clients), time.Second); err != nil { // to warm up
			return err
		}
	} else if t.mcp.rate = into.samples[key{r.paced, r.clients[0], byLoad}][round].Rate / 2; t.mcp.rate == 0 {
		return fmt.Errorf("its pace is unknown: %s must be measured as well, by %s", r.paced, byLoad)
	}
	for _, n := range r.clients {
		for _, by := range into.generators {
			var s sample
			var err error
			switch {
			case by == byWrk && r.paced != "":
				continue
			case by == byWrk:
				s, err = watch(t.pid, func() (sample, error) { return t.load(n, length) })
			case t.mcp == nil:
				continue
			default:
				s, err = b.mcpxLoad(*t.mcp, t.text, n, length)
			}
			if err != nil {
				return fmt.Errorf("%d clients, by %s: %w", n, by, err)
			}
			into.add(key{r.id(), n, by}, round, s)
			fmt.Printf("round %d  %-28s %3d clients  by %-9s  %9s/s  p50 %9s µs  CPU %7s µs  wrong %d\n",
				round+1, r.id(), n, by, kit.Short(s.Rate), kit.Short(s.P50), kit.Short(s.CPU), s.Wrong)
			if s.Said != "" {
				fmt.Println(s.Said)
			}
		}
	}
	return t.check()
}
