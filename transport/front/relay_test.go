package front

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/mcp"
)

// upstream is a Relay: the puppet, which also grants what holds until further
// notice, and answers on a stream where its tool is called so.
type upstream struct{ *puppet }

func (u upstream) Open(context.Context, mcp.Caller) (messages.Peer, error) {
	return messages.Peer{Info: u.describe.Info, Capabilities: u.describe.Capabilities, Instructions: u.describe.Instructions}, nil
}

func (u upstream) Mirrored(string) []mcp.ParamHeader { return nil }

// Subscribe grants what is not called so.
func (u upstream) Subscribe(_ context.Context, _ mcp.Caller, _ messages.Subscriber, uris []string) ([]string, error) {
	var granted []string
	for _, uri := range uris {
		switch uri {
		case "refused":
		case "unavailable":
			return nil, messages.Failf(messages.KindUnavailable, "fs", "fs is not connected")
		case "refused as a whole":
			return nil, &messages.Failure{Kind: messages.KindUpstream, Code: -32601, Message: "no subscriptions here"}
		default:
			granted = append(granted, uri)
		}
	}
	return granted, nil
}

func (u upstream) Notify(context.Context, mcp.Caller, messages.Notification) error { return nil }

func (u upstream) Serve(ctx context.Context, req mcp.Request, sink messages.Sink) (json.RawMessage, error) {
	switch {
	case req.Request.Method == methodSetLevel && string(req.Request.Params) == `{"level":"no"}`:
		return nil, invalidParams("no such level")
	case req.Request.Method == methodSetLevel, req.Request.Method == methodSubscribe, req.Request.Method == methodUnsubscribe:
		return json.RawMessage("{}"), nil
	case req.Request.Name == "streamed":
		sink.(messages.Streamer).Stream()
		return callResult("done"), nil
	case req.Request.Name == "ask":
		answered := make(chan messages.Answer, 1)
		if err := sink.Notify(messages.Notification{
			Method: "roots/list", ID: json.RawMessage("7"), Reply: func(a messages.Answer) { answered <- a },
		}); err != nil {
			return nil, err
		}
		a := <-answered
		u.ended <- nil
		return callResult(string(a.Result)), nil
	case req.Request.Name == "ask and take back":
		for _, n := range []messages.Notification{
			{Method: "roots/list", ID: json.RawMessage("7"), Reply: func(a messages.Answer) { u.started <- string(a.Result) }},
			{Method: noteCancelled, Params: json.RawMessage(`{"requestId":7}`)},
		} {
			if err := sink.Notify(n); err != nil {
				return nil, err
			}
		}
		return callResult("never mind"), nil
	case req.Request.Name == "refused on a stream":
		sink.(messages.Streamer).Stream()
		return nil, methodNotFound("it")
	}
	return u.puppet.Serve(ctx, req, sink)
}

func newRelayed(t *testing.T) *world {
	t.Helper()
	return newWorldOf(t, func(s Service, c Clients) http.Handler { return NewHTTP(upstream{s.(*puppet)}, c, Options{}) })
}

func TestRelay_WhatHoldsUntilFurtherNoticeIsRememberedOnceItIsGranted(t *testing.T) {
	w := newRelayed(t)
	session := w.initialize(mcp.V20251125)
	for _, message := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"info"}}`,
		`{"jsonrpc":"2.0","id":2,"method":"logging/setLevel","params":{"level":"no"}}`,
		`{"jsonrpc":"2.0","id":3,"method":"resources/subscribe","params":{"uri":"a:b"}}`,
		`{"jsonrpc":"2.0","id":4,"method":"resources/unsubscribe","params":{"uri":"a:b"}}`,
		call(5, "echo"),
	} {
		if status, _, body := w.post(message, session...); status != http.StatusOK {
			t.Errorf("%s: %d %s", message, status, body)
		}
	}
	w.clients.mu.Lock()
	defer w.clients.mu.Unlock()
	if want := []string{"logging/setLevel ", "resources/subscribe a:b", "resources/unsubscribe a:b"}; !slices.Equal(w.clients.remembered, want) {
		t.Errorf("remembered %q, want %q", w.clients.remembered, want)
	}
}

func TestRelay_AnswersWithAStreamWhereItsUpstreamDid(t *testing.T) {
	w := newRelayed(t)
	session := w.initialize(mcp.V20251125)
	for _, c := range []struct {
		tool   string
		modern bool
		status int
		media  string
	}{
		{"echo", false, http.StatusOK, typeJSON},
		{"echo", true, http.StatusOK, typeJSON},
		{"streamed", false, http.StatusOK, typeSSE},
		{"streamed", true, http.StatusOK, typeSSE},
		{"refused on a stream", false, http.StatusOK, typeSSE},
		{"refused on a stream", true, http.StatusNotFound, typeJSON}, // an error has a status there
	} {
		body, header := call(1, c.tool), session
		if c.modern {
			body, header = modernCall(1, c.tool, "")
		}
		if status, media, got := w.post(body, header...); status != c.status || media != c.media {
			t.Errorf("%s, modern %v: %d %s: %s", c.tool, c.modern, status, media, got)
		}
	}
	if _, media, _ := w.post(call(1, "streamed"), append(session, "Accept", typeJSON)...); media != typeJSON {
		t.Errorf("a client that takes no stream got %s", media)
	}
}

func TestRelay_AServerOfTheLegacyEraIsNotDiscoveredAsAModernOne(t *testing.T) {
	w := newRelayed(t)
	status, _, got := w.post(`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{`+modernMeta+`}}}`,
		mcp.HeaderProtocolVersion, mcp.V20260728, mcp.HeaderMethod, methodDiscover)
	if status != http.StatusOK || !strings.Contains(got, `"supportedVersions":["2025-11-25","2025-06-18","2025-03-26","2024-11-05"]`) {
		t.Errorf("%d %s", status, got)
	}
}

func TestRelay_TasksAreNotOfferedToClientsOfTheOtherEra(t *testing.T) {
	w := newRelayed(t)
	w.service.describe.Capabilities = json.RawMessage(`{"tools":{},"tasks":{"list":{}},"extensions":{"io.modelcontextprotocol/tasks":{}}}`)
	_, _, discovered := w.post(`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{`+modernMeta+`}}}`,
		mcp.HeaderProtocolVersion, mcp.V20260728, mcp.HeaderMethod, methodDiscover)
	_, _, greeted := w.post(initializeMessage(mcp.V20251125)) // the puppet's peer has said nothing in this era
	for _, got := range []string{discovered, greeted} {
		if !strings.Contains(got, `"capabilities":{"tools":{},"extensions":{}}`) {
			t.Errorf("%s", got)
		}
	}
}
