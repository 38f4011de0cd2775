// Package page renders what mcpx load has measured as one page of HTML that
// needs nothing else: no script, no style sheet, no font from elsewhere.
package page

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/mcpx/mcpx/transport/workload"
)

// Page is what is shown.
type Page struct {
	Title   string
	Mcpx    string // version
	Targets []Target
	Ratios  []workload.Ratio // of the first target to the second
}

// Target is one target and what was measured of it, round by round.
type Target struct {
	Name  string   // of the target, as much as is known of it
	Asked []string // one request of each kind
	Loop  string   // how it was asked
	Runs  []*workload.Report
}

//go:embed page.html
var source string

// layout is parsed when a page is written: few starts of the program write one.
var layout = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"short":   func(d time.Duration) string { return workload.Short(d).String() },
		"percent": func(share float64) string { return fmt.Sprintf("%.3g %%", 100*share) },
		"ratio":   func(r float64) string { return fmt.Sprintf("%.3f", r) },
		"rate":    func(r float64) string { return fmt.Sprintf("%.0f", r) },
		"mib":     func(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) },
		"letter":  letter,
		"next":    func(i int) int { return i + 1 },
	}).Parse(source))
})

// letter names the n-th target.
func letter(n int) string { return string(rune('A' + n)) }

// Write writes the page.
func Write(w io.Writer, p Page) error {
	return layout().Execute(w, struct {
		Page
		Started time.Time
		Plots   []plot
		Two     bool
	}{p, p.started(), p.plots(), len(p.Targets) > 1})
}

func (p *Page) started() time.Time {
	for _, t := range p.Targets {
		for _, r := range t.Runs {
			return r.Started
		}
	}
	return time.Time{}
}

// plots are the diagrams of a page: those for which there is something to draw.
func (p *Page) plots() []plot {
	quantiles := plot{
		Title: "Latency by percentile", X: "percentile", Y: "ms", LogX: true, LogY: true,
		About: "of all measured requests, from their appointment where there is one; each step to the right leaves a tenth of the slower ones",
	}
	rate := plot{Title: "Answers over time", X: "s", Y: "per second", Zero: true, About: "good answers; the warm-up is part of it, up to the vertical line. Errors, where there are any, are dashed"}
	slowest := plot{Title: "Slowest answer over time", X: "s", Y: "ms", LogY: true, About: "the worst latency of each moment; the mean is dashed"}
	memory := plot{Title: "Memory over time", X: "s", Y: "MiB", Zero: true, About: "resident memory of the target's processes"}
	for i, t := range p.Targets {
		all := merged(t.Runs)
		if all.TotalCount() > 0 {
			quantiles.Lines = append(quantiles.Lines, line{Name: p.legend(i), Color: i, Points: percentiles(all)})
		}
		for n, run := range t.Runs {
			name := ""
			if n == 0 {
				name = p.legend(i)
			}
			rate.mark, slowest.mark, memory.mark = run.Warmup.Seconds(), run.Warmup.Seconds(), run.Warmup.Seconds()
			course := courseOf(run.Course)
			rate.Lines = append(rate.Lines, line{Name: name, Color: i, Points: course.good})
			if course.errors {
				rate.Lines = append(rate.Lines, line{Color: i, Dashed: true, Points: course.bad})
			}
			slowest.Lines = append(slowest.Lines, line{Name: name, Color: i, Points: course.max}, line{Color: i, Dashed: true, Points: course.mean})
			if course.memory {
				memory.Lines = append(memory.Lines, line{Name: name, Color: i, Points: course.rss})
			}
		}
	}
	var drawn []plot
	for _, d := range []plot{quantiles, rate, slowest, memory} {
		if d.draw() {
			drawn = append(drawn, d)
		}
	}
	return drawn
}

func (p *Page) legend(target int) string {
	if len(p.Targets) == 1 {
		return ""
	}
	return letter(target)
}

func merged(runs []*workload.Report) *hdrhistogram.Histogram {
	all := runs[0].Histogram()
	for _, r := range runs[1:] {
		all.Merge(r.Histogram())
	}
	return all
}

// course is a run over time, as points of plots.
type course struct {
	good, bad, max, mean, rss []point
	errors, memory            bool
}

func courseOf(points []workload.Point) (c course) {
	const ms = float64(time.Millisecond)
	for _, p := range points {
		if p.Length < 20*time.Millisecond {
			continue // the rest behind the last tick: a rate of it would mean nothing
		}
		at := (p.At - p.Length/2).Seconds()
		c.good = append(c.good, point{at, p.Rate()})
		c.bad = append(c.bad, point{at, float64(p.Bad) / p.Length.Seconds()})
		c.errors = c.errors || p.Bad > 0
		if p.Good+p.Bad > 0 {
			c.max = append(c.max, point{at, float64(p.Max) / ms})
			c.mean = append(c.mean, point{at, float64(p.Mean) / ms})
		}
		if p.RSS > 0 {
			c.memory = true
			c.rss = append(c.rss, point{p.At.Seconds(), float64(p.RSS) / (1 << 20)})
		}
	}
	return c
}

// percentiles are the points of a curve whose x is 1/(1-q): the logarithm of it
// gives the same room to each nine. It ends where one request is left.
func percentiles(h *hdrhistogram.Histogram) []point {
	const perDecade = 24
	var points []point
	last := float64(h.TotalCount())
	for i := 0; ; i++ {
		x := pow10(float64(i) / perDecade)
		if x > last {
			x = last
		}
		points = append(points, point{x, float64(h.ValueAtPercentile(100*(1-1/x))) / float64(time.Millisecond)})
		if x >= last {
			return append(points[:len(points)-1], point{x, float64(h.Max()) / float64(time.Millisecond)})
		}
	}
}
