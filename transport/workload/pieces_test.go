package workload_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/transport/workload"
)

func TestTemplate_PutsNumbersWhereTheyBelong(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{``, ``},
		{`{}`, `{}`},
		{`{"n":{{seq}}}`, `{"n":7}`},
		{`{"a":"{{client}}/{{ seq }}","b":{"c":{}}}`, `{"a":"3/7","b":{"c":{}}}`},
		{`{{seq}}{{seq}}`, `77`},
		{`a {{ that is not closed`, `a {{ that is not closed`},
	} {
		made := template(t, c.text)
		if got := string(made.Append([]byte(nil), 3, 7)); got != c.want || made.String() != c.text {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
	if _, err := workload.NewTemplate(`{"n":{{nr}}}`); err == nil || !strings.Contains(err.Error(), "{{nr}} means nothing here") {
		t.Error(err)
	}
}

func TestMix_IsReadOrItsMistakeNamed(t *testing.T) {
	mix, err := workload.ParseMix("tools/call=8, tools/list=1,ping")
	if want := []workload.Share{{"tools/call", 8}, {"tools/list", 1}, {"ping", 1}}; err != nil || !slices.Equal(mix, want) {
		t.Errorf("%v %v", mix, err)
	}
	for text, want := range map[string]string{
		"":                     "must be one of tools/call",
		"tools/cal":            "must be one of tools/call",
		"resources/read":       "must be one of tools/call",
		"ping=0":               "from 1 to 1000",
		"ping=x":               "from 1 to 1000",
		"ping=1001":            "from 1 to 1000",
		"ping,tools/call,ping": "given twice",
	} {
		if _, err := workload.ParseMix(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestMix_IsSpreadEvenly(t *testing.T) {
	for _, c := range []struct {
		weights []int
		want    string
	}{
		{[]int{1}, "0"},
		{[]int{3, 3}, "01"},
		{[]int{8, 1, 1}, "0001002000"},
		{[]int{20, 10}, "010"},
		{[]int{2, 1, 1}, "0120"},
	} {
		order := workload.Sequence(c.weights)
		var got strings.Builder
		counts := make([]int, len(c.weights))
		for _, i := range order {
			fmt.Fprint(&got, i)
			counts[i]++
		}
		for i, n := range counts {
			if n*c.weights[0] != counts[0]*c.weights[i] {
				t.Errorf("%v: %d of %d in %s", c.weights, n, i, &got)
			}
		}
		if got.String() != c.want {
			t.Errorf("%v: %s, want %s", c.weights, &got, c.want)
		}
	}
}

func TestSteps_ToolsShareTheCallsAndLeaveTheOthersTheirShare(t *testing.T) {
	call := func(name string) workload.Step {
		step, err := workload.Call(name, template(t, `{}`))
		if err != nil {
			t.Fatal(err)
		}
		return step
	}
	mix, err := workload.ParseMix("tools/call=8,tools/list=2")
	if err != nil {
		t.Fatal(err)
	}
	steps, err := workload.Steps(mix, []workload.Step{call("a"), call("b")})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range steps {
		got = append(got, fmt.Sprintf("%s %s %d", s.Method, s.Name, s.Weight))
	}
	if want := []string{"tools/call a 8", "tools/call b 8", "tools/list  4"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if _, err := workload.Steps(mix, nil); err == nil {
		t.Error("calls without a tool")
	}
	if _, err := workload.Call("a", template(t, `[]`)); err == nil || !strings.Contains(err.Error(), "must be a JSON object") {
		t.Error(err)
	}
}

func TestCompare_DividesPairByPair(t *testing.T) {
	report := func(throughput float64, p50 int) *workload.Report {
		return &workload.Report{Throughput: throughput, Latency: workload.Latency{P50: time.Duration(p50)}}
	}
	a := []*workload.Report{report(10, 4), report(30, 4), report(20, 4)}
	b := []*workload.Report{report(10, 2), report(10, 4), report(10, 8), report(1, 1)}
	got := workload.Compare(a, b)
	var text []string
	for _, r := range got {
		text = append(text, fmt.Sprint(r.Figure, r.Pairs, r.Median, r.Min, r.Max))
	}
	if want := []string{"throughput[1 3 2] 2 1 3", "p50[2 1 0.5] 1 0.5 2"}; !slices.Equal(text, want) {
		t.Errorf("%q, want %q", text, want)
	}
	if r := workload.Compare(a[:2], b[:2]); r[0].Median != 2 {
		t.Errorf("the median of two is %v", r[0].Median)
	}
}

func TestOrder_EveryOtherPairIsTurnedAround(t *testing.T) {
	if got := workload.Order(3); !slices.Equal(got, []int{0, 1, 1, 0, 0, 1}) {
		t.Error(got)
	}
}
