package workload_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/workload"
)

// dialer notes how it is asked to dial.
type dialer struct {
	asked []link.DialRequest
	err   error
	pid   int
}

func (d *dialer) Dial(_ context.Context, req link.DialRequest) (link.Conn, error) {
	d.asked = append(d.asked, req)
	if d.err != nil {
		return nil, d.err
	}
	return &conn{pid: d.pid, lost: make(chan struct{})}, nil
}

type conn struct {
	link.Conn
	pid    int
	lost   chan struct{}
	answer messages.Answer
}

func (c *conn) Pid() int                    { return c.pid }
func (c *conn) Peer() messages.Peer         { return messages.Peer{Name: "srv"} }
func (c *conn) Lost() <-chan struct{}       { return c.lost }
func (c *conn) Close(context.Context) error { return errors.New("it had to be killed") }

func (c *conn) Do(_ context.Context, _ messages.Request, _ *link.SentFlag, sink messages.Sink) messages.Outcome {
	// A server that asks before it answers.
	asked := false
	if err := sink.Notify(messages.Notification{Method: "sampling/createMessage", Reply: func(a messages.Answer) { c.answer, asked = a, true }}); err != nil || !asked {
		return messages.Outcome{Failure: messages.Failf(messages.KindInternal, "", "the question has no answer")}
	}
	return good()
}

func TestLinks_EachClientHasASessionInItsOwnName(t *testing.T) {
	d := &dialer{pid: 4711}
	var told []string
	links := &workload.Links{
		Dialer: d, Spec: messages.ServerSpec{Name: "srv"}, Modern: true, Version: "7",
		Told:   func(client int, n messages.Notification) { told = append(told, n.Method) },
		Stream: func(client int, open bool) { told = append(told, "stream") },
	}
	report := run(t, workload.Plan{Target: links, Steps: calling(t), Clients: 3, Opening: 1, Requests: 30})
	if report.Errors != 0 || report.Requests != 30 {
		t.Errorf("%+v", report.Faults)
	}
	var names []string
	for _, req := range d.asked {
		names = append(names, string(req.Caller.Info))
		if !req.Caller.Mirror || !req.Caller.Modern {
			t.Errorf("dialled as %+v", req.Caller)
		}
	}
	slices.Sort(names)
	if want := `{"name":"mcpx-load","title":"client 0","version":"7"}`; len(slices.Compact(names)) != 3 || names[0] != want {
		t.Errorf("%q", names)
	}
	if report.BadEnds != 3 || !strings.Contains(report.BadEndSaid, "had to be killed") || len(links.Pids()) != 0 {
		t.Errorf("%d bad ends: %s; processes %v", report.BadEnds, report.BadEndSaid, links.Pids())
	}
	d.asked[0].Unsolicited(messages.Notification{Method: "notifications/tools/list_changed"})
	d.asked[0].Stream(true)
	if !slices.Equal(told, []string{"notifications/tools/list_changed", "stream"}) {
		t.Errorf("told %q", told)
	}
}

func TestLinks_KnowTheirProcessesAndSayWhyTheyAreNotThere(t *testing.T) {
	d := &dialer{pid: 4711}
	links := &workload.Links{Dialer: d}
	s, err := links.Open(t.Context(), 0)
	if err != nil || !slices.Equal(links.Pids(), []int{4711}) {
		t.Errorf("%v %v", links.Pids(), err)
	}
	d.asked[0].Unsolicited(messages.Notification{}) // nobody listens
	_ = s.Close(t.Context())                        // it says that it had to be killed
	d.err = messages.Failf(messages.KindUnavailable, "srv", "connection refused")
	if _, err := links.Open(t.Context(), 0); !errors.Is(err, d.err) {
		t.Error(err)
	}
}

// door is a runtime that knows its clients.
type door struct {
	clients map[messages.ClientID]int // calls
	refuse  error
}

func (d *door) OpenClient(_ context.Context, spec messages.ClientSpec) (messages.ClientID, error) {
	id := messages.ClientID(spec.Info)
	if d.refuse == nil {
		d.clients[id] = 0
	}
	return id, d.refuse
}

func (d *door) CloseClient(_ context.Context, id messages.ClientID, _ messages.Principal) error {
	delete(d.clients, id)
	return nil
}

func (d *door) Call(_ context.Context, call messages.Call, _ messages.Sink) messages.Outcome {
	if call.Client != "" {
		d.clients[call.Client]++
	}
	if call.Server != "srv-1" || call.Request.Name != "echo" {
		return messages.Outcome{Failure: messages.Failf(messages.KindUnknownUpstream, "", "no %s", call.Server)}
	}
	return good()
}

func TestDoors_ClientsOfTheLegacyEraHaveSessionsAndTheOthersNone(t *testing.T) {
	for _, modern := range []bool{false, true} {
		d := &door{clients: map[messages.ClientID]int{}}
		target := &workload.Doors{Door: d, Server: func(int) string { return "srv-1" }, Modern: modern, Version: "1"}
		s, err := target.Open(t.Context(), 5)
		if err != nil {
			t.Fatal(err)
		}
		if out := s.Do(t.Context(), messages.Request{Method: "tools/call", Name: "echo"}); out.Failure != nil {
			t.Error(out.Failure)
		}
		want := map[bool]int{false: 1, true: 0}[modern]
		if len(d.clients) != want || want == 1 && d.clients[`{"name":"mcpx-load","title":"client 5","version":"1"}`] != 1 {
			t.Errorf("modern %v: %v", modern, d.clients)
		}
		if err := s.Close(t.Context()); err != nil || len(d.clients) != 0 {
			t.Errorf("%v, left %v", err, d.clients)
		}
		select {
		case <-s.Lost():
			t.Error("lost")
		default:
		}
	}
	refused := errors.New("too many")
	target := &workload.Doors{Door: &door{refuse: refused}, Server: func(int) string { return "" }}
	if _, err := target.Open(t.Context(), 0); !errors.Is(err, refused) {
		t.Error(err)
	}
}
