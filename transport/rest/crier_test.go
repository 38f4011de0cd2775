package rest

import (
	"slices"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

func TestCrier_TellsOfEndpointsAsServersConnectAndChange(t *testing.T) {
	f := servers(map[string][]messages.Tool{"time": nil})
	f.hidden["time/secret"] = true
	h := New(f, Options{})
	defer h.Close()
	connected := messages.StateChanged{Server: "time", New: messages.StateConnected}
	for _, step := range []struct {
		event messages.Event
		want  []messages.Event
	}{
		{messages.Connecting{Server: "time"}, nil},
		{messages.CatalogChanged{Server: "time", Tools: []string{"a", "secret", "mcp", ""}}, nil},
		{connected, []messages.Event{messages.EndpointsCreated{Server: "time", Count: 2}}},
		{messages.CatalogChanged{Server: "time", Tools: []string{"a", "b", "c"}}, []messages.Event{messages.EndpointsCreated{Server: "time", Count: 3}}},
		{messages.StateChanged{Server: "time", New: messages.StateConnecting}, nil},
		{messages.CatalogChanged{Server: "time", Tools: []string{"a"}}, nil},
		{connected, []messages.Event{messages.EndpointsCreated{Server: "time", Count: 1}}},
		{messages.ClosingAll{}, nil},
		{messages.DirectoryChanged{}, nil},
		{connected, []messages.Event{messages.EndpointsCreated{Server: "time", Count: 1}}},
	} {
		f.events = nil
		f.follow(step.event)
		if !slices.Equal(f.events, step.want) {
			t.Errorf("%T%+v: %v, want %v", step.event, step.event, f.events, step.want)
		}
	}
}

func TestCrier_ForgetsServersThatHaveGone(t *testing.T) {
	f := servers(map[string][]messages.Tool{"time": nil})
	h := New(f, Options{})
	defer h.Close()
	f.follow(messages.CatalogChanged{Server: "time", Tools: []string{"a"}})
	f.mu.Lock()
	delete(f.specs, "time")
	f.mu.Unlock()
	f.follow(messages.DirectoryChanged{})
	for server := range h.crier.heard.Range {
		t.Errorf("%v", server)
	}
}

func TestCrier_WarnsOnceOfNamesThatArePathsOfMcpx(t *testing.T) {
	f := servers(map[string][]messages.Tool{"mcp": nil, "one": nil, "api": nil})
	hear := func(server string, tools ...string) []messages.Event {
		f.events = nil
		for range 2 {
			f.follow(messages.Connecting{Server: server})
			f.follow(messages.CatalogChanged{Server: server, Tools: tools})
			f.follow(messages.StateChanged{Server: server, New: messages.StateConnected})
			f.follow(messages.StateChanged{Server: server, New: messages.StateError})
		}
		return f.events
	}
	h := New(f, Options{Single: "one", Prefix: "/p/"})
	if got, want := hear("mcp", "t"), []messages.Event{messages.EndpointHidden{Server: "mcp"}}; !slices.Equal(got, want) {
		t.Errorf("a server: %v, want %v", got, want)
	}
	if got, want := hear("one", "docs", "t"), []messages.Event{
		messages.EndpointHidden{Server: "one", Tool: "docs", Path: "/p/one/docs"},
		messages.EndpointsCreated{Server: "one", Count: 2}, messages.EndpointsCreated{Server: "one", Count: 2},
	}; !slices.Equal(got, want) {
		t.Errorf("a tool of the single server: %v, want %v", got, want)
	}
	h.Close()
	h = New(f, Options{Single: "api"})
	defer h.Close()
	if got, want := hear("api", "docs", "t"), []messages.Event{
		messages.EndpointHidden{Server: "api", Tool: "docs"},
		messages.EndpointsCreated{Server: "api", Count: 1}, messages.EndpointsCreated{Server: "api", Count: 1},
	}; !slices.Equal(got, want) {
		t.Errorf("a single server of such a name: %v, want %v", got, want)
	}
}
