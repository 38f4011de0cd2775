package relay

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// starting is a server whose calls need nobody to wait.
type starting struct {
	asking
	streamed bool
}

func (s *starting) Start(ctx context.Context, call messages.Call, sink messages.Sink, done func(messages.Outcome)) bool {
	out := s.Call(ctx, call, sink)
	out.Streamed = s.streamed
	if s.refuses != nil {
		out = messages.Outcome{Failure: s.refuses}
	}
	done(out)
	return true
}

// streaming is a sink that notes whether it was to be a stream.
type streaming struct {
	messages.Sink
	is bool
}

func (s *streaming) Stream() { s.is = true }

// launch starts a request and returns its answer.
func launch(t *testing.T, s *Service, who mcp.Caller, params string, sink messages.Sink) (result json.RawMessage, err error, begun bool) {
	t.Helper()
	req := mcp.Request{Caller: who, Request: messages.Request{Method: "tools/call", Params: json.RawMessage(params)}}
	begun = s.Start(t.Context(), req, sink, func(r json.RawMessage, e error) { result, err = r, e })
	return result, err, begun
}

func TestStart_SealsAndOpensStatesAsServingDoes(t *testing.T) {
	server := &starting{asking: asking{result: question}}
	s := New(server, "fs", NewSealer(nil, time.Minute))
	result, err, begun := launch(t, s, caller("alice"), `{"name":"x"}`, messages.Discard)
	state, ok := jsonrpc.GetString(result, "requestState")
	if !begun || err != nil || !ok || strings.Contains(state, "9007199254740993") {
		t.Fatalf("%s (%v)", result, err)
	}
	if _, err, begun := launch(t, s, caller("alice"), `{"name":"x","requestState":"`+state+`"}`, messages.Discard); err != nil || !begun {
		t.Fatal(err, begun)
	}
	if got := string(server.got[1].Params); got != `{"name":"x","requestState":"st\u00e4te \ud800 9007199254740993"}` {
		t.Errorf("the server's state came back as %s", got)
	}
	if _, _, begun := launch(t, s, caller("bob"), `{"name":"x","requestState":"`+state+`"}`, messages.Discard); begun || len(server.got) != 2 {
		t.Error("begun with somebody else's state")
	}
	server.result = `{"n":9007199254740993}`
	legacy := mcp.Caller{Client: "c", Protocol: mcp.V20251125}
	if result, err, _ := launch(t, s, legacy, `{"name":"x"}`, messages.Discard); string(result) != server.result || err != nil {
		t.Errorf("%s (%v)", result, err)
	}
}

func TestStart_IsOnlyForDoorsThatCan(t *testing.T) {
	s := New(&asking{result: question}, "fs", NewSealer(nil, time.Minute))
	if _, _, begun := launch(t, s, caller("alice"), `{"name":"x"}`, messages.Discard); begun {
		t.Error("begun where somebody must wait")
	}
}

func TestStart_FailuresAndStreamsAreTheServers(t *testing.T) {
	server := &starting{streamed: true}
	s := New(server, "fs", NewSealer(nil, time.Minute))
	sink := &streaming{Sink: messages.Discard}
	if _, err, begun := launch(t, s, caller("alice"), `{"name":"x"}`, sink); !begun || err != nil || !sink.is {
		t.Error(begun, err, sink.is)
	}
	server.refuses = messages.Failf(messages.KindTimeout, "fs", "late")
	if _, err, begun := launch(t, s, caller("alice"), `{"name":"x"}`, sink); !begun || err != server.refuses {
		t.Error(begun, err)
	}
}
