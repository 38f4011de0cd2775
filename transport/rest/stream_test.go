package rest

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
)

const accept = "text/event-stream"

// telling sends notifications before its outcome.
func (f *fake) telling(out messages.Outcome, notes ...messages.Notification) *fake {
	f.answer = func(_ context.Context, _ messages.Call, sink messages.Sink) messages.Outcome {
		for _, n := range notes {
			if err := sink.Notify(n); err != nil {
				return messages.Outcome{Failure: messages.Failf(messages.KindInternal, "time", "%v", err)}
			}
		}
		return out
	}
	return f
}

var notes = []messages.Notification{
	{Method: "notifications/progress", Params: []byte(`{"progressToken":"rest","progress":1,"total":2,"message":"half"}`)},
	{Method: "notifications/message", Params: []byte("{\n\"level\":\"info\",\"data\":[9007199254740993]}")},
	{Method: "notifications/resources/updated", Params: []byte(`{"uri":"a"}`)},
	{Method: "notifications/progress", Params: []byte(`{"progress":2,"total":2,"progressToken":"rest"}`)},
}

const told = "event: progress\ndata: {\"progress\":1,\"total\":2,\"message\":\"half\"}\n\n" +
	"event: message\ndata: {\ndata: \"level\":\"info\",\"data\":[9007199254740993]}\n\n" +
	"event: progress\ndata: {\"progress\":2,\"total\":2}\n\n"

func TestStream_TellsProgressAndThenTheResult(t *testing.T) {
	result := messages.Outcome{Result: []byte(`{"content":[{"type":"text","text":"done"}]}`)}
	f := clock().telling(result, notes...)
	s := serve(t, f, Options{})
	for _, types := range []string{accept, "application/json, " + accept + ";q=0.5", "TEXT/EVENT-STREAM"} {
		got := s.post("/time/now", "{}", "Accept", types)
		if want := told + "event: result\ndata: \"done\"\n\n"; got.StatusCode != 200 || got.Header.Get("Content-Type") != accept || got.body != want {
			t.Errorf("%s: %d %v\n%s", types, got.StatusCode, got.Header, got.body)
		}
	}
	if r := f.called()[0].Request; string(r.ProgressToken) != `"rest"` || r.LogLevel != "info" {
		t.Errorf("%+v", r)
	}
	for _, types := range []string{"", "*/*", "application/json", accept + ";q=0", "text/*"} {
		s.want(types, s.post("/time/now", "{}", "Accept", types), 200, `"done"`)
	}
	s.telling(result)
	if got := s.post("/time/now", "{}", "Accept", accept); got.Header.Get("Content-Type") != accept || got.body != "event: result\ndata: \"done\"\n\n" {
		t.Errorf("without progress: %v %s", got.Header, got.body)
	}
}

func TestStream_AFailureIsAnEventOnlyWhereTheStreamHasBegun(t *testing.T) {
	failure := messages.Outcome{Failure: &messages.Failure{Kind: messages.KindUpstream, Code: -32602, Sent: messages.SentDone, Message: "no"}}
	f := clock().telling(failure, notes[0])
	s := serve(t, f, Options{})
	got := s.post("/time/now", "{}", "Accept", accept)
	if want := "event: error\ndata: {\"detail\":{\"message\":\"no\"},\"status\":422,\"kind\":\"upstream_error\",\"sent\":\"done\"}\n\n"; !strings.HasPrefix(got.body, "event: progress\n") || !strings.HasSuffix(got.body, want) {
		t.Errorf("%d %s, want at its end %s", got.StatusCode, got.body, want)
	}
	s.telling(failure)
	s.want("before any event", s.post("/time/now", "{}", "Accept", accept), 422, `{"detail":{"message":"no"}}`)
	s.wantMessage("before the call", s.post("/time/nothing", "{}", "Accept", accept), 404)
	tool := messages.Outcome{Result: []byte(`{"isError":true,"content":[{"type":"text","text":"bad"}]}`)}
	s.telling(tool, notes[0])
	if got := s.post("/time/now", "{}", "Accept", accept); !strings.HasSuffix(got.body, "event: error\ndata: {\"detail\":{\"message\":\"bad\"},\"status\":500}\n\n") {
		t.Errorf("a tool's error: %s", got.body)
	}
}

func TestStream_ThatIsQuietIsKeptAlive(t *testing.T) {
	f := clock()
	release := make(chan struct{})
	f.answer = func(context.Context, messages.Call, messages.Sink) messages.Outcome {
		<-release
		return messages.Outcome{Result: []byte(`{"structuredContent":1}`)}
	}
	s := serve(t, f, Options{Limits: messages.Limits{SSEKeepalive: time.Millisecond}})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/time/now", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	lines := bufio.NewReader(got.Body)
	for range 3 {
		if line, err := lines.ReadString('\n'); err != nil || line != ": keep-alive\n" {
			t.Fatalf("%q %v", line, err)
		}
		_, _ = lines.ReadString('\n')
	}
	close(release)
	rest, err := io.ReadAll(lines)
	if err != nil || !strings.HasSuffix(string(rest), "event: result\ndata: 1\n\n") {
		t.Errorf("%s %v", rest, err)
	}
}

func TestCall_EndsWhenItsCallerLeaves(t *testing.T) {
	for what, types := range map[string]string{"a plain request": "*/*", "a stream": accept} {
		f := clock()
		began, ended := make(chan struct{}), make(chan struct{})
		f.answer = func(ctx context.Context, _ messages.Call, sink messages.Sink) messages.Outcome {
			_ = sink.Notify(notes[0])
			close(began)
			<-ctx.Done()
			close(ended)
			return messages.Outcome{Failure: messages.Failf(messages.KindCancelled, "time", "the caller gave up")}
		}
		s := serve(t, f, Options{})
		ctx, leave := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/time/now", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", types)
		done := make(chan struct{})
		go func() {
			defer close(done)
			if got, err := http.DefaultClient.Do(r); err == nil {
				_, _ = io.Copy(io.Discard, got.Body)
				got.Body.Close()
			}
		}()
		await(t, what+" begins", began)
		leave()
		await(t, what+" is cancelled", ended)
		await(t, what+" is over", done)
	}
}

// unread is a client that takes nothing: its first write fails.
type unread struct{ http.ResponseWriter }

func (unread) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestCall_EndsWhenItsCallerReadsNothing(t *testing.T) {
	f := clock()
	f.answer = func(ctx context.Context, _ messages.Call, sink messages.Sink) messages.Outcome {
		if err := sink.Notify(notes[0]); err == nil {
			t.Error("a broken stream takes events")
		}
		if err := sink.Notify(notes[1]); err == nil {
			t.Error("a stream that broke takes events")
		}
		await(t, "the end of the call", ctx.Done())
		return messages.Outcome{Failure: messages.Failf(messages.KindCancelled, "time", "gone")}
	}
	h := New(f, Options{})
	defer h.Close()
	server := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(unread{w}, r) }))
	s := &service{f, t, server}
	s.post("/time/now", "{}", "Accept", accept)
}
