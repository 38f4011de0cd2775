package dial

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
)

func TestStdio_ResultsArriveAsTheyWereWritten(t *testing.T) {
	for _, behaviour := range []string{"plain", "modern"} {
		t.Run(behaviour, func(t *testing.T) {
			c := stdioTo(behaviour).dial(t)
			if out := do(t, c, toolCall("content", "{}")); string(out.Result) != puppet.Contents {
				t.Errorf("got  %s (%v)\nwant %s", out.Result, out.Failure, puppet.Contents)
			}
			args := `{"big":12345678901234567890,"n":1.50,"u":"\u00e9\ud83d\ude00","nested":[{"a":null}]}`
			out := do(t, c, toolCall("echo", args))
			if want := `{"content":[],"structuredContent":` + args + `}`; string(out.Result) != want {
				t.Errorf("got  %s (%v)\nwant %s", out.Result, out.Failure, want)
			}
		})
	}
}

func TestStdio_ParamsWithLineEndsAreOneLine(t *testing.T) {
	c := stdioTo("plain").legacy(t)
	out := do(t, c, messages.Request{Method: "tools/call", Name: "echo",
		Params: json.RawMessage("{\n \"name\": \"echo\",\r\n \"arguments\": {\"text\": \"a\\nb\"}\n}\n")})
	if got := structured[map[string]string](t, out)["text"]; got != "a\nb" {
		t.Errorf("got %q", got)
	}
}

func TestStdio_ErrorsOfTheServerKeepCodeMessageAndData(t *testing.T) {
	c := stdioTo("plain").legacy(t)
	f := failed(t, do(t, c, toolCall("nothing", "{}")), messages.KindUpstream, messages.SentDone, "no such tool: nothing")
	if f.Code != -32602 {
		t.Errorf("code %d", f.Code)
	}
}

func TestStdio_HundredRequestsAtOnceGetTheirOwnAnswers(t *testing.T) {
	c := stdioTo("plain").dial(t)
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			text := fmt.Sprintf("%d-%s", i, strings.Repeat("x", i*100))
			heard := newHearing()
			req := toolCall("echo", `{"text":"`+text+`"}`)
			if i%2 == 0 {
				req = toolCall("progress", `{}`)
				req.ProgressToken = json.RawMessage(fmt.Sprintf(`"token-%d"`, i))
			}
			out := c.Do(t.Context(), req, new(link.SentFlag), heard)
			switch {
			case out.Failure != nil:
				t.Errorf("%d: %s", i, out.Failure.Message)
			case i%2 == 1:
				if !strings.Contains(string(out.Result), `"`+text+`"`) {
					t.Errorf("%d: a foreign answer %.80s", i, out.Result)
				}
			default:
				got := heard.all()
				if len(got) != 3 {
					t.Errorf("%d: %d notifications", i, len(got))
				}
				for n, g := range got {
					if wanted := fmt.Sprintf(`{"progressToken":"token-%d","progress":%d,"total":3}`, i, n+1); string(g.Params) != wanted {
						t.Errorf("%d: %s, want %s", i, g.Params, wanted)
					}
				}
			}
		})
	}
	all.Wait()
	if dropped, stray := c.counts.dropped.Load(), c.counts.stray.Load(); dropped+stray != 0 {
		t.Errorf("%d dropped, %d stray", dropped, stray)
	}
}

func TestStdio_ProgressTokensAreReplacedAndPutBack(t *testing.T) {
	d := stdioTo("plain")
	received := d.recording(t)
	c := d.legacy(t)
	req := toolCall("progress", `{}`)
	req.Params = json.RawMessage(`{"name":"progress","_meta":{"progressToken":"mine","keep":1}}`)
	req.ProgressToken = json.RawMessage(`"mine"`)
	heard := newHearing()
	wantText(t, c.Do(t.Context(), req, new(link.SentFlag), heard), "done")
	if got := heard.all(); len(got) != 3 || !strings.Contains(string(got[0].Params), `"progressToken":"mine"`) {
		t.Errorf("heard %v", got)
	}
	if n := count(received(), "mine"); n != 0 {
		t.Error("the caller's token was sent to the server")
	}
	if n := count(received(), `"keep":1`); n != 1 {
		t.Error("another member of _meta was lost")
	}
}

func TestStdio_ProgressThatNobodyAskedForIsDropped(t *testing.T) {
	c := stdioTo("flood", "3").legacy(t)
	heard := newHearing()
	wantText(t, c.Do(t.Context(), toolCall("flood", `{}`), new(link.SentFlag), heard), "flooded")
	if got := heard.all(); len(got) != 0 {
		t.Errorf("heard %v", got)
	}
}

func TestStdio_LogMessagesGoToTheOnlyRequestElseToNobodysEar(t *testing.T) {
	t.Run("one in flight", func(t *testing.T) {
		d, heard := stdioTo("plain"), newHearing()
		c := d.legacy(t)
		wantText(t, c.Do(t.Context(), toolCall("log", "{}"), new(link.SentFlag), heard), "logged")
		if got := heard.all(); len(got) != 1 || got[0].Method != "notifications/message" || string(got[0].Params) != `{"level":"info","data":"working"}` {
			t.Errorf("heard %v", got)
		}
		if got := d.heard.all(); len(got) != 0 {
			t.Errorf("unsolicited: %v", got)
		}
	})
	t.Run("two in flight", func(t *testing.T) {
		d, heard := stdioTo("plain"), newHearing()
		received := d.recording(t)
		c := d.legacy(t)
		_, cancel := started(t, c, toolCall("sleep", "{}"), heard)
		defer cancel(nil)
		eventually(t, "the first call", func() bool { return count(received(), `"sleep"`) == 1 })
		wantText(t, c.Do(t.Context(), toolCall("log", "{}"), new(link.SentFlag), heard), "logged")
		d.heard.await(t, "notifications/message", 1)
		if got := heard.all(); len(got) != 0 {
			t.Errorf("a request heard what may be another's: %v", got)
		}
	})
	t.Run("modern, the one that asked", func(t *testing.T) {
		d, heard := stdioTo("modern"), newHearing()
		received := d.recording(t)
		c := d.dial(t)
		_, cancel := started(t, c, toolCall("sleep", "{}"), messages.Discard)
		defer cancel(nil)
		eventually(t, "the first call", func() bool { return count(received(), `"sleep"`) == 1 })
		req := toolCall("log", "{}")
		req.LogLevel = "info"
		wantText(t, c.Do(t.Context(), req, new(link.SentFlag), heard), "logged")
		heard.await(t, "notifications/message", 1)
		if count(received(), `"io.modelcontextprotocol/logLevel":"info"`) != 1 {
			t.Error("the level was not sent")
		}
	})
}

func TestStdio_ListChangedIsUnsolicited(t *testing.T) {
	d := stdioTo("grow")
	c := d.legacy(t)
	wantText(t, do(t, c, toolCall("grow", "{}")), "leaf1")
	d.heard.await(t, "notifications/tools/list_changed", 1)
	if out := do(t, c, messages.Request{Method: "tools/list"}); !strings.Contains(string(out.Result), `"leaf1"`) {
		t.Errorf("%s", out.Result)
	}
}

func TestStdio_AServersRequestsAreAnsweredWithoutAClient(t *testing.T) {
	c := stdioTo("asks").legacy(t)
	out := do(t, c, toolCall("ask", "{}"))
	var r struct{ Content []struct{ Text string } }
	if err := json.Unmarshal(out.Result, &r); err != nil {
		t.Fatalf("%s %v", out.Result, out.Failure)
	}
	answers := strings.Split(r.Content[0].Text, "\n")
	slices.Sort(answers)
	if answers[0] != `"p"={}` || !strings.HasPrefix(answers[1], "77=") || !strings.Contains(answers[1], "-32601") ||
		!strings.Contains(answers[1], "no client capabilities: sampling/createMessage") {
		t.Errorf("answers %q", answers)
	}
}

func TestStdio_AModernServersRequestIsIgnoredSinceItMayNotBeAnswered(t *testing.T) {
	d := stdioTo("asks-modern")
	received := d.recording(t)
	c := d.dial(t)
	wantText(t, do(t, c, toolCall("ask", "{}")), "asked")
	if n := count(received(), `"error"`) + count(received(), `"result"`); n != 0 {
		t.Errorf("%d answers were written to a modern server", n)
	}
	if c.counts.stray.Load() != 1 || !strings.Contains(d.stderr.all(), "sampling/createMessage") {
		t.Errorf("%d stray; said %q", c.counts.stray.Load(), d.stderr.all())
	}
}

func TestStdio_InputRequiredIsAnsweredForTheClient(t *testing.T) {
	c := stdioTo("input").dial(t)
	out := do(t, c, toolCall("anything", "{}"))
	want1 := `{"content":[{"type":"text","text":"server \"srv\" asks for input (elicitation/create, sampling/createMessage), which this connection cannot give"}],"isError":true}`
	if string(out.Result) != want1 {
		t.Errorf("got  %s (%v)\nwant %s", out.Result, out.Failure, want1)
	}
	f := failed(t, do(t, c, messages.Request{Method: "prompts/get", Name: "p", Params: json.RawMessage(`{"name":"p"}`)}),
		messages.KindUpstream, messages.SentDone, "prompts/get", "elicitation/create", "asks for input")
	if f.Code != -32603 {
		t.Errorf("code %d", f.Code)
	}
}

func TestAnswerInputRequired_LeavesEveryOtherResultAlone(t *testing.T) {
	for _, result := range []string{
		`{}`, `null`, `"input_required"`, `{"resultType":"complete","text":"input_required"}`,
		`{"content":[{"resultType":"input_required"}]}`, `{"resultType":["input_required"]}`,
	} {
		if answer, failure, ok := answerInputRequired("srv", "tools/call", json.RawMessage(result)); ok || answer != nil || failure != nil {
			t.Errorf("%s: answered %s, %v", result, answer, failure)
		}
	}
	answer, _, ok := answerInputRequired("srv", "tools/call", json.RawMessage(`{"resultType":"input_required"}`))
	if !ok || !strings.Contains(string(answer), "of an unnamed kind") {
		t.Errorf("%s %v", answer, ok)
	}
}

func TestStdio_NotifyReachesTheServer(t *testing.T) {
	d := stdioTo("plain")
	received := d.recording(t)
	c := d.legacy(t)
	if err := c.Notify(t.Context(), messages.Notification{Method: "notifications/x", Params: json.RawMessage(`{"a":1}`)}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the notification", func() bool {
		return slices.Contains(received(), `{"jsonrpc":"2.0","method":"notifications/x","params":{"a":1}}`)
	})
	if err := c.Close(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := c.Notify(t.Context(), messages.Notification{Method: "notifications/x"}); err == nil {
		t.Error("a closed connection took a notification")
	}
}

func TestStdio_ModernRequestsSpeakForThemselves(t *testing.T) {
	d := stdioTo("modern")
	received := d.recording(t)
	c := d.dial(t)
	serves(t, c)
	lines := received()
	if count(lines, `"initialize"`) != 0 {
		t.Error("a handshake with a modern server")
	}
	for _, line := range lines {
		for _, member := range []string{
			`"io.modelcontextprotocol/protocolVersion":"2026-07-28"`, `"io.modelcontextprotocol/clientCapabilities":{}`,
			`"io.modelcontextprotocol/clientInfo":{"name":"mcpx-test","version":"0"}`,
		} {
			if !strings.Contains(line, member) {
				t.Errorf("%s lacks %s", line, member)
			}
		}
	}
	if peer := c.Peer(); !peer.Modern || peer.Protocol != "2026-07-28" || peer.Name != "puppet" || peer.Instructions != "pull" {
		t.Errorf("peer %+v", peer)
	}
}

func TestStdio_ASinkThatNobodyReadsDoesNotCostTheAnswer(t *testing.T) {
	c := stdioTo("plain").legacy(t)
	req := toolCall("progress", `{}`)
	req.ProgressToken = json.RawMessage(`1`)
	notified := 0
	out := c.Do(t.Context(), req, new(link.SentFlag), messages.SinkFunc(func(messages.Notification) error {
		notified++
		return errors.New("gone")
	}))
	wantText(t, out, "done")
	if notified != 1 {
		t.Errorf("notified %d times after the first error", notified)
	}
}

// serves checks that the connection still serves.
func serves(t *testing.T, c link.Conn) {
	t.Helper()
	if got := structured[map[string]string](t, do(t, c, toolCall("echo", `{"text":"still here"}`)))["text"]; got != "still here" {
		t.Fatalf("echo said %q", got)
	}
}
