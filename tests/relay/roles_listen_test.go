package relay_test

import (
	"encoding/json"
	"testing"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// Subscriptions of the modern era. mcpx keeps its own with the server, and the
// client's are answered from them: what is told passes, under the id by which
// the client asked.

var subscriptionID = []string{"_meta", "io.modelcontextprotocol/subscriptionId"}

const everyTopic = `{"notifications":{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true}}`

// listen opens a subscription of the client and waits until it is acknowledged.
func (s scene) listen(t *testing.T, params string) (q *call, acknowledged message) {
	t.Helper()
	seen := s.client.others().len()
	q = ask(s.client, "subscriptions/listen", params, "")
	acknowledged = s.heardMeanwhile(t, q, seen, "notifications/subscriptions/acknowledged")
	t.Cleanup(q.cancel)
	return q, acknowledged
}

// listens: what the client wants to hear is what the server is asked for.
func listens(t *testing.T, s scene, payload string) {
	m, _ := parse([]byte(payload))
	q, got := s.listen(t, string(without(m.Params, []string{"_meta"})))
	if id := member(got.Params, subscriptionID...); string(id) != q.id {
		t.Errorf("the acknowledgement is of subscription %s, not %s", id, q.id)
	}
	for name, value := range jsonMembers(member(m.Params, "notifications")) {
		actortest.Eventually(t, "the server is asked for "+name, func() bool { return s.wanted(name, string(value)) })
	}
}

// wanted tells whether some subscription that is open at the server asks for a
// thing; what is not wanted need not be asked for.
func (s scene) wanted(name, value string) bool {
	if value == "false" {
		return true
	}
	for _, r := range s.up.listening() {
		if jsonEqual(member(r.Params, "notifications", name), []byte(value)) {
			return true
		}
	}
	return false
}

func jsonMembers(obj json.RawMessage) (all map[string]json.RawMessage) {
	_ = json.Unmarshal(obj, &all) // what is none has none
	return all
}

// acknowledged: the client is told what it will hear.
func acknowledged(t *testing.T, s scene, payload string) {
	m, _ := parse([]byte(payload))
	q, got := s.listen(t, string(without(m.Params, []string{"_meta"})))
	wantEqual(t, "the acknowledgement", got.Params, set(m.Params, q.id, subscriptionID...))
}

// announces: what the server tells on a subscription.
func announces(t *testing.T, s scene, payload string) {
	m, _ := parse([]byte(payload))
	topics := everyTopic
	if uri := member(m.Params, "uri"); uri != nil {
		topics = `{"notifications":{"resourceSubscriptions":[` + string(uri) + `]}}`
	}
	q, _ := s.listen(t, topics)
	for name, value := range jsonMembers(member([]byte(topics), "notifications")) {
		actortest.Eventually(t, "the server is asked for "+name, func() bool { return s.wanted(name, string(value)) })
	}
	seen := s.client.others().len()
	for _, r := range s.up.listening() {
		r.notify(m.Method, string(jsonrpc.Set(m.Params, r.ID, subscriptionID...)))
	}
	got := s.heardMeanwhile(t, q, seen, m.Method)
	if id := member(got.Params, subscriptionID...); string(id) != q.id {
		t.Errorf("it is of subscription %s, not %s", id, q.id)
	}
	tagged := jsonrpc.Set(m.Params, json.RawMessage("1"), subscriptionID...)
	wantPassed(t, m.Method, without(got.Params, subscriptionID), without(tagged, subscriptionID))
}

// ends: mcpx ends, and says so to those who listen.
func ends(t *testing.T, s scene, payload string) {
	again := s.stage.set(t)
	q, _ := again.listen(t, everyTopic)
	if err := again.close(); err != nil {
		t.Fatal(err)
	}
	want := set([]byte(payload), q.id, subscriptionID...)
	serverInfo := []string{"_meta", "io.modelcontextprotocol/serverInfo"} // which it may say, or not
	wantEqual(t, "the end", without([]byte(q.result(t)), serverInfo), without(want, serverInfo))
}
