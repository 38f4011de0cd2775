package workload

import (
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/transport/workload/procs"
)

func TestReport_DoubtsItselfWhereTheGeneratorWasTheLimit(t *testing.T) {
	for _, c := range []struct {
		name   string
		report Report
		want   []string
	}{
		{"all is well", Report{Requests: 1000, Measured: time.Second, Generator: Generator{Share: 0.5, Processors: 2, HeldUp: 9 * time.Millisecond}}, nil},
		{"no processor left", Report{Requests: 1000, Measured: time.Second, Generator: Generator{Share: 0.95, Processors: 2}},
			[]string{"the generator is overloaded: it used 95 % of the 2 processors"}},
		{"stopped", Report{Requests: 1000, Measured: 10 * time.Second, Generator: Generator{HeldUp: time.Second, HeldUpMost: 990 * time.Millisecond}},
			[]string{"could not run when it wanted to for 1s in all, up to 990ms at a time"}},
		{"too few clients", Report{Requests: 900, Dropped: 100, Late: 50, LateMost: time.Second, Clients: 4, InFlight: 2, Rate: 100, Measured: time.Second},
			[]string{"50 of 1000 requests began late, by up to 1s: their clients were still busy", "100 requests never began: the rate of 100 per second"}},
		{"a few late ones", Report{Requests: 1000, Late: 10, Measured: time.Second}, nil},
		{"nothing", Report{Measured: time.Second}, []string{"nothing was measured"}},
	} {
		got := c.report.doubts()
		if len(got) != len(c.want) {
			t.Errorf("%s: %q", c.name, got)
			continue
		}
		for i := range got {
			if !strings.Contains(got[i], c.want[i]) {
				t.Errorf("%s: %q, want %q", c.name, got[i], c.want[i])
			}
		}
	}
}

func TestHiccups_AddUpWhatIsMoreThanAMoment(t *testing.T) {
	var h hiccups
	for _, delay := range []time.Duration{time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond, time.Second} {
		h.add(delay)
	}
	if h.lost != 1020*time.Millisecond || h.most != time.Second {
		t.Errorf("%+v", h)
	}
}

func TestShort_HasThreeDigits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 999: "999ns", 12345: "12.3µs", 1234567: "1.23ms", 59*time.Second + 987654321: "1m0s", 1999: "2µs",
	} {
		if got := Short(d).String(); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
}

func TestResources_AreThoseWhileItWasMeasured(t *testing.T) {
	w := &watch{first: &procs.Usage{CPU: time.Second, RSS: 10}, recent: &procs.Usage{CPU: 3 * time.Second, RSS: 20}, most: procs.Usage{RSS: 30}}
	got := w.resources(1000)
	if got.CPU != 2*time.Second || got.CPUPerRequest != 2*time.Millisecond || got.Most.RSS != 30 || got.End.RSS != 20 {
		t.Errorf("%+v", got)
	}
	if (&watch{}).resources(1) != nil {
		t.Error("nobody has looked")
	}
	var none *Resources
	if none.cpuPerRequest() != 0 || none.rss() != 0 {
		t.Error("nothing is nothing")
	}
}
