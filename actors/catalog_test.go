package actors_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

func result(format string, args ...any) messages.Outcome {
	return messages.Outcome{Result: json.RawMessage(fmt.Sprintf(format, args...))}
}

func TestCatalog_ReadsAllPagesOfAllListsAndKeepsWhatCame(t *testing.T) {
	s := &actortest.Server{
		Peer: messages.Peer{Capabilities: json.RawMessage(`{"tools":{},"resources":{},"prompts":{}}`), Instructions: "Be kind."},
		List: func(method, cursor string) messages.Outcome {
			switch method + " " + cursor {
			case "tools/list ":
				return result(`{"tools":[{"name":"b","title":"B","x":1},{"description":"nameless"},{"name":7}],"nextCursor":"2"}`)
			case "tools/list 2":
				return result(`{"tools":[{"name":"a","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true,"title":"T","idempotentHint":"yes"}}],"nextCursor":"2"}`)
			case "resources/list ":
				return result(`{"resources":[{"uri":"f:///x","name":"x","mimeType":"text/plain","size":3}]}`)
			case "resources/templates/list ":
				return result(`{"resourceTemplates":[{"uriTemplate":"f:///{p}","name":"t"}],"nextCursor":null}`)
			case "prompts/list ":
				return result(`{"prompts":[{"name":"p"}]}`)
			}
			return messages.Outcome{Failure: messages.Failf(messages.KindInternal, "", "unexpected %s %s", method, cursor)}
		},
	}
	r, _ := start(t, actortest.Dialer{"a": s}, nil)
	apply(t, r, actortest.Spec("a"))
	c, err := r.Catalog(context.Background(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(c.ToolNames(), " "); got != "b a" {
		t.Errorf("tools %q, want the server's order", got)
	}
	tool, _ := c.Tool("b")
	if string(tool.Raw) != `{"name":"b","title":"B","x":1}` || tool.Title != "B" {
		t.Errorf("tool %+v", tool)
	}
	if tool, ok := c.Tool("a"); !ok || !tool.ReadOnly || tool.Title != "T" || tool.Idempotent {
		t.Errorf("tool %+v", tool)
	}
	if len(c.Resources) != 1 || *c.Resources[0].Size != 3 || len(c.Templates) != 1 || c.Templates[0].URI != "f:///{p}" || len(c.Prompts) != 1 {
		t.Errorf("catalog %+v", c)
	}
	if c.Peer.Instructions != "Be kind." || c.Stale || c.Cut {
		t.Errorf("catalog %+v", c)
	}
}

func TestCatalog_IsCutAtItsLimitsAndSaysSo(t *testing.T) {
	for _, tc := range []struct {
		name         string
		pages, tools int
		want         int
	}{{"pages", 3, 100, 3}, {"tools", 100, 2, 2}} {
		t.Run(tc.name, func(t *testing.T) {
			var page atomic.Int64
			s := &actortest.Server{List: func(string, string) messages.Outcome {
				n := page.Add(1)
				return result(`{"tools":[{"name":"t%d"}],"nextCursor":"%d"}`, n, n)
			}}
			r, rec := start(t, actortest.Dialer{"a": s}, func(o *actors.Options) {
				o.Limits.CatalogPages, o.Limits.CatalogTools = tc.pages, tc.tools
			})
			apply(t, r, actortest.Spec("a"))
			c, err := r.Catalog(context.Background(), "a")
			if err != nil || len(c.Tools) != tc.want || !c.Cut {
				t.Fatalf("%d tools, cut %v, %v", len(c.Tools), c.Cut, err)
			}
			if !actortest.Await[messages.CatalogChanged](t, rec, 1, nil).Cut {
				t.Error("the event does not say so")
			}
			actortest.Eventually(t, "the status says so", func() bool {
				st, _ := r.Status("a")
				return strings.Contains(st.Notice, "was cut")
			})
		})
	}
}

func TestCatalog_IsReadAgainOnListChangedAndAStormCostsLittle(t *testing.T) {
	var version, reads atomic.Int64
	s := &actortest.Server{List: func(string, string) messages.Outcome {
		reads.Add(1)
		return result(`{"tools":[{"name":"v%d"}]}`, version.Load())
	}}
	r, rec := start(t, actortest.Dialer{"a": s}, nil)
	apply(t, r, actortest.Spec("a"))
	connect(t, r, "a")
	version.Store(1)
	for range 10_000 {
		s.Last().Request.Unsolicited(messages.Notification{Method: "notifications/tools/list_changed"})
	}
	e := actortest.Await(t, rec, 1, func(e messages.CatalogChanged) bool { return e.Tools[0] == "v1" })
	if e.Server != "a" {
		t.Errorf("%+v", e)
	}
	if n := reads.Load(); n > 50 {
		t.Errorf("10,000 notifications cost %d readings", n)
	}
	actortest.Await(t, rec, 3, func(e messages.DirectoryChanged) bool { return e.Topics&messages.TopicTools != 0 })
	if c, _ := r.Directory().Catalog("a"); c.Tools[0].Name != "v1" {
		t.Errorf("the directory shows %v", c.ToolNames())
	}
}

func TestCatalog_TheLastOneIsKeptAndMarkedStaleWhileTheServerIsAway(t *testing.T) {
	var away atomic.Bool
	s := &actortest.Server{Dial: func(ctx context.Context, _ int) error {
		if away.Load() {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}}
	r, _ := start(t, actortest.Dialer{"a": s}, nil)
	apply(t, r, actortest.Spec("a"))
	connect(t, r, "a")
	away.Store(true)
	s.Last().Break()
	actortest.Eventually(t, "stale", func() bool {
		c, ok := r.Directory().Catalog("a")
		return ok && c.Stale && len(c.Tools) == 1
	})
	if c, err := r.Catalog(context.Background(), "a"); err != nil || !c.Stale {
		t.Errorf("catalog %+v, %v", c, err)
	}
}

func TestCatalog_AServerThatRefusesAListIsConnectedAndDegraded(t *testing.T) {
	s := &actortest.Server{
		Peer: messages.Peer{Capabilities: json.RawMessage(`{"tools":{},"prompts":{}}`)},
		List: func(method, _ string) messages.Outcome {
			if method == "prompts/list" {
				return messages.Outcome{Failure: &messages.Failure{Kind: messages.KindUpstream, Code: -32601, Message: "no prompts here"}}
			}
			return result(`{"tools":[{"name":"t"}]}`)
		},
	}
	r, _ := start(t, actortest.Dialer{"a": s}, nil)
	apply(t, r, actortest.Spec("a"))
	connect(t, r, "a")
	st, _ := r.Status("a")
	if st.State != messages.StateConnected || !strings.Contains(st.Reason, "no prompts here") || st.Tools != 1 {
		t.Errorf("status %+v", st)
	}
}

func TestCatalog_AListOfAnotherShapeOrABrokenConnectionWhileReading(t *testing.T) {
	var n atomic.Int64
	s := &actortest.Server{}
	s.List = func(string, string) messages.Outcome {
		switch n.Add(1) {
		case 1:
			return messages.Outcome{Failure: messages.Failf(messages.KindTimeout, "a", "no answer")}
		case 2:
			panic("bug while listing")
		case 3:
			return result(`{"no tools":1}`)
		}
		return result(`{"tools":[{"name":"t"}]}`)
	}
	r, rec := start(t, actortest.Dialer{"a": s}, nil)
	spec := actortest.Spec("a")
	spec.Policy.RetryDelay = 1
	apply(t, r, spec)
	connect(t, r, "a")
	if got := len(actortest.Of[messages.ConnectFailed](rec)); got != 2 {
		t.Errorf("%d failed attempts, want 2", got)
	}
	if st, _ := r.Status("a"); !strings.Contains(st.Reason, "no member tools") {
		t.Errorf("status %+v", st)
	}
	actortest.Eventually(t, "the broken connections are closed", func() bool { return s.Open() == 1 })
}

func TestCatalog_WaitsForTheFirstAttemptAndTellsItsFailure(t *testing.T) {
	s := &actortest.Server{Dial: func(context.Context, int) error { return fmt.Errorf("no such command") }}
	r, _ := start(t, actortest.Dialer{"a": s}, nil)
	spec := actortest.Spec("a")
	spec.Policy.RetryAttempts = 1
	apply(t, r, spec)
	if _, err := r.Catalog(context.Background(), "a"); err == nil || !strings.Contains(err.Error(), "no such command") {
		t.Errorf("error %v", err)
	}
	if _, err := r.Catalog(context.Background(), "nobody"); err == nil {
		t.Error("a catalog of nobody")
	}
}

func TestUpstream_ServerLogsAndStderrBecomeEvents(t *testing.T) {
	s := &actortest.Server{}
	r, rec := start(t, actortest.Dialer{"a": s}, nil)
	apply(t, r, actortest.Spec("a"))
	connect(t, r, "a")
	s.Last().Request.Unsolicited(messages.Notification{Method: "notifications/message", Params: json.RawMessage(`{"level":"warning","data":"low disk"}`)})
	s.Last().Request.Unsolicited(messages.Notification{Method: "notifications/message", Params: json.RawMessage(`{"level":"info","data":{"a":1}}`)})
	s.Last().Request.Stderr("started")
	logs := actortest.Of[messages.ServerLog](rec)
	if len(logs) != 2 || logs[0].Level != "warning" || logs[0].Text != "low disk" || logs[1].Text != `{"a":1}` {
		t.Errorf("%+v", logs)
	}
	if lines := actortest.Of[messages.StderrLine](rec); len(lines) != 1 || lines[0].Line != "started" {
		t.Errorf("%+v", lines)
	}
}

// What could not be read again is tried again, without another word of the server.
func TestCatalog_AReadingThatFailsIsMadeAgain(t *testing.T) {
	for name, fail := range map[string]func(s *actortest.Server, c *actortest.Conn) messages.Outcome{
		"the connection broke": func(_ *actortest.Server, c *actortest.Conn) messages.Outcome {
			c.Break()
			return messages.Outcome{Failure: &messages.Failure{Kind: messages.KindUnavailable, Server: "a", Sent: messages.SentUnknown, Message: "reset"}}
		},
		"it did not answer": func(*actortest.Server, *actortest.Conn) messages.Outcome {
			return messages.Outcome{Failure: &messages.Failure{Kind: messages.KindTimeout, Server: "a", Sent: messages.SentUnknown, Message: "no answer"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var readings atomic.Int64
			s := &actortest.Server{}
			s.List = func(string, string) messages.Outcome {
				switch n := readings.Add(1); n {
				case 1:
					return messages.Outcome{Result: []byte(`{"tools":[{"name":"old"}]}`)}
				case 2:
					return fail(s, s.Conns()[0])
				}
				return messages.Outcome{Result: []byte(`{"tools":[{"name":"new"}]}`)}
			}
			r, _, clock := still(t, actortest.Dialer{"a": s})
			apply(t, r, isolated("a", messages.IsolationShared, func(s *messages.ServerSpec) { s.Policy.PoolMin = 2 }))
			connect(t, r, "a")
			actortest.Eventually(t, "there are two", func() bool { return s.Open() == 2 })
			serveOne(t, r)
			clock.Advance(time.Second)
			s.Conns()[0].Request.Unsolicited(messages.Notification{Method: "notifications/tools/list_changed"})
			actortest.Eventually(t, "the reading failed", func() bool { return readings.Load() == 2 })
			actortest.Eventually(t, "it is made again", func() bool {
				clock.Advance(time.Second)
				c, ok := r.Directory().Catalog("a")
				return ok && len(c.Tools) == 1 && c.Tools[0].Name == "new"
			})
			if s := status(t, r, "a"); s.State != messages.StateConnected {
				t.Errorf("status %+v", s)
			}
		})
	}
}
