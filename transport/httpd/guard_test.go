package httpd

import (
	"net/http"
	"strings"
	"testing"
)

func TestHost_OnlyKnownNamesAreServed(t *testing.T) {
	s := serve(t, Options{AllowedHosts: []string{"Gate.example.com", "port.example.com:8443", "fd00::5"}})
	for host, served := range map[string]bool{
		"localhost":              true,
		"LocalHost:9999":         true,
		"localhost.":             true,
		"127.0.0.1":              true,
		"127.0.0.1:1":            true,
		"[::1]:1234":             true,
		"[::1]":                  true,
		"gate.example.com":       true,
		"GATE.example.com:1":     true,
		"port.example.com:8443":  true,
		"[fd00::5]:80":           true,
		"port.example.com":       false,
		"port.example.com:80":    false,
		"evil.example":           false,
		"localhost.evil.example": false,
		"10.0.0.1":               false,
		"2130706433":             false,
	} {
		response := ask(t, s, http.MethodGet, "/mcp", "Host", host)
		if served {
			if got := body(t, response); response.StatusCode != http.StatusOK {
				t.Errorf("%s: %d %s", host, response.StatusCode, got)
			}
			continue
		}
		if text := wantError(t, host, response, http.StatusForbidden); !strings.Contains(text, "allowed_hosts") {
			t.Errorf("%s: the error does not say what to do: %s", host, text)
		}
	}
}

func TestHost_AStarServesAll(t *testing.T) {
	s := serve(t, Options{AllowedHosts: []string{"*"}})
	if response := ask(t, s, http.MethodGet, "/mcp", "Host", "any.example"); body(t, response) != "hello anonymous" {
		t.Errorf("status %d", response.StatusCode)
	}
}

func TestHost_AnAddressOfTheMachineIsServedWhereAllAreBound(t *testing.T) {
	s := serve(t, Options{Addr: ":0", Insecure: true})
	// The connection comes in on 127.0.0.1: other literal addresses are foreign.
	if response := ask(t, s, http.MethodGet, "/mcp", "Host", "127.0.0.1"); body(t, response) != "hello anonymous" {
		t.Errorf("status %d", response.StatusCode)
	}
	wantError(t, "a foreign address", ask(t, s, http.MethodGet, "/mcp", "Host", "192.0.2.1"), http.StatusForbidden)
}

func TestOrigin_AbsentOwnAndAllowedPassOthersAreRefused(t *testing.T) {
	s := serve(t, Options{AllowedOrigins: []string{"https://App.example.com", "http://localhost:5173/"}})
	own := strings.TrimPrefix(s.URL(), "http://")
	for origin, served := range map[string]bool{
		"":                            true,
		"http://" + own:               true,
		"https://app.example.com":     true,
		"HTTPS://APP.example.com":     true,
		"http://localhost:5173":       true,
		"http://localhost:5174":       false,
		"http://app.example.com":      false,
		"https://app.example.com:444": false,
		"https://evil.example":        false,
		"null":                        false,
		"http://127.0.0.1":            false,
		"::not a url":                 false,
	} {
		var header []string
		if origin != "" {
			header = []string{"Origin", origin}
		}
		response := ask(t, s, http.MethodPost, "/mcp", header...)
		if !served {
			if text := wantError(t, origin, response, http.StatusForbidden); !strings.Contains(text, "allowed_origins") {
				t.Errorf("%s: the error does not say what to do: %s", origin, text)
			}
			if got := response.Header.Get("Access-Control-Allow-Origin"); got != "" {
				t.Errorf("%s: allowed as %s", origin, got)
			}
			continue
		}
		if got := body(t, response); got != "hello anonymous" || response.Header.Get("Access-Control-Allow-Origin") != origin {
			t.Errorf("%q: %s %v", origin, got, response.Header)
		}
		if origin != "" && (response.Header.Get("Vary") != "Origin" || response.Header.Get("Access-Control-Expose-Headers") != corsExposed) {
			t.Errorf("%s: %v", origin, response.Header)
		}
	}
	two := ask(t, s, http.MethodPost, "/mcp", "Origin", "https://app.example.com", "Origin", "https://evil.example")
	wantError(t, "two origins", two, http.StatusForbidden)
}

func TestOrigin_AStarAllowsAll(t *testing.T) {
	s := serve(t, Options{AllowedOrigins: []string{"*"}})
	response := ask(t, s, http.MethodPost, "/mcp", "Origin", "https://any.example")
	if got := body(t, response); got != "hello anonymous" || response.Header.Get("Access-Control-Allow-Origin") != "https://any.example" {
		t.Errorf("%s %v", got, response.Header)
	}
}

func TestPreflight_IsAnsweredWithoutAKey(t *testing.T) {
	s := serve(t, Options{AllowedOrigins: []string{"https://app.example.com"}, Keys: map[string]string{"ann": "k"}})
	response := ask(t, s, http.MethodOptions, "/mcp", "Origin", "https://app.example.com",
		"Access-Control-Request-Method", "POST",
		"Access-Control-Request-Headers", "content-type, mcp-param-region,Mcp-Session-Id, x-evil, mcp-, mcp-bad name")
	if got := body(t, response); response.StatusCode != http.StatusNoContent || got != "" {
		t.Errorf("%d %s", response.StatusCode, got)
	}
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin":   "https://app.example.com",
		"Access-Control-Allow-Methods":  "GET, POST, DELETE, OPTIONS",
		"Access-Control-Allow-Headers":  "Content-Type, Accept, Authorization, Last-Event-ID, MCP-Protocol-Version, Mcp-Session-Id, Mcp-Method, Mcp-Name, Idempotency-Key, X-Request-Timeout, mcp-param-region",
		"Access-Control-Expose-Headers": "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After, Mcpx-Failure, Mcpx-Sent, Idempotent-Replayed",
		"Access-Control-Max-Age":        "600",
		"Vary":                          "Origin",
	} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	foreign := ask(t, s, http.MethodOptions, "/mcp", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST")
	wantError(t, "a foreign preflight", foreign, http.StatusForbidden)
	// A refused key can be read by the page: it knows to ask its user for one.
	refused := ask(t, s, http.MethodPost, "/mcp", "Origin", "https://app.example.com")
	wantError(t, "no key", refused, http.StatusUnauthorized)
	if refused.Header.Get("Access-Control-Allow-Origin") != "https://app.example.com" {
		t.Errorf("%v", refused.Header)
	}
	// OPTIONS that is no preflight is for the route.
	plain := ask(t, s, http.MethodOptions, "/mcp", "Authorization", "Bearer k")
	if got := body(t, plain); got != "hello ann" {
		t.Errorf("plain OPTIONS: %s", got)
	}
}
