package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/leak"
	"github.com/mcpx/mcpx/tests/testkit"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/null"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestTurned_EachRoundBeginsWithAnotherRowOfEachGroup(t *testing.T) {
	all := []row{{group: "a", name: "1"}, {group: "a", name: "2"}, {group: "a", name: "3"}, {group: "b", name: "1"}, {group: "b", name: "2"}}
	for round, want := range []string{"a/1 a/2 a/3 b/1 b/2", "a/2 a/3 a/1 b/2 b/1", "a/3 a/1 a/2 b/1 b/2", "a/1 a/2 a/3 b/2 b/1"} {
		var got []string
		for _, r := range turned(all, round) {
			got = append(got, r.id())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("round %d: %v, want %s", round, got, want)
		}
	}
}

func TestWrk_WhatIsWrongIsNoThroughput(t *testing.T) {
	s, err := parseWrk([]byte("Running 1s test\nwrong answer: 500 no\n@@" +
		`{"requests":100,"micros":2000000,"wrong":10,"connect":1,"read":2,"write":3,"timeout":4,"p50":200,"p99":900,"max":1000}`))
	if err != nil || s.Rate != 45 || s.Wrong != 20 || s.P50 != 200 || s.P99 != 900 || !strings.Contains(s.Said, "500 no") {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []string{"", "@@{", `@@{"requests":1}`} {
		if _, err := parseWrk([]byte(bad)); err == nil {
			t.Errorf("%q is no result", bad)
		}
	}
}

func TestWrk_ATextIsTheSameInLua(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":"b"}`: `[[{"a":"b"}]]`,
		"a[b[1]]":   "[=[a[b[1]]]=]",
		"]]]=]":     "[==[]]]=]]==]",
		"x]":        "[=[x]]=]",
	} {
		if got := lua(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	job := string(shot{body: "[]", text: strings.Repeat("x", checkedMax+1)}.job([]string{"s1"}))
	if !strings.Contains(job, "text = [[]], size = 65537,") || !strings.Contains(job, "sessions = {[[s1]],}") {
		t.Errorf("%s", job)
	}
}

func TestReport_SaysWhetherWhatWasToBeShownIs(t *testing.T) {
	all := slices.DeleteFunc(rows(nil, false), func(r row) bool { return r.group != "100B" })
	r := newResults(all, []string{byWrk, byLoad}, []string{"absent 1.0"}, 3, time.Second)
	for round := range 3 {
		r.add(key{"100B/ReverseProxy", 16, byWrk}, round, sample{Rate: 100, CPU: 50, P50: 10})
		r.add(key{"100B/mcpx", 16, byWrk}, round, sample{Rate: 150, CPU: float64(30 + 5*round), P50: 9})
		r.add(key{"100B/ReverseProxy", 16, byLoad}, round, sample{Rate: 100, CPU: 50, P50: 10})
		r.add(key{"100B/mcpx", 16, byLoad}, round, sample{Rate: 110, CPU: 50, P50: 9, Wrong: 2})
	}
	r.problems = append(r.problems, errors.New("round 2, 100B/mcpo: it did not start\nat all"))
	text := r.markdown()
	for _, want := range []string{
		"| CPU per request, transparent / ReverseProxy, 16 clients | ≤ 0.8 | 0.70 (0.60–0.80) | yes | 1.00 (1.00–1.00) | no |",
		"| throughput, transparent / ReverseProxy, 16 clients | ≥ 1.25 | 1.50 (1.50–1.50) | yes | 1.10 (1.10–1.10) | no |",
		"## 100B, 16 clients, by wrk",
		"| mcpx | `/mcp/null`, modern | 110 (110–110) | 1.10 (1.10–1.10) | 50.0 (50.0–50.0) | 1.00 (1.00–1.00) | 9.00 (9.00–9.00) | – | – | – | 6 |",
		"Not installed here, and so not measured: absent 1.0.",
		"Not measured: round 2, 100B/mcpo: it did not start.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nis missing in\n%s", want, text)
		}
	}
	if strings.Contains(text, "mcp-go gateway") {
		t.Error("it speaks of what was not measured")
	}
	path := filepath.Join(t.TempDir(), "peers")
	if err := r.write(path, text); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path + ".json")
	if err != nil || !json.Valid(raw) || !bytes.Contains(raw, []byte(`"row": "100B/mcpx"`)) {
		t.Errorf("%s (%v)", raw, err)
	}
}

func TestClaims_AreAboutRowsThatExist(t *testing.T) {
	there := map[string][]int{}
	for _, r := range rows(nil, false) {
		there[r.id()] = r.clients
	}
	for _, c := range slices.Concat(claims, costs) {
		for _, id := range []string{c.a, c.b} {
			if !slices.Contains(there[id], c.n) {
				t.Errorf("%s: there is no %s with %d clients", c.text, id, c.n)
			}
		}
	}
}

func TestPeers_WhatIsNotInstalledIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers.json")
	text := `[{"name": "a", "version": "1", "start": ["{peers}/sh", "-c", "x"], "url": "http://x:{port}"},
		{"name": "b", "version": "2", "start": ["no-such-program"], "url": "http://x"}]`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	there, missing, err := readPeers(path, "/bin")
	if err != nil || len(there) != 1 || there[0].Name != "a" || !slices.Equal(missing, []string{"b 2"}) {
		t.Errorf("%+v %v %v", there, missing, err)
	}
	for _, bad := range []string{`[{"name": "a"}]`, `{`} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := readPeers(path, "/bin"); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if _, _, err := readPeers("peers.json", "/bin"); err != nil {
		t.Errorf("the file of the repository: %v", err)
	}
}

func TestPayload_IsWhatTheNullServerAnswers(t *testing.T) {
	for _, n := range []int{0, 100, 10 << 10} {
		s, err := null.New(null.Options{Bytes: n})
		if err != nil || payload(n) != s.Text() {
			t.Errorf("%d bytes: %.60q, want %.60q (%v)", n, payload(n), s.Text(), err)
		}
	}
}

// A client that is what is measured would measure itself.
func TestLineClient_KeepsRequestsInFlightAndLooksIntoAnswers(t *testing.T) {
	dir := t.TempDir()
	script := `while read -r line; do id="${line#*\"id\":}"; id="${id%%,*}"
		echo '{"jsonrpc":"2.0","method":"notifications/message","params":{}}'
		echo '{"jsonrpc":"2.0","id":'"$id"',"result":{"content":[{"type":"text","text":"'"$([ "$id" = 3 ] && echo no || echo yes)"'"}]}}'; done`
	p, err := testkit.StartPiped(testkit.Command("/bin/sh", dir, "-c", script))
	if err != nil {
		t.Fatal(err)
	}
	c := &lineClient{p: p, text: []byte(`"yes"`)}
	c.lines = jsonrpc.NewLineReader(flushing{p.Out, c}, 1<<20)
	left := 6
	s, err := c.turns(4, func() bool { left--; return left >= 0 })
	if err != nil || s.Requests != 10 || s.Wrong != 1 || s.P50 <= 0 || s.P99 < s.P50 {
		t.Errorf("%+v, %v; want 10 requests, one of them wrong", s, err)
	}
	if err := p.End(p.In.Close); err != nil {
		t.Error(err)
	}
	if _, err := c.lines.Next(); err == nil {
		t.Error("it went on after the end")
	}
}
