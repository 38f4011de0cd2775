package page

import (
	"bytes"
	"context"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/leak"
	"github.com/mcpx/mcpx/transport/workload"
)

func TestMain(m *testing.M) { leak.Main(m) }

// session answers every other request with an error.
type session struct {
	lost chan struct{}
	n    int
}

func (s *session) Do(context.Context, messages.Request) messages.Outcome {
	if s.n++; s.n%2 == 0 {
		return messages.Outcome{Failure: messages.Failf(messages.KindUpstream, "", "<script>no</script>")}
	}
	return messages.Outcome{Result: []byte(`{"content":[]}`)}
}

func (s *session) Lost() <-chan struct{}       { return s.lost }
func (s *session) Close(context.Context) error { return nil }

// measured is a report of a real run.
func measured(t *testing.T) *workload.Report {
	t.Helper()
	arguments, err := workload.NewTemplate("{}")
	if err != nil {
		t.Fatal(err)
	}
	step, err := workload.Call("echo", arguments)
	if err != nil {
		t.Fatal(err)
	}
	run, err := workload.Start(t.Context(), workload.Plan{
		Target: workload.TargetFunc(func(context.Context, int) (workload.Session, error) { return &session{lost: make(chan struct{})}, nil }),
		Steps:  []workload.Step{step}, Clients: 2, Requests: 60,
	})
	if err != nil {
		t.Fatal(err)
	}
	r := run.Wait()
	second := time.Second
	r.Warmup, r.Course = second, []workload.Point{
		{At: second, Length: second, Good: 10, Mean: time.Millisecond, Max: 2 * time.Millisecond, RSS: 1 << 20},
		{At: 2 * second, Length: second, Good: 20, Bad: 5, Mean: time.Millisecond, Max: 20 * time.Millisecond, RSS: 3 << 20},
		{At: 3 * second, Length: second}, // nothing was answered
		{At: 3*second + 1, Length: 1, Good: 1000},
	}
	return r
}

func TestPage_ShowsTwoTargetsAndNeedsNothingFromElsewhere(t *testing.T) {
	a, b := measured(t), measured(t)
	b.Warnings = []string{"the generator is overloaded: <so>"}
	var out bytes.Buffer
	err := Write(&out, Page{
		Title: "one & two", Mcpx: "7",
		Targets: []Target{{"http://one", []string{`tools/call {"name":"<b>"}`}, "closed", []*workload.Report{a, a}}, {"http://two", nil, "closed", []*workload.Report{b}}},
		Ratios:  []workload.Ratio{{Figure: "throughput", Median: 1.25, Min: 1, Max: 2}},
	})
	text := out.String()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"one &amp; two", "1.250", "Round 1, B: the generator is overloaded: &lt;so&gt;", "&lt;script&gt;no&lt;/script&gt;", "JSON-RPC error 0",
		"Latency by percentile", "Answers over time", "Slowest answer over time", "Memory over time", "99 %", "30 (50 %)",
		"default-src &#39;none&#39;",
	} {
		if !strings.Contains(text, want) && !strings.Contains(text, strings.ReplaceAll(want, "&#39;", "'")) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if found := regexp.MustCompile(`(?i)<script|(src|href)="[^"#d]|url\(|@import|NaN|Inf\b|ZgotmplZ`).FindString(text); found != "" {
		t.Errorf("the page holds %q", found)
	}
	if n := strings.Count(text, "<svg"); n != 4 {
		t.Errorf("%d plots", n)
	}
}

func TestPage_OfARunOfWhichNothingCame(t *testing.T) {
	var out bytes.Buffer
	empty := &workload.Report{Warnings: []string{"nothing was measured"}}
	if err := Write(&out, Page{Title: "x", Targets: []Target{{Name: "x", Runs: []*workload.Report{empty}}}}); err != nil || strings.Contains(out.String(), "<svg") {
		t.Errorf("%v\n%s", err, &out)
	}
	if p := (&Page{}).started(); !p.IsZero() {
		t.Error(p)
	}
}

func TestPercentiles_EndAtTheSlowestRequest(t *testing.T) {
	h := hdrhistogram.New(1, int64(time.Hour), 3)
	for i := range int64(1000) {
		if err := h.RecordValue((i + 1) * int64(time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	points := percentiles(h)
	first, last := points[0], points[len(points)-1]
	if first.x != 1 || last.x != 1000 || math.Abs(last.y-1000) > 1 {
		t.Errorf("from %v to %v", first, last)
	}
	ninety := points[slices.IndexFunc(points, func(p point) bool { return p.x > 9.99 })]
	if math.Abs(ninety.y-900) > 2 {
		t.Errorf("90 %% is at %v", ninety)
	}
}

func TestTicks_AreRoundAndFewEnough(t *testing.T) {
	for _, c := range []struct {
		from, to        float64
		log, percentile bool
		want            string
	}{
		{0, 10, false, false, "0 2 4 6 8 10"},
		{0, 123456, false, false, "0 50k 100k"},
		{0.5, 2.75, false, false, "0.5 1 1.5 2 2.5"},
		{0.01, 100, true, false, "0.01 0.1 1 10 100"},
		{2, 8, true, false, "2 3 4 5 6 7 8"},
		{1, 250000, true, true, "0 % 90 % 99 % 99.9 % 99.99 % 99.999 %"},
		{0, 5e6, false, false, "0 1M 2M 3M 4M 5M"},
	} {
		var got []string
		for _, tick := range ticks(axis{c.from, c.to, 0, 100, c.log}, c.percentile) {
			if tick.At < -0.01 || tick.At > 100.01 {
				t.Errorf("%v to %v: %q at %v", c.from, c.to, tick.Text, tick.At)
			}
			got = append(got, tick.Text)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v to %v: %s, want %s", c.from, c.to, strings.Join(got, " "), c.want)
		}
	}
}

func TestPlot_WithoutARangeIsNotDrawn(t *testing.T) {
	for name, p := range map[string]plot{
		"nothing":        {},
		"one point":      {Lines: []line{{Points: []point{{1, 1}}}}},
		"nothing to log": {LogY: true, Lines: []line{{Points: []point{{1, 0}, {2, 0}}}}},
	} {
		if p.draw() {
			t.Errorf("%s is drawn", name)
		}
	}
	flat := plot{LogY: true, Lines: []line{{Points: []point{{0, 10}, {1, 10}}}}}
	if !flat.draw() || strings.Contains(flat.Lines[0].Path, "NaN") {
		t.Errorf("a level line: %q", flat.Lines[0].Path)
	}
}
