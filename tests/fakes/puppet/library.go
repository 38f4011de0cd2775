package puppet

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// shelves are what clients listen to, and what they have asked for so far.
type shelves struct {
	mu    sync.Mutex
	said  []string            // "subscribe a", "listen [a b]", "cancelled 3", …
	held  []string            // legacy: subscribed to
	open  map[string][]string // modern: what each open subscription listens to, by its id
	order []string            // of those
}

// library ERA is a server that tells of changes of its resources: the tool
// "change" changes one, "books" says what clients have asked for so far, "end"
// ends all subscriptions in good order (modern), and "die" the process.
func library(args []string) {
	s := legacyServer()
	if args[0] == "modern" {
		s = modernServer()
	}
	s.capabilities = `{"tools":{"listChanged":true},"logging":{},"resources":{"subscribe":true}}`
	b := &shelves{open: map[string][]string{}}
	s.before = func(m message) bool { return b.take(s, m) }
	s.tools["change"] = func(c call) {
		for _, params := range b.told(argument(c, "uri")) {
			c.notify("notifications/resources/updated", params)
		}
		c.text("changed")
	}
	s.tools["books"] = func(c call) {
		b.mu.Lock()
		defer b.mu.Unlock()
		c.text("%s", strings.Join(b.said, "\n"))
	}
	s.tools["end"] = func(c call) {
		for _, id := range b.close() {
			c.result(json.RawMessage(id), `{"resultType":"complete","_meta":{"io.modelcontextprotocol/subscriptionId":`+id+`}}`)
			c.notify("notifications/cancelled", `{"requestId":`+id+`}`)
		}
		c.text("ended")
	}
	s.tools["die"] = func(call) { quit(7) }
	s.serve()
}

func (b *shelves) note(what ...string) { b.said = append(b.said, strings.Join(what, " ")) }

// take deals with what is about resources.
func (b *shelves) take(s *server, m message) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	var wanted struct{ ResourceSubscriptions []string }
	_ = json.Unmarshal(m.Params.Notifications, &wanted)
	uris := wanted.ResourceSubscriptions
	switch {
	case m.Method == "resources/subscribe", m.Method == "resources/unsubscribe":
		b.note(m.Method, m.Params.URI)
		if strings.HasPrefix(m.Params.URI, "missing:") {
			s.fail(m.ID, -32002, "no such resource")
			return true
		}
		b.held = slices.DeleteFunc(b.held, func(uri string) bool { return uri == m.Params.URI })
		if m.Method == "resources/subscribe" {
			b.held = append(b.held, m.Params.URI)
		}
		s.result(m.ID, "{}")
	case m.Method == "subscriptions/listen" && len(uris) > 0:
		b.note("listen", strings.Join(uris, ","))
		uris = slices.DeleteFunc(uris, func(uri string) bool { return strings.HasPrefix(uri, "missing:") })
		granted, _ := json.Marshal(uris)
		b.open[string(m.ID)] = uris
		b.order = append(b.order, string(m.ID))
		s.notify("notifications/subscriptions/acknowledged", `{"_meta":{"io.modelcontextprotocol/subscriptionId":`+string(m.ID)+
			`},"notifications":{"resourceSubscriptions":`+string(granted)+`}}`)
	case m.Method == "notifications/cancelled" && b.open[string(m.Params.RequestID)] != nil:
		b.note("cancelled", strings.Join(b.open[string(m.Params.RequestID)], ","))
		delete(b.open, string(m.Params.RequestID))
	default:
		return false
	}
	return true
}

// told returns the params of the notifications that a change makes.
func (b *shelves) told(uri string) (all []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if slices.Contains(b.held, uri) {
		all = append(all, `{"uri":"`+uri+`"}`)
	}
	for _, id := range b.order {
		if slices.Contains(b.open[id], uri) {
			all = append(all, `{"uri":"`+uri+`","_meta":{"io.modelcontextprotocol/subscriptionId":`+id+`}}`)
		}
	}
	return all
}

// close forgets all subscriptions and returns their ids.
func (b *shelves) close() (ids []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range b.order {
		if b.open[id] != nil {
			ids = append(ids, id)
		}
	}
	b.open = map[string][]string{}
	return ids
}
