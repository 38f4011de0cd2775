package load_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/mcpx/mcpx/tests/testkit"
)

func TestTargets_OfEachTransportAndEra(t *testing.T) {
	t.Parallel()
	overHTTP, overSSE := null(t), null(t, "--transport", "sse")
	config, err := testkit.WriteConfig(t.TempDir(), testkit.Config(map[string]any{"up": map[string]any{"url": overHTTP.URL}}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name                string
		args                []string
		protocol, transport string
		pid                 bool // its processes are known
	}{
		{"http, the newest era", []string{overHTTP.URL, "--pid", fmt.Sprint(overHTTP.Pid())}, "2026-07-28", "streamable-http", true},
		{"http, the legacy era", []string{overHTTP.URL, "--era", "legacy", "--mix", "tools/call=2,tools/list,ping"}, "2025-11-25", "streamable-http", false},
		{"http, one version", []string{overHTTP.URL, "--era", "2025-03-26"}, "2025-03-26", "streamable-http", false},
		{"sse", []string{overSSE.URL, "--transport", "sse"}, "2025-11-25", "sse", false},
		{"sse, found out", []string{overSSE.URL}, "2025-11-25", "sse", false},
		{"in this process", []string{"--config", config, "--server", "up"}, "", "", true},
		{"in this process, modern", []string{"--config", config, "--era", "modern"}, "", "", true},
		{"stdio", []string{"--in-flight", "4", "--", binary(t), "null", "--transport", "stdio"}, "2026-07-28", "", true},
		{"stdio, legacy", []string{"--era", "legacy", "--", binary(t), "null", "--transport", "stdio"}, "2025-11-25", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := load(t, 0, append([]string{"--requests", "120", "--warmup", "0s", "--clients", "3"}, c.args...)...)
			got, target := m.only(t), m.Targets[0]
			if got.Requests != 120 || got.Errors != 0 || got.Latency.P50 <= 0 {
				t.Errorf("%+v", got)
			}
			if target.Protocol != c.protocol || !strings.HasPrefix(target.Transport, c.transport) {
				t.Errorf("%+v", target)
			}
			if c.pid != (got.Used != nil) || c.pid && (got.Used.Most.RSS == 0 || got.Used.End.PSS == 0 || got.Used.Most.Threads == 0 || got.Used.Most.Descriptors == 0) {
				t.Errorf("what the target used: %+v", got.Used)
			}
			if strings.Contains(strings.Join(c.args, " "), "--mix") && (len(got.Methods) != 3 || got.Methods["tools/call"].Count != 60) {
				t.Errorf("%+v", got.Methods)
			}
			if c.transport == "" && !c.pid {
				t.Error("a process of ours is not watched")
			}
		})
	}
}

func TestGateway_IsMeasuredThroughItsCompactToolsAndBesideThem(t *testing.T) {
	t.Parallel()
	up := null(t)
	g := testkit.ServeConfig(t, testkit.Config(map[string]any{"up": map[string]any{"url": up.URL}}))
	if err := g.AwaitServers(1); err != nil {
		t.Fatal(err)
	}
	pid := fmt.Sprint(g.Pid())
	m := load(t, 0, g.URL, "--exec", "up/null", "--args", `{"n":{{seq}}}`, "--payload", "100", "--requests", "60", "--warmup", "0s", "--clients", "4",
		"--against", g.Path("/mcp/up"), "--against-tool", "null", "--rounds", "2", "--pid", pid, "--against-pid", pid)
	if asks := m.Targets[0].Asks; len(asks) != 1 || !strings.Contains(asks[0], `"server_name":"up","tool_name":"null","arguments":{"n":1,"payload":"xxx`) {
		t.Errorf("%q", asks)
	}
	var order []int
	for _, run := range m.Runs {
		order = append(order, run.Target)
		if run.Requests != 60 || run.Errors != 0 {
			t.Errorf("%+v", run.Faults)
		}
	}
	if !slices.Equal(order, []int{0, 1, 1, 0}) {
		t.Errorf("measured in the order %v", order)
	}
	var figures []string
	for _, c := range m.Comparison {
		figures = append(figures, c.Figure)
		if len(c.Pairs) != 2 || c.Min > c.Median || c.Median > c.Max || c.Min <= 0 {
			t.Errorf("%+v", c)
		}
	}
	for _, want := range []string{"throughput", "p50", "p99", "target RSS"} {
		if !slices.Contains(figures, want) || !strings.Contains(m.out, want) {
			t.Errorf("no ratio of %s:\n%s", want, m.out)
		}
	}
	// Its first tool says nothing of a gateway.
	if m := load(t, 1, g.URL); !strings.Contains(m.err, "--exec SERVER/TOOL") {
		t.Error(m.err)
	}
}

func TestKillUpstream_IsCountedAndSurvived(t *testing.T) {
	t.Parallel()
	path := binary(t)
	config, err := testkit.WriteConfig(t.TempDir(), testkit.Config(map[string]any{"up": map[string]any{
		"command": path, "args": []string{"null", "--transport", "stdio", "--tools", "3"}, "env": map[string]string{"GOCOVERDIR": t.TempDir()},
		"retry_delay": "10ms",
	}}))
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, "--kill-upstream", "every=1s,name=stdio --tools 3", "--max-errors", "100", "--clients", "2", "--warmup", "100ms", "--duration", "4s", "--pause", "2ms",
		"--env", "GOCOVERDIR="+t.TempDir(), "--", path, "stdio", config, "--endpoint", "up")
	m := r.end()
	got := m.only(t)
	if m.code != 0 || m.Runs[0].Kills == nil || len(m.Runs[0].Kills.Killed) == 0 || !strings.Contains(m.Runs[0].Kills.Killed[0].Command, "--tools 3") {
		t.Fatalf("exit code %d\n%s\n%s", m.code, m.out, m.err)
	}
	// Each gateway stood up again: the clients were never cut off.
	if got.Requests-got.Errors < 10 || got.Reopened != 0 || !strings.Contains(m.out, "killed") {
		t.Errorf("%d requests, %d errors, %d reopened\n%s", got.Requests, got.Errors, got.Reopened, m.out)
	}
}

func TestHold_KeepsSessionsWithTheirStreamsAndNoticesTheirEnd(t *testing.T) {
	t.Parallel()
	up := null(t)
	g := testkit.ServeConfig(t, testkit.Config(map[string]any{"up": map[string]any{"url": up.URL}}))
	m := load(t, 0, g.URL, "--sessions", "60", "--hold", "1s", "--pid", fmt.Sprint(g.Pid()))
	for _, want := range []string{"60 opened in", "60 when holding began, 60 at the end; 0 ended meanwhile", "60 answered, 0 were lost", "for each session"} {
		if !strings.Contains(m.out, want) {
			t.Errorf("no %q in\n%s", want, m.out)
		}
	}

	again := testkit.ServeConfig(t, testkit.Config(map[string]any{"up": map[string]any{"url": up.URL}}))
	r := start(t, again.URL, "--sessions", "20", "--hold", "1h")
	r.await("  20 streams of 20")
	again.Kill()
	r.await("  0 streams of 20")
	if err := r.p.Signal(os.Interrupt.(syscall.Signal)); err != nil {
		t.Fatal(err)
	}
	if m := r.end(); m.code != 3 || !strings.Contains(m.out, "20 when holding began, 0 at the end") {
		t.Errorf("exit code %d\n%s\n%s", m.code, m.out, m.err)
	}
}

func TestFiles_TheHistogramsStandBesideTheJSON(t *testing.T) {
	t.Parallel()
	up := null(t)
	r := start(t, up.URL, "--requests", "300", "--warmup", "0s", "--mix", "tools/call=2,tools/list")
	if m := r.end(); m.code != 0 {
		t.Fatal(m.err)
	}
	log, err := os.ReadFile(filepath.Join(r.dir, "load.hlog"))
	if err != nil || !strings.HasPrefix(string(log), "#[Histogram log format version") || !strings.Contains(string(log), "Tag=A1-tools/call,") || !strings.Contains(string(log), "Tag=A1-tools/list,") {
		t.Errorf("%s %v", log, err)
	}
	reader := hdrhistogram.NewHistogramLogReader(strings.NewReader(string(log)))
	var counts []int64
	for h, err := reader.NextIntervalHistogram(); h != nil || err != nil; h, err = reader.NextIntervalHistogram() {
		if err != nil {
			t.Fatal(err)
		}
		counts = append(counts, h.TotalCount())
	}
	if !slices.Equal(counts, []int64{200, 100}) {
		t.Errorf("the log holds %v", counts)
	}
}
