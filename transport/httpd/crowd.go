package httpd

import (
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// crowd bounds how many requests are served at a time: each may hold a body and
// an answer of several megabytes. A request whose response has become an event
// stream counts no more; streams are bounded by those who open them.
type crowd struct {
	places chan struct{}
	dates  dates
}

func newCrowd(most int) *crowd { return &crowd{places: make(chan struct{}, most)} }

// serve lets next serve the request, or refuses it at once. Whoever waited here
// would hold a connection and be served when nobody may be interested any more.
func (c *crowd) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	select {
	case c.places <- struct{}{}:
	default:
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Connection", "close") // a body that nobody reads may be on its way
		fail(w, http.StatusServiceUnavailable, "%d requests are being served, which is limits.http_requests; try again", cap(c.places))
		return
	}
	v := &visit{ResponseWriter: w, request: r, places: c.places, dates: &c.dates}
	defer v.leave()
	next.ServeHTTP(v, r)
}

// visit is a response that gives its place back when it becomes a stream.
type visit struct {
	http.ResponseWriter
	request *http.Request
	places  chan struct{}
	dates   *dates
	left    atomic.Bool
	begun   bool
}

func (v *visit) leave() {
	if !v.left.Swap(true) {
		<-v.places
	}
}

// Unwrap lets http.ResponseController find what the original can do.
func (v *visit) Unwrap() http.ResponseWriter { return v.ResponseWriter }

// WriteHeader looks at what the response is, and passes it on.
func (v *visit) WriteHeader(status int) {
	if !v.begun && status >= 200 { // informational ones come before
		v.begun = true
		v.Header()["Date"] = v.dates.of(time.Now())
		if strings.HasPrefix(v.Header().Get("Content-Type"), "text/event-stream") {
			v.leave()
		}
	}
	v.ResponseWriter.WriteHeader(status)
}

// Write begins the response where nobody has.
func (v *visit) Write(b []byte) (int, error) {
	v.begin()
	return v.ResponseWriter.Write(b)
}

// FlushError begins the response where nobody has.
func (v *visit) FlushError() error {
	v.begin()
	if f, ok := v.ResponseWriter.(interface{ FlushError() error }); ok {
		return f.FlushError() // as http.ResponseController does, which is an allocation
	}
	return http.NewResponseController(v.ResponseWriter).Flush()
}

// Together lets what write writes, and flushes, leave in one piece where that is
// possible. Nobody else may write to the response meanwhile.
func (v *visit) Together(write func() error) error {
	if c, ok := v.request.Context().Value(connKey{}).(*conn); ok {
		return c.together(write)
	}
	return write()
}

func (v *visit) begin() {
	if !v.begun {
		v.WriteHeader(http.StatusOK)
	}
}
