package relay

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/mcp"
)

// stocked is a server whose catalog is known.
type stocked struct {
	asking
	opened []messages.Call
	gone   bool
}

func (s *stocked) Directory() *messages.Directory {
	return &messages.Directory{Servers: []string{"fs"}, Catalogs: []messages.Catalog{{
		Server: "fs",
		Peer:   messages.Peer{Info: json.RawMessage(`{"name":"x"}`), Capabilities: json.RawMessage(`{"tools":{}}`), Instructions: "pull"},
		Tools: []messages.Tool{{Name: "t", InputSchema: json.RawMessage(
			`{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}`)}},
	}}}
}

func (s *stocked) Open(_ context.Context, call messages.Call) (messages.Peer, *messages.Failure) {
	s.opened = append(s.opened, call)
	if s.gone {
		return messages.Peer{}, messages.Failf(messages.KindUnavailable, "fs", "not connected")
	}
	return messages.Peer{Name: "opened"}, nil
}

func TestRelay_SaysOfItsServerWhatIsKnownFromMemory(t *testing.T) {
	known, unknown := New(&stocked{}, "fs", NewSealer(nil, time.Minute)), New(&stocked{}, "other", NewSealer(nil, time.Minute))
	d := known.Describe(t.Context(), mcp.Caller{})
	if string(d.Info) != `{"name":"x"}` || string(d.Capabilities) != `{"tools":{}}` || d.Instructions != "pull" {
		t.Errorf("%+v", d)
	}
	if d := unknown.Describe(t.Context(), mcp.Caller{}); d.Info != nil || d.Capabilities != nil {
		t.Errorf("of a server that is not known: %+v", d)
	}
	if params := known.Mirrored("t"); len(params) != 1 {
		t.Errorf("mirrored: %v", params)
	}
	for _, params := range [][]mcp.ParamHeader{known.Mirrored("another"), unknown.Mirrored("t")} {
		if len(params) != 0 {
			t.Errorf("mirrored: %v", params)
		}
	}
}

func TestRelay_OpensAndNotifiesInItsCallersName(t *testing.T) {
	server := &stocked{}
	s := New(server, "fs", NewSealer(nil, time.Minute))
	legacy := mcp.Caller{Client: "c", Protocol: mcp.V20251125, Asked: "2077-01-01", Capabilities: json.RawMessage(`{"roots":{}}`)}
	if peer, err := s.Open(t.Context(), legacy); err != nil || peer.Name != "opened" {
		t.Fatal(peer, err)
	}
	if got := server.opened[0]; got.Server != "fs" || got.Client != "c" || !got.Caller.Mirror || got.Caller.Modern || got.Caller.Protocol != "2077-01-01" ||
		string(got.Caller.Capabilities) != `{"roots":{}}` {
		t.Errorf("opened as %+v", got)
	}
	if err := s.Notify(t.Context(), caller("alice"), messages.Notification{Method: "notifications/x", Params: json.RawMessage(`{}`)}); err != nil {
		t.Error(err)
	}
	if got := server.got[0]; got.Kind != messages.RequestNotify || got.Method != "notifications/x" {
		t.Errorf("notified %+v", got)
	}
	server.gone = true
	if _, err := s.Open(t.Context(), legacy); err == nil {
		t.Error("opened what is not there")
	}
}

// beginner is a door that starts a call and ends it on another goroutine.
type beginner struct {
	Door
	out messages.Outcome
}

func (b beginner) Start(_ context.Context, _ messages.Call, _ messages.Sink, done func(messages.Outcome)) bool {
	go done(b.out)
	return true
}

func TestService_ABugWithAnAnswerThatNobodyWaitsForCostsThatRequest(t *testing.T) {
	out := messages.Outcome{Result: json.RawMessage(`{"resultType":"input_required","requestState":"s"}`)}
	s := New(beginner{out: out}, "one", &Sealer{}) // which cannot seal
	told := make(chan error, 1)
	began := s.Start(t.Context(), mcp.Request{
		Caller: mcp.Caller{Protocol: mcp.LatestModern}, Request: messages.Request{Method: "tools/call", Name: "x"},
	}, messages.Discard, func(_ json.RawMessage, err error) { told <- err })
	if !began {
		t.Fatal("it was not begun")
	}
	var f *messages.Failure
	if err := <-told; !errors.As(err, &f) || f.Kind != messages.KindInternal || !strings.Contains(f.Message, `server "one"`) {
		t.Errorf("%v", err)
	}
}
