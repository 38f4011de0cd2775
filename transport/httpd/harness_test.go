package httpd

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
)

// patience caps every wait for an event; no test depends on its length.
const patience = time.Minute

// serve starts a server with two routes: /mcp says who asks, /healthz is public.
func serve(t *testing.T, opts Options) *Server {
	t.Helper()
	if opts.Addr == "" {
		opts.Addr = "127.0.0.1:0"
	}
	s, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Handle("/mcp", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello "+messages.PrincipalFrom(r.Context()).String())
	}))
	s.HandlePublic("GET /healthz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok")
	}))
	start(t, s)
	return s
}

func start(t *testing.T, s *Server) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	t.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// ask sends a request; the pseudo-header Host sets the host.
func ask(t *testing.T, s *Server, method, path string, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Add(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func body(t *testing.T, response *http.Response) string {
	t.Helper()
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wantError checks that a refusal is a small JSON body for people.
func wantError(t *testing.T, what string, response *http.Response, status int) string {
	t.Helper()
	text := body(t, response)
	var e struct{ Error string }
	if response.StatusCode != status || response.Header.Get("Content-Type") != "application/json" ||
		json.Unmarshal([]byte(text), &e) != nil || e.Error == "" {
		t.Errorf("%s: %d %s, want %d with an error", what, response.StatusCode, text, status)
	}
	return e.Error
}
