package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed call.lua
var callScript []byte

// checkedMax is the length, in bytes, up to which wrk looks into each answer.
// Of longer ones, which it would copy for that, the sizes are added up.
const checkedMax = 64 << 10

// wrk loads a target with so many connections.
func (b *bench) wrk(s shot, sessions []string, clients int, length time.Duration) (sample, error) {
	dir, err := b.folder()
	if err != nil {
		return sample{}, err
	}
	script, job := filepath.Join(dir, "call.lua"), filepath.Join(dir, "job.lua")
	if err := os.WriteFile(script, callScript, 0o600); err != nil {
		return sample{}, err
	}
	if err := os.WriteFile(job, s.job(sessions), 0o600); err != nil {
		return sample{}, err
	}
	threads := min(clients, 2)
	cmd := exec.Command("wrk", "-s", script, "-t", fmt.Sprint(threads), "-c", fmt.Sprint(clients),
		"-d", fmt.Sprintf("%ds", max(1, int(length.Seconds()))), "--timeout", "20s", s.url)
	cmd.Env = append(os.Environ(), "WRK_JOB="+job)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return parseWrk(out)
}

// parseWrk reads what call.lua prints at the end.
func parseWrk(out []byte) (sample, error) {
	_, line, ok := bytes.Cut(out, []byte("@@"))
	if !ok {
		return sample{}, fmt.Errorf("wrk said nothing of its result:\n%s", out)
	}
	var r struct{ Requests, Micros, Wrong, Connect, Read, Write, Timeout, P50, P99 int64 }
	if err := json.NewDecoder(bytes.NewReader(line)).Decode(&r); err != nil {
		return sample{}, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	if r.Micros == 0 {
		return sample{}, fmt.Errorf("wrk ran no time at all:\n%s", out)
	}
	s := sample{
		Requests: r.Requests, Rate: float64(r.Requests-r.Wrong) / float64(r.Micros) * 1e6,
		Wrong: r.Wrong + r.Connect + r.Read + r.Write + r.Timeout, P50: float64(r.P50), P99: float64(r.P99),
	}
	if s.Wrong > 0 {
		s.Said = string(out)
	}
	return s, nil
}

// job writes the table that call.lua reads.
func (s shot) job(sessions []string) []byte {
	var b strings.Builder
	text := s.text
	if len(text) > checkedMax {
		text = ""
	}
	fmt.Fprintf(&b, "return { body = %s, text = %s, size = %d, headers = {", lua(s.body), lua(text), len(s.text))
	for name, values := range s.headers {
		fmt.Fprintf(&b, "[ %s ] = %s, ", lua(name), lua(values[0]))
	}
	b.WriteString("}, sessions = {")
	for _, id := range sessions {
		b.WriteString(lua(id) + ",")
	}
	b.WriteString("} }\n")
	return []byte(b.String())
}

// lua writes a text as Lua does, whatever it holds.
func lua(s string) string {
	level := ""
	for strings.Contains(s, "]"+level+"]") || strings.HasSuffix(s, "]"+level) {
		level += "="
	}
	return "[" + level + "[" + s + "]" + level + "]"
}
