package h1

import "context"

// A request's context may have two methods of its own, which cost less than what
// they stand for.
type (
	// listener is told where httptrace's GotConn is called. The connection is
	// held meanwhile: who ends the context there waits for ever.
	listener interface{ GotConn() }

	// direct calls f on the goroutine that ends the context. context.AfterFunc
	// knows the method, too.
	direct interface {
		AfterFunc(f func()) (stop func() bool)
	}
)

// afterFunc is context.AfterFunc; nil for a context that never ends.
func afterFunc(ctx context.Context, f func()) (stop func() bool) {
	if d, ok := ctx.(direct); ok {
		return d.AfterFunc(f)
	}
	if ctx.Done() == nil {
		return nil
	}
	return context.AfterFunc(ctx, f)
}
