package rest_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/testkit"
)

// traffic is one way to call the tool.
type traffic struct {
	url, body string
	header    http.Header
	answer    string // what a good answer holds
}

// run makes n calls with so many callers at a time and returns the calls per
// second, and the gateway's processor time per call.
func (w traffic) run(t *testing.T, client *http.Client, pid, n, callers int) (perSecond float64, cpu time.Duration) {
	t.Helper()
	var left atomic.Int64
	left.Store(int64(n))
	before, began := processorTime(t, pid), time.Now()
	var running sync.WaitGroup
	for range callers {
		running.Go(func() {
			for left.Add(-1) >= 0 {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url, strings.NewReader(w.body))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header = w.header
				resp, err := client.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), w.answer) {
					t.Errorf("%s: %s %s (%v)", w.url, resp.Status, body, err)
					return
				}
			}
		})
	}
	running.Wait()
	took := time.Since(began)
	return float64(n) / took.Seconds(), (processorTime(t, pid) - before) / time.Duration(n)
}

// processorTime is what a process has used so far (proc(5): utime and stime,
// in hundredths of a second).
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// A tool as an endpoint costs no more than the same tool through exec: seven
// pairs in turn, the median of their ratios.
func TestThroughput_OfAnEndpointBesideExec(t *testing.T) {
	g, err := testkit.Serve(t.TempDir(), "--port", "0", "--log-level", "error")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	testkit.Until(func() bool {
		resp, err := http.Get(g.Path("/demo/health")) //nolint:noctx // it answers at once
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	calls, callers := 300, 16
	if testkit.Long() {
		calls = 8000
	}
	transport := &http.Transport{MaxIdleConnsPerHost: callers}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	endpoint := traffic{url: g.Path("/demo/add"), body: `{"a":19,"b":23}`, header: http.Header{"Content-Type": {"application/json"}}, answer: `{"sum":42}`}
	exec := traffic{
		url: g.URL, body: testkit.Modern(1, "tools/call", testkit.ExecParams("demo", "add", `{"a":19,"b":23}`)),
		header: testkit.ModernHeaders("tools/call", "exec"), answer: "42",
	}
	var faster, cheaper []float64
	var table strings.Builder
	for pair := range 7 {
		perEndpoint, cpuEndpoint := endpoint.run(t, client, g.Pid(), calls, callers)
		perExec, cpuExec := exec.run(t, client, g.Pid(), calls, callers)
		faster = append(faster, perEndpoint/perExec)
		cheaper = append(cheaper, float64(cpuEndpoint)/float64(max(cpuExec, 1)))
		fmt.Fprintf(&table, "| %d | %.0f | %.0f | %.2f | %v | %v |\n", pair+1, perEndpoint, perExec, perEndpoint/perExec, cpuEndpoint, cpuExec)
	}
	slices.Sort(faster)
	slices.Sort(cheaper)
	report.Add(t, "A tool as an endpoint beside the same tool through exec",
		"%d calls with %d callers in each round.\n\n| pair | endpoint, calls/s | exec, calls/s | ratio | endpoint, CPU per call | exec, CPU per call |\n|---|---|---|---|---|---|\n%s\nMedian: %.2f x the throughput of exec (at least 0.7 x is wanted), %.2f x its processor time.",
		calls, callers, table.String(), faster[3], cheaper[3])
	if testkit.Long() && faster[3] < 0.7 {
		t.Errorf("an endpoint has %.2f x the throughput of exec", faster[3])
	}
}
