package httpd

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// crowded starts a server that serves two requests at a time: /hold answers
// when it is released, /stream is an event stream until then.
func crowded(t *testing.T) (s *Server, arrived chan string, release chan struct{}) {
	t.Helper()
	s, err := New(Options{Addr: "127.0.0.1:0", Requests: 2, Keys: map[string]string{"ann": "k"}})
	if err != nil {
		t.Fatal(err)
	}
	arrived, release = make(chan string, 8), make(chan struct{})
	hold := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- r.URL.Path
		<-release
		_, _ = io.WriteString(w, "held")
	})
	s.Handle("/hold", hold)
	s.Fallback(hold)
	s.Handle("/stream", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		_, _ = io.WriteString(w, ": begun\n\n")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-release
	}))
	s.HandlePublic("GET /healthz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	start(t, s)
	return s, arrived, release
}

func TestCrowd_BeyondTheLimitOneIsToldToComeBackAndTheOthersAreServed(t *testing.T) {
	s, arrived, release := crowded(t)
	held := make(chan string, 2)
	for _, path := range []string{"/hold", "/elsewhere"} { // the fallback has no places of its own
		go func() { held <- body(t, ask(t, s, http.MethodPost, path, "Authorization", "Bearer k")) }()
		<-arrived
	}
	for _, path := range []string{"/hold", "/elsewhere", "/stream"} {
		refused := ask(t, s, http.MethodPost, path, "Authorization", "Bearer k")
		if got := refused.Header.Get("Retry-After"); got != "1" {
			t.Errorf("Retry-After: %q", got)
		}
		if text := wantError(t, path, refused, http.StatusServiceUnavailable); !strings.Contains(text, "limits.http_requests") {
			t.Errorf("the error does not say why: %s", text)
		}
	}
	// Strangers are told what they are told always, and somebody may look whether it lives.
	wantError(t, "no key", ask(t, s, http.MethodPost, "/hold"), http.StatusUnauthorized)
	if got := body(t, ask(t, s, http.MethodGet, "/healthz")); got != "ok" {
		t.Errorf("healthz: %s", got)
	}
	close(release)
	for range 2 {
		if got := <-held; got != "held" {
			t.Errorf("one that was being served: %s", got)
		}
	}
	if got := body(t, ask(t, s, http.MethodPost, "/hold", "Authorization", "Bearer k")); got != "held" {
		t.Errorf("afterwards: %s", got)
	}
}

func TestCrowd_EventStreamsDoNotCount(t *testing.T) {
	s, arrived, release := crowded(t)
	var streams []*http.Response
	for range 5 {
		r := ask(t, s, http.MethodGet, "/stream", "Authorization", "Bearer k")
		if r.StatusCode != http.StatusOK {
			t.Fatalf("a stream: %d %s", r.StatusCode, body(t, r))
		}
		streams = append(streams, r) // it has begun: the header is there
	}
	held := make(chan string, 1)
	go func() { held <- body(t, ask(t, s, http.MethodPost, "/hold", "Authorization", "Bearer k")) }()
	<-arrived
	close(release)
	if got := <-held; got != "held" {
		t.Errorf("beside the streams: %s", got)
	}
	for _, r := range streams {
		if got := body(t, r); got != ": begun\n\n" {
			t.Errorf("a stream: %q", got)
		}
	}
}

func TestCrowd_AnInformationalAnswerIsNotTheAnswer(t *testing.T) {
	places := make(chan struct{}, 1)
	places <- struct{}{}
	v := &visit{ResponseWriter: &verdict{header: http.Header{"Content-Type": {"text/event-stream"}}}, places: places, dates: new(dates)}
	v.WriteHeader(http.StatusEarlyHints)
	if len(places) == 0 {
		t.Error("it has left with the hints")
	}
	if _, err := v.Write([]byte(": x\n\n")); err != nil || len(places) == 1 {
		t.Errorf("%v, it has not left", err)
	}
}
