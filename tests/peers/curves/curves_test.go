package main

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/leak"
	"github.com/mcpx/mcpx/tests/testkit"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestNumbers_AListOfThem(t *testing.T) {
	for text, want := range map[string][]int{"": nil, "1": {1}, "1,10,150": {1, 10, 150}} {
		if got, err := numbers(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"x", "0", "1,-1"} {
		if _, err := numbers(bad); err == nil {
			t.Errorf("%q is no list of numbers", bad)
		}
	}
}

func TestFigures_AreComparedRoundByRound(t *testing.T) {
	f := figures{}
	for round := range 3 {
		f.add("cpu", 10, float64(10+round))
		f.add("bytes", 10, 100)
		f.add("cpu", 1000, float64(100+10*round))
		f.add("bytes", 1000, 1000)
	}
	if got := f.verdict("cost", "cpu", "bytes", 1000, 10, 1.2); got != "| cost, 1000 against 10 | 1.00 (1.00–1.00) | ≤ 1.2 | yes |\n" {
		t.Errorf("%s", got)
	}
	if got := f.verdict("cost", "cpu", "", 1000, 10, 1.2); !strings.Contains(got, "| 10.0 (10.0–10.0) | ≤ 1.2 | no |") {
		t.Errorf("%s", got)
	}
	if got := f.verdict("cost", "cpu", "", 5, 10, 1.2); got != "" {
		t.Errorf("of what was not measured it says %s", got)
	}
}

func TestSlow_DelaysHandshakesAlone(t *testing.T) {
	u, err := listen(time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := u.stop(); err != nil {
			t.Error(err)
		}
	}()
	got, err := testkit.Ask(t.Context(), http.MethodPost, u.url+"/7/mcp", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, nil)
	if err != nil || got.Status != http.StatusOK {
		t.Errorf("%+v, %v", got, err)
	}
	// A client that gives a handshake up is let go.
	client := http.Client{Timeout: 50 * time.Millisecond}
	if resp, err := client.Post(u.url+"/7/mcp", "application/json", strings.NewReader(hello)); err == nil {
		_ = resp.Body.Close()
		t.Errorf("the handshake was answered at once: %s", resp.Status)
	}
	client.CloseIdleConnections()
}

func TestCurves_EveryPartRunsAgainstTheProgram(t *testing.T) {
	mcpx, err := testkit.Binary()
	if err != nil {
		t.Fatal(err)
	}
	o := options{upstreams: []int{3}, sessions: []int{4}, held: 4, hold: 100 * time.Millisecond, length: 200 * time.Millisecond, mcpx: mcpx, dir: t.TempDir()}
	var f figures
	for { // on a busy machine there may be no answer in so short a time
		f = figures{}
		err := errors.Join(o.withUpstreams(3, 0, f), o.ofSessions(4, f))
		if err == nil {
			break
		}
		if o.length *= 5; !strings.Contains(err.Error(), "no answer at all") || o.length > testkit.Patience {
			t.Fatal(err)
		}
	}
	text, err := o.holdMany()
	if err != nil || !strings.Contains(text, "4 streams when it began, 4 at the end; 0 sessions lost; 4 answered afterwards; not as they should be: 0.") {
		t.Errorf("%s, %v", text, err)
	}
	for _, want := range []string{callCPU, listCPU, inspectCPU, listBytes, inspectSize} {
		if v := f[figure{want, 3}]; len(v) != 1 || v[0] <= 0 {
			t.Errorf("%s: %v", want, v)
		}
	}
	if report := upstreamsReport(o, f) + sessionsReport(o, f); !strings.Contains(report, "| 3 |") || !strings.Contains(report, "| 4 |") {
		t.Errorf("%s", report)
	}
}
