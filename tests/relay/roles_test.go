package relay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// role is how a payload goes through in the role that its definition has.
type role func(t *testing.T, s scene, payload string)

// passed tells whether two values are the same bytes, but for line ends: those
// are white space between tokens, and frame messages on stdio and in events.
func passed(got, want []byte) bool {
	flat := func(b []byte) string { return strings.NewReplacer("\n", " ", "\r", " ").Replace(string(b)) }
	return flat(got) == flat(want)
}

func wantPassed(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !passed(got, want) {
		t.Errorf("%s: came out as\n%s\nand went in as\n%s", what, got, want)
	}
}

// without is a value less what may change: the tokens and ids that it holds.
func without(raw []byte, paths ...[]string) []byte {
	for _, path := range paths {
		raw = jsonrpc.Delete(raw, path...)
	}
	return raw
}

var token = []string{"_meta", "progressToken"}

// set replaces a member that is there.
func set(raw []byte, value string, path ...string) []byte {
	if _, ok := jsonrpc.Get(raw, path...); !ok {
		return raw
	}
	return jsonrpc.Set(raw, json.RawMessage(value), path...)
}

// usual are params for requests of which only the answer matters.
var usual = map[string]string{
	"tools/call": `{"name":"x","arguments":{}}`, "prompts/get": `{"name":"p"}`, "resources/read": `{"uri":"file:///a"}`,
	"resources/subscribe": `{"uri":"file:///a"}`, "completion/complete": `{"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"a","value":""}}`,
	"tasks/get": `{"taskId":"t"}`, "tasks/result": `{"taskId":"t"}`, "tasks/cancel": `{"taskId":"t"}`,
	"sampling/createMessage": `{"messages":[],"maxTokens":1}`, "elicitation/create": `{"message":"m","requestedSchema":{"type":"object","properties":{}}}`,
}

func paramsOf(method string) string {
	if p, ok := usual[method]; ok {
		return p
	}
	return "{}"
}

// asked: a request of the client.
func asked(t *testing.T, s scene, payload string) {
	m, _ := parse([]byte(payload))
	seen := s.up.log.len()
	s.up.on(m.Method, func(r *request) {
		if list := lists[m.Method]; list != "" {
			r.result(`{` + s.up.complete() + `"` + list + `":[]}`)
		} else {
			r.result(s.up.text("heard"))
		}
	})
	defer s.up.on(m.Method, nil)
	s.client.begin(m.Method, string(m.Params)).result(t)
	var came []string
	for _, r := range s.up.log.sofar()[seen:] {
		if r.Method == m.Method {
			if passed(withToken(r.Params, m.Params), m.Params) {
				return
			}
			came = append(came, string(r.Params))
		}
	}
	t.Errorf("%s: went in as\n%s\nand came out as\n%s", m.Method, m.Params, strings.Join(came, "\n"))
}

// withToken gives params the progress token that others have.
func withToken(params, others []byte) []byte {
	if want := member(others, token...); want != nil {
		return set(params, string(want), token...)
	}
	return params
}

// answered: a result of the server to a request of that method.
func answered(method string) role {
	return func(t *testing.T, s scene, payload string) {
		s.up.on(method, func(r *request) { r.result(payload) })
		defer s.up.on(method, nil)
		got := ask(s.client, method, paramsOf(method), "").result(t)
		wantPassed(t, "the result of "+method, []byte(got), []byte(payload))
	}
}

// response: a response of the server, with its envelope.
func response(method string) role {
	return func(t *testing.T, s scene, payload string) {
		m, _ := parse([]byte(payload))
		answered(method)(t, s, string(m.Result))
	}
}

// failed: an error of the server, the object alone.
func failed(t *testing.T, s scene, payload string) {
	s.up.on("tools/call", func(r *request) { r.fail(payload) })
	defer s.up.on("tools/call", nil)
	wantPassed(t, "the error", tool(s.client, "x", "{}", "").answer(t).Error, []byte(payload))
}

// failure: an error response of the server.
func failure(t *testing.T, s scene, payload string) {
	m, _ := parse([]byte(payload))
	failed(t, s, string(m.Error))
}

// told: a notification of the client.
func told(t *testing.T, s scene, payload string) {
	m, _ := parse([]byte(payload))
	seen := s.up.log.len()
	s.client.send(payload)
	got, ok := s.up.log.find(seen, isMethod(m.Method))
	if !ok {
		t.Fatalf("%s did not reach the server", m.Method)
	}
	wantPassed(t, m.Method, got.Params, m.Params)
}

// tellsMeanwhile: a notification of the server in the course of a request.
func tellsMeanwhile(t *testing.T, s scene, payload string) {
	m, _ := parse([]byte(payload))
	s.up.on("tools/call", func(r *request) {
		r.notify(m.Method, string(set(m.Params, r.token(), "progressToken")))
		r.result(s.up.text("told"))
	})
	defer s.up.on("tools/call", nil)
	seen := s.client.others().len()
	params := paramsOf("tools/call")
	want := member(m.Params, "progressToken")
	q := ask(s.client, "tools/call", params, string(want))
	if s.modern && m.Method == "notifications/message" { // which has to be asked for
		q = s.client.begin("tools/call", string(jsonrpc.Set(json.RawMessage(params), json.RawMessage(meta(`"io.modelcontextprotocol/logLevel":"debug"`)), "_meta")))
	}
	q.result(t)
	got := s.heardMeanwhile(t, q, seen, m.Method)
	wantPassed(t, m.Method, got.Params, m.Params)
}

// heardMeanwhile finds a message that came in the course of a request: on its
// stream, or, since a process does not say to which request it speaks, where
// things come that belong to none.
func (s scene) heardMeanwhile(t *testing.T, q *call, seen int, method string) (found message) {
	t.Helper()
	actortest.Eventually(t, method+" comes", func() bool {
		for _, m := range slices.Concat(q.stream.sofar(), s.client.others().sofar()[seen:]) {
			if m.Method == method {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// tells: a notification of the server outside of any request.
func tells(t *testing.T, s scene, payload string) {
	m, _ := parse([]byte(payload))
	seen := s.client.others().len()
	s.theirs.speak(t)(payload)
	got, ok := s.client.others().find(seen, func(got message) bool { return got.Method == m.Method })
	if !ok {
		t.Fatalf("%s did not reach the client", m.Method)
	}
	wantPassed(t, m.Method, got.Params, m.Params)
}

// asks: a question of the server.
func asks(t *testing.T, s scene, payload string) {
	m, _ := parse([]byte(payload))
	question, answer := conversation(t, s, m.Method, string(m.Params), `"result":{"x":1}`)
	wantPassed(t, m.Method, question.Params, m.Params)
	wantPassed(t, "the answer to it", answer.Result, []byte(`{"x":1}`))
}

// replies: a result of the client to a question of that method.
func replies(method string) role {
	return func(t *testing.T, s scene, payload string) {
		_, answer := conversation(t, s, method, paramsOf(method), `"result":`+payload)
		wantPassed(t, "the answer to "+method, answer.Result, []byte(payload))
	}
}

// refuses: an error of the client in answer to a question.
func refuses(t *testing.T, s scene, payload string) {
	_, answer := conversation(t, s, "elicitation/create", paramsOf("elicitation/create"), `"error":`+payload)
	wantPassed(t, "the refusal", answer.Error, []byte(payload))
}

// conversation is a call in which the server asks and the client answers.
func conversation(t *testing.T, s scene, method, params, reply string) (question, answer message) {
	t.Helper()
	answers := make(chan message, 1)
	s.up.on("tools/call", func(r *request) {
		if m, ok := r.ask(nextID(), method, params); ok {
			answers <- m
		}
		r.result(s.up.text("asked"))
	})
	defer s.up.on("tools/call", nil)
	seen := s.client.others().len()
	q := tool(s.client, "x", "{}", "")
	question = s.heardMeanwhile(t, q, seen, method)
	s.client.send(`{"jsonrpc":"2.0","id":` + string(question.ID) + `,` + reply + `}`)
	select {
	case answer = <-answers:
	case <-time.After(patience):
		t.Fatalf("the answer to %s did not reach the server", method)
	}
	q.result(t)
	return question, answer
}

// both runs a payload in two roles.
func both(roles ...role) role {
	return func(t *testing.T, s scene, payload string) {
		for _, r := range roles {
			r(t, s, payload)
		}
	}
}

// within puts a payload into the place of %s in a larger one.
func within(whole string, r role) role {
	return func(t *testing.T, s scene, payload string) { r(t, s, fmt.Sprintf(whole, payload)) }
}

// wantEqual is wantPassed for what mcpx says in its own words: the values are equal.
func wantEqual(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !jsonEqual(got, want) {
		t.Errorf("%s: came out as\n%s\nand went in as\n%s", what, got, want)
	}
}

// jsonEqual compares values, numbers by their digits.
func jsonEqual(a, b []byte) bool {
	values := [2]any{}
	for i, raw := range [][]byte{a, b} {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if d.Decode(&values[i]) != nil {
			return false
		}
	}
	return reflect.DeepEqual(values[0], values[1])
}
