package workload_test

import (
	"context"
	"sync"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/leak"
	"github.com/mcpx/mcpx/transport/workload"
)

func TestMain(m *testing.M) { leak.Main(m) }

// puppet is a target in this process, whose sessions do what a test says.
type puppet struct {
	do   func(ctx context.Context, client int, req messages.Request) messages.Outcome
	open func(client int) error // nil: always

	mu     sync.Mutex
	opened []int // numbers of clients
	closed int
	live   []*session
}

type session struct {
	of     *puppet
	client int
	lost   chan struct{}
	once   sync.Once
}

func (p *puppet) Open(_ context.Context, client int) (workload.Session, error) {
	if p.open != nil {
		if err := p.open(client); err != nil {
			return nil, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &session{of: p, client: client, lost: make(chan struct{})}
	p.opened = append(p.opened, client)
	p.live = append(p.live, s)
	return s, nil
}

func (s *session) Do(ctx context.Context, req messages.Request) messages.Outcome {
	select {
	case <-s.lost:
		return messages.Outcome{Failure: messages.Failf(messages.KindUnavailable, "", "the session is lost")}
	default:
	}
	return s.of.do(ctx, s.client, req)
}

func (s *session) Lost() <-chan struct{} { return s.lost }

func (s *session) lose() { s.once.Do(func() { close(s.lost) }) }

func (s *session) Close(context.Context) error {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.of.closed++
	return nil
}

// good is the answer of a tool that worked.
func good() messages.Outcome {
	return messages.Outcome{Result: []byte(`{"content":[{"type":"text","text":"ok"}]}`)}
}

// template is one that is right.
func template(t testing.TB, text string) workload.Template {
	t.Helper()
	made, err := workload.NewTemplate(text)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// calling are the steps that call a tool with the number of each request.
func calling(t testing.TB) []workload.Step {
	t.Helper()
	step, err := workload.Call("echo", template(t, `{"n":{{seq}}}`))
	if err != nil {
		t.Fatal(err)
	}
	return []workload.Step{step}
}

// run carries a plan out.
func run(t testing.TB, plan workload.Plan) *workload.Report {
	t.Helper()
	r, err := workload.Start(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	return r.Wait()
}

// scripted answers by method and params, and with a failure what it does not know.
type scripted struct {
	workload.Session
	answers map[string]string
}

func (s scripted) Do(_ context.Context, req messages.Request) messages.Outcome {
	answer, ok := s.answers[req.Method+" "+string(req.Params)]
	if !ok {
		return messages.Outcome{Failure: messages.Failf(messages.KindUpstream, "", "unexpected %s %s", req.Method, req.Params)}
	}
	return messages.Outcome{Result: []byte(answer)}
}
