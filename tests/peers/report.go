package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mcpx/mcpx/tests/peers/kit"
)

// What makes the load. Over stdio wrk is replaced by a client of this program.
const (
	byWrk  = "wrk"
	byLoad = "mcpx-load"
)

// results are the samples of all rounds.
type results struct {
	rows       []row
	generators []string
	missing    []string // peers that are not installed
	rounds     int
	length     time.Duration
	samples    map[key]map[int]sample // by round
	problems   []error                // rows that could not be measured in a round
}

// key is a row under so many clients, and what made the load.
type key struct {
	row     string
	clients int
	by      string
}

func newResults(rows []row, generators, missing []string, rounds int, length time.Duration) *results {
	return &results{rows: rows, generators: generators, missing: missing, rounds: rounds, length: length, samples: map[key]map[int]sample{}}
}

func (r *results) add(k key, round int, s sample) {
	if r.samples[k] == nil {
		r.samples[k] = map[int]sample{}
	}
	r.samples[k][round] = s
}

// A metric is one figure of a sample; 0 where it has none.
type metric func(sample) float64

func rate(s sample) float64 { return s.Rate }
func cpu(s sample) float64  { return s.CPU }
func p50(s sample) float64  { return s.P50 }
func p99(s sample) float64  { return s.P99 }
func rss(s sample) float64  { return s.RSS }
func pss(s sample) float64  { return s.PSS }

// figures are those of a row, by round.
func (r *results) figures(k key, of metric) map[int]float64 {
	all := map[int]float64{}
	for round, s := range r.samples[k] {
		if v := of(s); v != 0 {
			all[round] = v
		}
	}
	return all
}

func (r *results) cell(k key, of metric) string {
	var values []float64
	for _, v := range r.figures(k, of) {
		values = append(values, v)
	}
	return kit.Cell(values)
}

func (r *results) ratio(a, b key, of metric) string {
	return kit.Cell(kit.Ratios(r.figures(a, of), r.figures(b, of)))
}

func (r *results) wrong(k key) (n int64) {
	for _, s := range r.samples[k] {
		n += s.Wrong
	}
	return n
}

// claim is what a row is to show against another.
type claim struct {
	text   string
	a, b   string // rows
	n      int    // clients
	of     metric
	atMost bool // the ratio is to be at most so much; else at least
	bound  float64
}

var claims = []claim{
	{"CPU per request, transparent / ReverseProxy", "100B/mcpx", "100B/ReverseProxy", 16, cpu, true, 0.8},
	{"throughput, transparent / ReverseProxy", "100B/mcpx", "100B/ReverseProxy", 16, rate, false, 1.25},
	{"throughput, transparent / ReverseProxy", "100B/mcpx", "100B/ReverseProxy", 64, rate, false, 1.25},
	{"throughput, transparent / plain mcp-go gateway", "100B/mcpx", "100B/mcp-go", 16, rate, false, 3},
	{"p50, transparent / ReverseProxy", "100B/mcpx", "100B/ReverseProxy", 1, p50, true, 1},
	{"throughput over stdio, through mcpx / direct", "stdio-0ms/mcpx", "stdio-0ms/direct", 16, rate, false, 0.3},
	{"throughput over stdio, calls of 5 ms, through mcpx / direct", "stdio-5ms/mcpx", "stdio-5ms/direct", 16, rate, false, 0.9},
	{"throughput, exec / transparent", "100B/mcpx-exec", "100B/mcpx", 16, rate, false, 0.8},
	{"throughput, REST / transparent", "100B/mcpx-rest", "100B/mcpx", 16, rate, false, 0.7},
	{"throughput, modern / legacy", "100B/mcpx", "100B/mcpx-legacy", 16, rate, false, 1},
	{"throughput, isolation request on legacy http / ReverseProxy", "isolation/http-request", "100B/ReverseProxy", 16, rate, false, 0.2},
	{"p50, isolation request / shared, stdio, at half the rate that request can do", "paced/stdio-request", "paced/stdio-shared", 16, p50, true, 1.25},
	{"throughput, 10 KB, transparent / ReverseProxy", "10KB/mcpx", "10KB/ReverseProxy", 16, rate, false, 1.2},
	{"throughput, 1 MB, transparent / ReverseProxy", "1MB/mcpx", "1MB/ReverseProxy", 16, rate, false, 1},
}

// costs are ratios that are stated without a bound.
var costs = []claim{
	{"CPU per request, isolation request / client, http", "isolation/http-request", "isolation/http-client", 16, cpu, true, 0},
	{"CPU per request, isolation request / client, stdio", "isolation/stdio-request", "isolation/stdio-client", 16, cpu, true, 0},
	{"p50, isolation request / client, http", "isolation/http-request", "isolation/http-client", 16, p50, true, 0},
	{"p50, isolation request / client, stdio", "isolation/stdio-request", "isolation/stdio-client", 16, p50, true, 0},
	{"CPU per request, transparent / ReverseProxy with a BufferPool", "100B/mcpx", "100B/ReverseProxy-pooled", 16, cpu, true, 0},
	{"CPU per request, exec / transparent", "100B/mcpx-exec", "100B/mcpx", 16, cpu, true, 0},
	{"CPU per request, REST / transparent", "100B/mcpx-rest", "100B/mcpx", 16, cpu, true, 0},
}

// markdown is the report.
func (r *results) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s; %d rounds, %v per load.\n", kit.Head("Gateways compared"), r.rounds, r.length)
	b.WriteString(`
One target at a time, in another order each round, each with a null server of its own and fresh processes. Loaded by wrk over
loopback (over stdio by a client that keeps as many requests in flight); every answer is looked into, those over 64 KiB by their size. Figures are
medians of the rounds (smallest–largest); ratios are taken round by round. CPU is that of the target's processes, without null servers.
Absolute figures are those of this machine at that hour: the ratios count, and of these the CPU's most.
`)
	r.claims(&b)
	for i, row := range r.rows {
		if i == 0 || r.rows[i-1].group != row.group {
			r.group(&b, row.group)
		}
	}
	if len(r.missing) > 0 {
		fmt.Fprintf(&b, "\nNot installed here, and so not measured: %s.\n", strings.Join(r.missing, ", "))
	}
	for _, err := range r.problems {
		first, _, _ := strings.Cut(err.Error(), "\n")
		fmt.Fprintf(&b, "\nNot measured: %s.\n", first)
	}
	return b.String()
}

// met tells whether a ratio is as it is to be; empty where nothing is demanded.
func (c claim) met(ratio kit.Spread) string {
	switch {
	case c.bound == 0:
		return ""
	case c.atMost && ratio.Median <= c.bound || !c.atMost && ratio.Median >= c.bound:
		return "yes"
	}
	return "no"
}

func (c claim) target() string {
	switch {
	case c.bound == 0:
		return "stated"
	case c.atMost:
		return fmt.Sprintf("≤ %v", c.bound)
	}
	return fmt.Sprintf("≥ %v", c.bound)
}

func (r *results) claims(b *strings.Builder) {
	var lines strings.Builder
	for _, c := range slices.Concat(claims, costs) {
		line, known := fmt.Sprintf("| %s, %d clients | %s |", c.text, c.n, c.target()), false
		for _, by := range r.generators {
			ratio, ok := kit.SpreadOf(kit.Ratios(r.figures(key{c.a, c.n, by}, c.of), r.figures(key{c.b, c.n, by}, c.of)))
			if !ok {
				line += " – | |"
				continue
			}
			known = true
			line += fmt.Sprintf(" %s | %s |", ratio, c.met(ratio))
		}
		if known {
			lines.WriteString(line + "\n")
		}
	}
	if lines.Len() == 0 {
		return
	}
	b.WriteString("\n| what | target |")
	for _, by := range r.generators {
		b.WriteString(" ratio by " + by + " | met |")
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|---|", len(r.generators)) + "\n" + lines.String())
}

// group writes the tables of a group, one for each number of clients.
func (r *results) group(b *strings.Builder, group string) {
	var numbers []int
	for _, row := range r.rows {
		if row.group == group {
			numbers = append(numbers, row.clients...)
		}
	}
	slices.Sort(numbers)
	for _, n := range slices.Compact(numbers) {
		for _, by := range r.generators {
			r.table(b, group, n, by)
		}
	}
}

func (r *results) table(b *strings.Builder, group string, n int, by string) {
	base := key{group + "/" + reverseProxy, n, by}
	if len(r.samples[base]) == 0 {
		base.row = "100B/" + reverseProxy
	}
	name := by
	if strings.HasPrefix(group, "stdio-") && by == byWrk {
		name = "the lean client"
	}
	if !slices.ContainsFunc(r.rows, func(row row) bool { return row.group == group && len(r.samples[key{row.id(), n, by}]) > 0 }) {
		return
	}
	fmt.Fprintf(b, "\n## %s, %d clients, by %s\n\n", group, n, name)
	b.WriteString("| target | what | req/s | / ReverseProxy | CPU µs per request | / ReverseProxy | p50 µs | p99 µs | RSS MB | PSS MB | wrong |\n" +
		"|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, row := range r.rows {
		k := key{row.id(), n, by}
		if row.group != group || len(r.samples[k]) == 0 {
			continue
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %d |\n", row.name, row.about,
			r.cell(k, rate), r.ratio(k, base, rate), r.cell(k, cpu), r.ratio(k, base, cpu),
			r.cell(k, p50), r.cell(k, p99), r.cell(k, rss), r.cell(k, pss), r.wrong(k))
	}
}

// write writes the report and what it was made of.
func (r *results) write(path, text string) error {
	type measured struct {
		Row     string   `json:"row"`
		Clients int      `json:"clients"`
		By      string   `json:"by"`
		Rounds  []sample `json:"rounds"`
	}
	all := []measured{}
	for _, row := range r.rows {
		for _, n := range row.clients {
			for _, by := range r.generators {
				m := measured{Row: row.id(), Clients: n, By: by}
				for round := range r.rounds {
					m.Rounds = append(m.Rounds, r.samples[key{row.id(), n, by}][round])
				}
				all = append(all, m)
			}
		}
	}
	raw, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".json", append(raw, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(path+".md", []byte(text), 0o644)
}
