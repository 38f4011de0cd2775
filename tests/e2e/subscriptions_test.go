package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/tests/testkit"
)

// recorded is a server that is a puppet, whose processes write down together what
// they receive: count counts the messages that hold a text.
func recorded(t *testing.T, behaviour ...string) (server map[string]any, mark string, count func(text string) int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "received")
	mark = testkit.NewMark()
	server = testkit.PuppetServer(mark, "record", append([]string{file}, behaviour...)...)
	return server, mark, func(text string) int {
		n := 0
		for _, line := range puppet.Recorded(file) {
			if strings.Contains(line, text) {
				n++
			}
		}
		return n
	}
}

// subscription is an open subscriptions/listen.
type subscription struct {
	t        *testing.T
	id       string
	messages chan message
	close    func()
}

// subscribe opens one, which must be acknowledged as granted.
func subscribe(t *testing.T, c *httpClient, filter, granted string) *subscription {
	t.Helper()
	resp, id := c.open(t, "subscriptions/listen", `{"notifications":`+filter+`}`)
	s := &subscription{t: t, id: id, messages: make(chan message, 64)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(s.messages)
		for m := range events(resp.Body) {
			s.messages <- m
		}
	}()
	s.close = func() {
		_ = resp.Body.Close()
		<-ended
	}
	t.Cleanup(s.close)
	s.expect("notifications/subscriptions/acknowledged", `"notifications":`+granted)
	return s
}

// expect waits for the next message, which is tagged as this subscription's.
func (s *subscription) expect(method, holds string) {
	s.t.Helper()
	m := await(s.t, method+" "+holds, s.messages)
	tag := `"io.modelcontextprotocol/subscriptionId":` + s.id
	if m.Method != method || !strings.Contains(string(m.Params), holds) || !strings.Contains(string(m.Params), tag) {
		s.t.Fatalf("got %s %s, want %s with %s and %s", m.Method, m.Params, method, holds, tag)
	}
}

const updatedNote = "notifications/resources/updated"

func TestSubscriptions_OneStreamOfTheServerFansOutToEveryClientThatAsked(t *testing.T) {
	t.Parallel()
	p := puppethttp.Start(t, puppethttp.Options{Versions: []string{puppethttp.Modern}, Resources: true})
	g := serve(t, map[string]any{"lib": map[string]any{"url": p.URL}})
	dialled := func() *httpClient { return dialHTTP(t, endpoint(g, "lib"), modern) }
	one := subscribe(t, dialled(), `{"toolsListChanged":true,"resourceSubscriptions":["a:1","a:2"]}`, `{"toolsListChanged":true,"resourceSubscriptions":["a:1","a:2"]}`)
	two := subscribe(t, dialled(), `{"resourceSubscriptions":["a:2"]}`, `{"resourceSubscriptions":["a:2"]}`)
	lists := subscribe(t, dialled(), `{"toolsListChanged":true,"promptsListChanged":true}`, `{"toolsListChanged":true}`)
	if n := p.Update(t, "a:2"); n != 1 {
		t.Errorf("%d streams of the server hear of it, want one", n)
	}
	one.expect(updatedNote, `"uri":"a:2"`)
	two.expect(updatedNote, `"uri":"a:2"`)
	p.Update(t, "a:1")
	one.expect(updatedNote, `"uri":"a:1"`)
	p.Announce(t, "notifications/tools/list_changed", "{}")
	one.expect("notifications/tools/list_changed", "")
	lists.expect("notifications/tools/list_changed", "") // and nothing of resources
	one.close()
	if n := p.Update(t, "a:2"); n != 1 {
		t.Errorf("%d streams of the server hear of it, want the one", n)
	}
	two.expect(updatedNote, `"uri":"a:2"`) // and nothing of a:1
	two.close()
	actortest.Eventually(t, "nobody hears of resources", func() bool { return p.Hear("a:1")+p.Hear("a:2") == 0 })

	// The end in good order is an answer.
	last := subscribe(t, dialled(), `{"resourceSubscriptions":["a:1"]}`, `{"resourceSubscriptions":["a:1"]}`)
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	m := await(t, "the result", last.messages)
	if string(m.ID) != last.id || !strings.Contains(string(m.Result), `"resultType":"complete"`) || !strings.Contains(string(m.Result), `subscriptionId":`+last.id) {
		t.Errorf("it ended with %+v", m)
	}
}

func TestSubscriptions_OfAProcessThatDiedAreAskedForAgainWithoutACall(t *testing.T) {
	t.Parallel()
	server, mark, count := recorded(t, "library", "modern")
	g := serve(t, map[string]any{"lib": server})
	c := dialHTTP(t, endpoint(g, "lib"), modern)
	s := subscribe(t, c, `{"resourceSubscriptions":["missing:1","a:1"]}`, `{"resourceSubscriptions":["a:1"]}`)
	call(t, c, "change", `{"uri":"a:1"}`)
	s.expect(updatedNote, `"uri":"a:1"`)
	for _, pid := range puppet.Marked(mark) {
		_ = syscall.Kill(pid, syscall.SIGKILL) // one that has ended is as good
	}
	actortest.Eventually(t, "the next process is asked", func() bool { return count(`"resourceSubscriptions":["a:1"]`) == 1 })
	s.expect(updatedNote, `"uri":"a:1"`) // what may have been missed
	call(t, c, "change", `{"uri":"a:1"}`)
	s.expect(updatedNote, `"uri":"a:1"`)
	s.close()
	actortest.Eventually(t, "it is told that nobody listens", func() bool { return count("notifications/cancelled") == 1 })
}

func TestSubscriptions_OnASessionThatLegacyClientsShareAreCounted(t *testing.T) {
	t.Parallel()
	server, _, count := recorded(t, "library", "legacy")
	server["exclusive"] = true
	g := serve(t, map[string]any{"lib": server})
	clients, hears := [3]*httpClient{}, [3]<-chan message{}
	for i := range clients {
		clients[i] = dialHTTP(t, endpoint(g, "lib"), v20251125)
		hears[i] = clients[i].listen(t)
	}
	heard := func(i int, uri string) {
		t.Helper()
		if m := await(t, uri, hears[i]); m.Method != updatedNote || !strings.Contains(string(m.Params), `"uri":"`+uri+`"`) {
			t.Fatalf("client %d heard %+v, want %s", i, m, uri)
		}
	}
	for _, i := range []int{0, 1} {
		if got := string(result(t, clients[i], "resources/subscribe", `{"uri":"a:1"}`)); got != "{}" {
			t.Errorf("answered %s", got)
		}
	}
	result(t, clients[2], "resources/subscribe", `{"uri":"a:2"}`)
	if r := clients[2].request(t, "resources/subscribe", `{"uri":"missing:1"}`); !strings.Contains(string(r.Error), "-32002") {
		t.Errorf("not the server's refusal: %s%s", r.Result, r.Error)
	}
	change := func(uri string) { call(t, clients[2], "change", fmt.Sprintf(`{"uri":%q}`, uri)) }
	change("a:1")
	heard(0, "a:1")
	heard(1, "a:1")
	change("a:2")
	heard(2, "a:2") // and not a:1
	result(t, clients[0], "resources/unsubscribe", `{"uri":"a:1"}`)
	change("a:1")
	heard(1, "a:1")
	if n, m := count(`"resources/subscribe"`), count(`"resources/unsubscribe"`); n != 3 || m != 0 {
		t.Errorf("%d subscriptions and %d ends of one reached the server, want 3 and none", n, m)
	}
	// The last one leaves without a word.
	resp := clients[1].send(t, http.MethodDelete, "", "", "")
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	actortest.Eventually(t, "the last one's end", func() bool { return count(`"resources/unsubscribe"`) == 1 })
}

func TestSubscriptions_AQuietLegacyClientIsNotLeftAlone(t *testing.T) {
	t.Parallel()
	server, mark, count := recorded(t, "library", "legacy")
	g := serve(t, map[string]any{"lib": server})
	c := dialHTTP(t, endpoint(g, "lib"), v20251125)
	hears := c.listen(t)
	result(t, c, "resources/subscribe", `{"uri":"a:1"}`)
	for _, pid := range puppet.Marked(mark) {
		_ = syscall.Kill(pid, syscall.SIGKILL) // one that has ended is as good
	}
	actortest.Eventually(t, "its next session is told", func() bool { return count(`"resources/subscribe"`) == 2 })
	call(t, c, "change", `{"uri":"a:1"}`)
	for _, what := range []string{"what may have been missed", "the change"} {
		if m := await(t, what, hears); m.Method != updatedNote || !strings.Contains(string(m.Params), `"uri":"a:1"`) {
			t.Errorf("%s: heard %+v", what, m)
		}
	}
}

// What a client carries back to a server is good where the key is the same, and
// nowhere else.
func TestState_IsGoodOnAnotherNodeWithTheSameKey(t *testing.T) {
	t.Parallel()
	key := map[string]any{"state_key": strings.Repeat("Q", 43) + "="}
	server, _, count := recorded(t, "input")
	servers := map[string]any{"asks": server}
	one, other, stranger := serve(t, servers, key), serve(t, servers, key), serve(t, servers)
	const params = `{"name":"x","arguments":{"a":1}`
	ask := func(g *testkit.Gateway, rest string) reply {
		t.Helper()
		return dialHTTP(t, endpoint(g, "asks"), modern).request(t, "tools/call", params+rest+`}`)
	}
	var asked struct{ ResultType, RequestState string }
	decode(t, ask(one, "").Result, &asked)
	if asked.ResultType != "input_required" || asked.RequestState == "opaque" || asked.RequestState == "" {
		t.Fatalf("%+v", asked)
	}
	retry := `,"inputResponses":{"who":{"action":"accept"}},"requestState":"` + asked.RequestState + `"`
	for _, g := range []*testkit.Gateway{one, other} {
		if r := ask(g, retry); r.Error != nil {
			t.Errorf("refused: %s", r.Error)
		}
	}
	if n := count(`"requestState":"opaque"`); n != 2 {
		t.Errorf("%d retries reached the server with its own state, want 2", n)
	}
	before := count("tools/call")
	for _, r := range []reply{
		ask(stranger, retry),
		ask(one, strings.Replace(retry, `"requestState":"`, `"requestState":"A`, 1)),
		ask(one, `,"requestState":"opaque"`),
	} {
		if !strings.Contains(string(r.Error), "-32602") {
			t.Errorf("not refused: %s%s", r.Result, r.Error)
		}
	}
	if n := count("tools/call"); n != before {
		t.Errorf("%d of them reached the server", n-before)
	}
}
