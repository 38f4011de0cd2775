package front

import (
	"context"
	"net/http"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

// doorstep is a door at which a client leaves in the moment in which its
// session has been opened, and before it is told. Like the runtime's, it gives
// up with its caller.
type doorstep struct {
	*registry
	opened chan messages.ClientID
}

func (d doorstep) OpenClient(ctx context.Context, spec messages.ClientSpec) (messages.ClientID, error) {
	id, err := d.registry.OpenClient(ctx, spec)
	if err != nil {
		return "", err
	}
	gone := ctx.Value(leaving{}).(context.Context) // of the HTTP request
	d.opened <- id
	<-gone.Done()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return id, nil
}

type leaving struct{}

func TestSSE_WhoLeavesWhileTheSessionOpensLeavesNone(t *testing.T) {
	opened := make(chan messages.ClientID, 1)
	w := newWorldOf(t, func(s Service, c Clients) http.Handler {
		front := NewSSE(s, doorstep{c.(*registry), opened}, "/messages", Options{})
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			front.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), leaving{}, r.Context())))
		})
	})
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, w.base+"/sse", http.NoBody)
		if response, err := w.client.Do(r); err == nil {
			_ = response.Body.Close()
		}
	}()
	id := await(t, "the session", opened)
	leave()
	<-done
	eventually(t, "the end of the session", func() bool {
		_, err := w.clients.CheckClient(id, messages.Principal{})
		return err != nil
	})
}
