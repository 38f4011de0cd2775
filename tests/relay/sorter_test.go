package relay_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
)

// sorter sorts what comes to a client on one stream for all: by the ids of
// requests and their progress tokens.
type sorter struct {
	t    testing.TB
	rest heard[message]

	mu     sync.Mutex
	ids    int
	calls  map[string]*call // by id
	tokens map[string]*call // by progress token
}

func newSorter(t testing.TB) *sorter {
	return &sorter{t: t, calls: map[string]*call{}, tokens: map[string]*call{}}
}

func (s *sorter) others() *heard[message] { return &s.rest }

// add notes a request, and gives it its id.
func (s *sorter) add(params string) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids++
	q := &call{id: fmt.Sprint(s.ids)}
	if s.ids%2 == 0 {
		q.id = fmt.Sprintf(`"id-%d"`, s.ids) // ids are of two types
	}
	s.calls[q.id] = q
	if token := member(json.RawMessage(params), "_meta", "progressToken"); token != nil {
		s.tokens[string(token)] = q
	}
	return q
}

func (s *sorter) take(raw []byte) {
	m, ok := parse(raw)
	if !ok {
		s.t.Errorf("mcpx wrote %q", raw)
		return
	}
	var p struct{ ProgressToken json.RawMessage }
	if m.Method == "notifications/progress" {
		_ = json.Unmarshal(m.Params, &p) // without a token it is nobody's
	}
	s.mu.Lock()
	q := s.calls[string(m.ID)]
	if m.Method != "" {
		q = s.tokens[string(p.ProgressToken)]
	}
	s.mu.Unlock()
	if q != nil {
		q.stream.add(m)
	} else {
		s.rest.add(m)
	}
}
