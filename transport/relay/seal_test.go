package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// asking is a server that asks for input with a state, and keeps what it gets.
type asking struct {
	result string
	got    []messages.Request

	exclusive bool
	refuses   *messages.Failure // to grant a subscription
	said      []string          // of subscriptions
}

func (a *asking) Spec(string) (messages.ServerSpec, bool) {
	return messages.ServerSpec{Exclusive: a.exclusive}, true
}

func (a *asking) SubscribeResources(_ context.Context, m messages.Subscribe) ([]string, *messages.Failure) {
	a.said = append(a.said, fmt.Sprint("+", m.URIs, m.By, m.Call.Server))
	if a.refuses != nil {
		return nil, a.refuses
	}
	return m.URIs, nil
}

func (a *asking) UnsubscribeResources(m messages.Unsubscribe) {
	a.said = append(a.said, fmt.Sprint("-", m.URIs, m.By, m.Server))
}

func (a *asking) Call(_ context.Context, call messages.Call, _ messages.Sink) messages.Outcome {
	a.got = append(a.got, call.Request)
	return messages.Outcome{Result: json.RawMessage(a.result)}
}

func (a *asking) Open(context.Context, messages.Call) (messages.Peer, *messages.Failure) {
	return messages.Peer{Modern: true}, nil
}

func (a *asking) Directory() *messages.Directory { return &messages.Directory{} }

const question = `{"resultType":"input_required","inputRequests":{"who":{"method":"roots/list"}},"requestState":"st\u00e4te \ud800 9007199254740993"}`

// caller is a modern one.
func caller(name string) mcp.Caller {
	return mcp.Caller{Principal: messages.Principal{Name: name}, Protocol: mcp.V20260728}
}

func serve(t *testing.T, s *Service, who mcp.Caller, method, params string) (json.RawMessage, error) {
	t.Helper()
	req := mcp.Request{Caller: who, Request: messages.Request{Method: method, Params: json.RawMessage(params)}}
	return s.Serve(t.Context(), req, messages.Discard)
}

// stateOf is the state in the answer to a call.
func stateOf(t *testing.T, s *Service, who mcp.Caller, method, params string) string {
	t.Helper()
	result, err := serve(t, s, who, method, params)
	if err != nil {
		t.Fatal(err)
	}
	state, ok := jsonrpc.GetString(result, "requestState")
	if !ok || strings.Contains(string(result), "9007199254740993") || strings.Replace(string(result), `"`+state+`"`, `"st\u00e4te \ud800 9007199254740993"`, 1) != question {
		t.Fatalf("not this question with another state: %s", result)
	}
	return state
}

func TestSeal_AStateComesBackAsItWasForTheSameRequestOfTheSameCaller(t *testing.T) {
	server := &asking{result: question}
	s := New(server, "fs", NewSealer(nil, time.Minute))
	for _, method := range []string{"tools/call", "prompts/get", "resources/read"} {
		state := stateOf(t, s, caller("alice"), method, `{"name":"x","arguments":{"a":1,"b":[9007199254740993]},"_meta":{"progressToken":1}}`)
		// A retry may be written in another order, with a token of its own.
		retry := `{"_meta":{"progressToken":2},"requestState":"` + state + `","inputResponses":{"who":{"roots":[]}},"arguments":{"b":[9007199254740993],"a":1},"name":"x"}`
		if _, err := serve(t, s, caller("alice"), method, retry); err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		want := strings.Replace(retry, `"`+state+`"`, `"st\u00e4te \ud800 9007199254740993"`, 1)
		if got := string(server.got[len(server.got)-1].Params); got != want {
			t.Errorf("%s: its server got\n%s\nwant\n%s", method, got, want)
		}
	}
}

func TestSeal_WhatIsNotGoodReachesNobody(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	sealer := NewSealer(make([]byte, 32), time.Minute)
	sealer.now = func() time.Time { return now }
	server := &asking{result: question}
	s := New(server, "fs", sealer)
	const params = `{"name":"x","arguments":{"a":1}}`
	state := stateOf(t, s, caller("alice"), "tools/call", params)
	with := func(state string) string { return `{"name":"x","arguments":{"a":1},"requestState":` + state + `}` }
	good := `"` + state + `"`
	flipped := func(i int) string {
		b := []byte(state)
		if b[i]++; b[i] != 'B' {
			b[i] = 'A'
		}
		return `"` + string(b) + `"`
	}
	for name, c := range map[string]struct {
		s              *Service
		caller         mcp.Caller
		method, params string
		late           time.Duration
	}{
		"tampered at its beginning":  {s, caller("alice"), "tools/call", with(flipped(0)), 0},
		"tampered in its middle":     {s, caller("alice"), "tools/call", with(flipped(len(state) / 2)), 0},
		"cut":                        {s, caller("alice"), "tools/call", with(good[:20] + `"`), 0},
		"longer":                     {s, caller("alice"), "tools/call", with(`"` + state + `A"`), 0},
		"the server's own":           {s, caller("alice"), "tools/call", with(`"st\u00e4te \ud800 9007199254740993"`), 0},
		"empty":                      {s, caller("alice"), "tools/call", with(`""`), 0},
		"no text":                    {s, caller("alice"), "tools/call", with(`{"a":1}`), 0},
		"under a key that is hidden": {s, caller("alice"), "tools/call", `{"name":"x","arguments":{"a":1},"requestSt\u0061te":"forged"}`, 0},
		"of another principal":       {s, caller("bob"), "tools/call", with(good), 0},
		"of nobody":                  {s, caller(""), "tools/call", with(good), 0},
		"of another server":          {New(server, "other", sealer), caller("alice"), "tools/call", with(good), 0},
		"of another node":            {New(server, "fs", NewSealer(nil, time.Minute)), caller("alice"), "tools/call", with(good), 0},
		"for another method":         {s, caller("alice"), "prompts/get", with(good), 0},
		"for another tool":           {s, caller("alice"), "tools/call", strings.Replace(with(good), `"x"`, `"y"`, 1), 0},
		"for other arguments":        {s, caller("alice"), "tools/call", strings.Replace(with(good), `"a":1`, `"a":2`, 1), 0},
		"for further arguments":      {s, caller("alice"), "tools/call", strings.Replace(with(good), `"name"`, `"task":{},"name"`, 1), 0},
		"with a member twice":        {s, caller("alice"), "tools/call", strings.Replace(with(good), `"a":1`, `"a":2,"a":1`, 1), 0},
		"too late":                   {s, caller("alice"), "tools/call", with(good), time.Minute},
	} {
		before := len(server.got)
		now = now.Add(c.late)
		_, err := serve(t, c.s, c.caller, c.method, c.params)
		now = now.Add(-c.late)
		var problem *jsonrpc.Error
		if !errors.As(err, &problem) || problem.Code != jsonrpc.CodeInvalidParams || !strings.Contains(problem.Message, "requestState") {
			t.Errorf("%s: %v", name, err)
		}
		if expired := strings.Contains(err.Error(), "expired"); expired != (c.late > 0) {
			t.Errorf("%s: %v", name, err)
		}
		if len(server.got) != before {
			t.Errorf("%s: it reached the server", name)
		}
	}
	now = now.Add(time.Minute - time.Millisecond)
	if _, err := serve(t, s, caller("alice"), "tools/call", with(good)); err != nil {
		t.Errorf("in time: %v", err)
	}
}

func TestSeal_AKeyIsGoodAfterARestartAndOnAnotherNode(t *testing.T) {
	key := []byte(strings.Repeat("k", 32))
	one := New(&asking{result: question}, "fs", NewSealer(key, time.Minute))
	state := stateOf(t, one, caller("alice"), "tools/call", `{"name":"x"}`)
	server := &asking{result: `{}`}
	other := New(server, "fs", NewSealer(key, time.Minute))
	if _, err := serve(t, other, caller("alice"), "tools/call", `{"name":"x","requestState":"`+state+`"}`); err != nil || len(server.got) != 1 {
		t.Error(err)
	}
}

func TestSeal_LeavesAloneWhatIsNoState(t *testing.T) {
	legacy := mcp.Caller{Protocol: mcp.V20251125}
	for _, c := range []struct {
		caller                 mcp.Caller
		method, params, result string
	}{
		{caller("a"), "tools/call", `{"name":"x"}`, `{"resultType":"input_required","inputRequests":{}}`},
		{caller("a"), "tools/call", `{"name":"x","inputResponses":{}}`, `{"content":[{"text":"input_required"}],"requestState":"mine"}`},
		{caller("a"), "tools/list", `{"requestState":"a field of its own"}`, question},
		{legacy, "tools/call", `{"name":"x","requestState":"an unknown field"}`, question},
	} {
		server := &asking{result: c.result}
		result, err := serve(t, New(server, "fs", NewSealer(nil, time.Minute)), c.caller, c.method, c.params)
		if err != nil || string(result) != c.result || string(server.got[0].Params) != c.params {
			t.Errorf("%s %s: %s, %v; its server got %s", c.method, c.params, result, err, server.got[0].Params)
		}
	}
}
