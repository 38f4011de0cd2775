package dial

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

// wireFor is the kind of client that an address gets.
func wireFor(t *testing.T, address string) string {
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	w := newHTTPWire(u, messages.DefaultPolicy(), messages.DefaultLimits())
	defer w.Close()
	return fmt.Sprintf("%T", w)
}

func TestHTTPWire_OnlyPlainHTTPHasAClientOfItsOwn(t *testing.T) {
	for address, want := range map[string]string{
		"http://127.0.0.1:1/mcp":     "*h1.Transport",
		"http://[::1]/mcp":           "*h1.Transport",
		"https://127.0.0.1:1/mcp":    "*dial.netWire",
		"http://bücher.example:1/x":  "*dial.netWire",
		"http://localhost:8080/?a=b": "*h1.Transport",
	} {
		if got := wireFor(t, address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

// The environment is read once in a process, so this looks in another one.
func TestHTTPWire_WhatGoesThroughAProxyIsLeftToNetHTTP(t *testing.T) {
	const inside = "DIAL_TEST_BEHIND_PROXY"
	if os.Getenv(inside) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), inside+"=1", "HTTP_PROXY=http://127.0.0.1:9", "http_proxy=", "NO_PROXY=near.example", "no_proxy=")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	for address, want := range map[string]string{
		"http://far.example/mcp":  "*dial.netWire",
		"http://near.example/mcp": "*h1.Transport",
		"http://127.0.0.1:1/mcp":  "*h1.Transport",
	} {
		if got := wireFor(t, address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
