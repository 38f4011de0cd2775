// Command curves measures how what mcpx costs grows with the number of servers
// behind it and of client sessions before it. `make bench-curves` runs it.
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/mcpx/mcpx/tests/peers/kit"
)

func main() {
	o := options{}
	upstreams := flag.String("upstreams", "1,10,150,1000", "numbers of servers")
	sessions := flag.String("sessions", "1,256,4096", "numbers of client sessions")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each is measured")
	flag.DurationVar(&o.length, "length", 4*time.Second, "of one load")
	flag.IntVar(&o.held, "held", 8000, "sessions with event streams that are held; 0 for none")
	flag.DurationVar(&o.hold, "hold", time.Minute, "how long")
	flag.StringVar(&o.mcpx, "mcpx", "", "`program` to measure instead of building one")
	out := flag.String("out", "tests/reports/curves.md", "report; empty for none")
	flag.Parse()
	var err error
	if o.upstreams, err = numbers(*upstreams); err == nil {
		o.sessions, err = numbers(*sessions)
	}
	if err == nil {
		err = run(o, *out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "curves:", err)
		os.Exit(1)
	}
}

type options struct {
	upstreams, sessions []int
	rounds, held        int
	length, hold        time.Duration
	mcpx, dir           string
}

// numbers reads "1,10"; nothing for an empty text.
func numbers(text string) (all []int, err error) {
	for word := range strings.SplitSeq(text, ",") {
		if word == "" {
			continue
		}
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no list of numbers", text)
		}
		all = append(all, n)
	}
	return all, nil
}

func run(o options, out string) (err error) {
	if o.dir, err = os.MkdirTemp("", "mcpx-curves-"); err != nil {
		return err
	}
	defer os.RemoveAll(o.dir)
	if o.mcpx == "" {
		if o.mcpx, err = kit.Build(o.dir, "mcpx", "./cmd/mcpx"); err != nil {
			return err
		}
	}
	f := figures{}
	for round := range o.rounds {
		for _, n := range o.upstreams {
			if err := o.ofUpstreams(n, f); err != nil {
				return fmt.Errorf("round %d, %d servers: %w", round+1, n, err)
			}
		}
		for _, n := range o.sessions {
			if err := o.ofSessions(n, f); err != nil {
				return fmt.Errorf("round %d, %d sessions: %w", round+1, n, err)
			}
		}
	}
	text := kit.Head("Cost curves") + fmt.Sprintf("; %d rounds, %v per load: medians (smallest–largest).\n", o.rounds, o.length)
	text += upstreamsReport(o, f) + sessionsReport(o, f)
	if o.held > 0 {
		held, err := o.holdMany()
		if err != nil {
			return err
		}
		text += held
	}
	fmt.Print("\n" + text)
	if out == "" {
		return nil
	}
	return os.WriteFile(out, []byte(text), 0o644)
}

// figure names one figure of one point of a curve.
type figure struct {
	name string
	n    int
}

// figures are those of all rounds.
type figures map[figure][]float64

func (f figures) add(name string, n int, value float64) {
	f[figure{name, n}] = append(f[figure{name, n}], value)
	fmt.Printf("%6d  %-32s %s\n", n, name, kit.Short(value))
}

func (f figures) cell(name string, n int) string { return kit.Cell(f[figure{name, n}]) }

// ratio divides round by round what two points show, each divided by another
// figure of its own where by is not empty.
func (f figures) ratio(name, by string, a, b int) (kit.Spread, bool) {
	of := func(n int) map[int]float64 {
		all := map[int]float64{}
		for round, v := range f[figure{name, n}] {
			if by != "" {
				v /= f[figure{by, n}][round]
			}
			all[round] = v
		}
		return all
	}
	return kit.SpreadOf(kit.Ratios(of(a), of(b)))
}

// verdict is a line of a table about a ratio that is to be at most so much.
func (f figures) verdict(text, name, by string, a, b int, most float64) string {
	ratio, ok := f.ratio(name, by, a, b)
	if !ok {
		return ""
	}
	met := "no"
	if ratio.Median <= most {
		met = "yes"
	}
	return fmt.Sprintf("| %s, %d against %d | %s | ≤ %v | %s |\n", text, a, b, ratio, most, met)
}
