package main

import (
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/leak"
	"github.com/mcpx/mcpx/tests/testkit"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestCount_OfTheTickOfTheAnswerNothingIsCertain(t *testing.T) {
	started := []time.Duration{0, 80, 90, 100, 110}
	for i := range started {
		started[i] *= time.Millisecond
	}
	if got := countOf(started, 105*time.Millisecond); got != (count{before: 3, perhaps: 4}) {
		t.Errorf("%+v, want 3 for sure and 4 perhaps", got)
	}
}

func TestExecutions_AreTheFirstOfEachServer(t *testing.T) {
	got := executions(`{"server":"a","at":"2026-01-02T03:04:05.000000006Z","message":"Process started"}
{"server":"a","at":"2026-01-02T03:04:06Z","message":"Process started"}
{"server":"b","message":"Connected"}
panic: no JSON
`)
	if at := got["a"]; len(got) != 1 || at.Nanosecond() != 6 || at.Second() != 5 {
		t.Errorf("%v", got)
	}
}

func TestStart_FindsEveryServerAndLeavesNone(t *testing.T) {
	mcpx, err := testkit.Binary()
	if err != nil {
		t.Fatal(err)
	}
	s := scene{dir: t.TempDir(), mcpx: mcpx, node: "true", servers: 2}
	server := map[string]any{"command": mcpx, "args": []string{"null", "--transport", "stdio"}}
	if _, err := testkit.WriteConfig(s.dir, testkit.Config(map[string]any{"a": server, "b": server}, logged)); err != nil {
		t.Fatal(err)
	}
	var r results
	for n := range 2 {
		if err := s.pair(n, &r); err != nil {
			t.Fatal(err)
		}
	}
	for i, last := range r.last {
		if last <= 0 || r.said[i] > 2 {
			t.Errorf("of 2 servers %v were executed before the answer, the last after %v ms", r.said[i], last)
		}
	}
	text := r.markdown(s)
	if len(r.mcpx) != 2 || len(r.node) != 2 || !strings.Contains(text, "| mcpx stdio, to the answer to initialize |") {
		t.Errorf("%+v\n%s", r, text)
	}
}
