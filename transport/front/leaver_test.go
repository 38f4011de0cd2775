package front

import (
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// parting is a ResponseWriter that knows of its client's end, or does not.
type parting struct {
	*httptest.ResponseRecorder
	knows bool

	mu    sync.Mutex
	tell  func()
	calls int
}

func (p *parting) Leaving(f func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell, p.calls = f, p.calls+1
	return p.knows
}

func TestDisconnect_AModernRequestHearsOfItFromWhoeverKnows(t *testing.T) {
	service, clients := newPuppet(), newRegistry()
	front := NewHTTP(service, clients, Options{})
	for _, knows := range []bool{true, false} {
		body, header := modernCall(1, "wait", "")
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/mcp", strings.NewReader(body))
		r.Header.Set("Content-Type", typeJSON)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := &parting{ResponseRecorder: httptest.NewRecorder(), knows: knows}
		served := make(chan struct{})
		go func() {
			defer close(served)
			front.ServeHTTP(w, r)
		}()
		await(t, "the start", service.started)
		if !knows {
			service.release <- struct{}{}
			if cause := await(t, "the end of the call", service.ended); cause != nil {
				t.Errorf("it ended with %v", cause)
			}
			<-served
			continue
		}
		w.mu.Lock()
		tell := w.tell
		w.mu.Unlock()
		tell()
		if cause := await(t, "the end of the call", service.ended); cause == nil {
			t.Error("the call was released, not cancelled")
		}
		<-served
		if w.tell != nil || w.calls != 2 {
			t.Errorf("%d calls; nobody may be told when the request is over", w.calls)
		}
		if w.Body.Len() > 0 {
			t.Errorf("a client that has left was sent %s", w.Body)
		}
	}
}
