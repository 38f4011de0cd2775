package dial

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/mcp"
)

const (
	typeJSON   = "application/json"
	typeEvents = "text/event-stream"

	maxRedirects = 5
	restPatience = 500 * time.Millisecond // for what is left of an answer
)

// header returns the headers of a POST, for the caller to add to.
func (c *httpCore) header() http.Header {
	h := c.base.Clone()
	h.Set("Content-Type", typeJSON)
	h.Set("Accept", typeJSON+", "+typeEvents)
	return h
}

// askedFor is what the headers of a request of the modern era say of it.
type askedFor struct{ method, name string }

// mostPostings is for how many kinds of requests a connection keeps their headers.
const mostPostings = 128

// modernHeader returns the headers of a request of the modern era, which are not
// to be changed: requests for the same thing share them.
func (c *httpCore) modernHeader(req messages.Request) http.Header {
	key := askedFor{req.Method, mcp.NameIn(req)}
	var known map[askedFor]http.Header
	if kept := c.modernPosting.Load(); kept != nil {
		known = *kept
		if h, ok := known[key]; ok {
			return h
		}
	}
	h := c.newModernHeader(req)
	// Tools and prompts are a few, unless somebody asks for what there is not;
	// resources are read once each.
	if len(known) < mostPostings && req.Method != "resources/read" && len(key.method)+len(key.name) <= maxKeptName {
		more := maps.Clone(known)
		if more == nil {
			more = map[askedFor]http.Header{}
		}
		more[key] = h
		c.modernPosting.Store(&more)
	}
	return h
}

const maxKeptName = 256 // bytes

// newModernHeader makes these headers. What all have in common shares its values.
func (c *httpCore) newModernHeader(req messages.Request) http.Header {
	common := c.posting.Load()
	if common == nil {
		h := c.header()
		common = &h
		c.posting.Store(common)
	}
	h := make(http.Header, len(*common)+modernHeaders)
	maps.Copy(h, *common)
	mcp.SetHeaders(h, c.peer.Protocol, req)
	return h
}

// modernHeaders is how many headers mcp.SetHeaders sets.
const modernHeaders = 3

// send makes one HTTP exchange and returns when the answer's headers are there.
// A redirect is followed within the origin and where it keeps the method (a GET
// always does), since what we send may hold credentials and must not be sent
// twice; any other one is returned as the answer. sent is raised when bytes may
// leave: before there is a network connection there is nowhere to send them.
func (c *httpCore) send(ctx context.Context, sent *link.SentFlag, method string, header http.Header, body []byte) (*http.Response, error) {
	ctx, cancel := context.WithCancel(ctx)
	resp, err := c.sendUntil(raising{ctx, sent}, canceller(cancel), new(answerBody), method, header, body)
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body.(*answerBody).scope = canceller(cancel)
	return resp, nil
}

// cancellable is what ends a context: mostly a *link.Scope, which is one itself.
type cancellable interface{ Cancel(cause error) }

type canceller context.CancelFunc

func (c canceller) Cancel(error) { c() }

// raising is a context of which the wire tells that it has a connection.
type raising struct {
	context.Context
	sent *link.SentFlag
}

func (r raising) GotConn() { r.sent.Raise() }

// sendUntil is send for a ctx that is of this exchange only: scope, which ends
// it, is cancelled when the answer's body is closed, unless that is an event
// stream, after which there may be another one. In answer is room for the body.
func (c *httpCore) sendUntil(ctx context.Context, scope cancellable, answer *answerBody, method string, header http.Header, body []byte) (*http.Response, error) {
	to := c.url
	for hop := 0; ; hop++ {
		resp, err := c.wire.RoundTrip(c.request(ctx, to, method, header, body))
		if err != nil {
			return nil, err
		}
		next := redirect(resp, method, to)
		if next == nil || hop == maxRedirects {
			if mediaType(resp.Header) == typeEvents {
				scope = nil
			}
			*answer = answerBody{ReadCloser: resp.Body, scope: scope}
			resp.Body = answer
			return resp, nil
		}
		_ = resp.Body.Close() // nothing in it is of use
		to = next
	}
}

// answerBody is the body of an answer, by which its exchange can be ended.
type answerBody struct {
	io.ReadCloser
	scope cancellable // nil for a stream that may have a successor
	ended bool        // it was read to its end
}

func (b *answerBody) cancel() {
	if b.scope != nil {
		b.scope.Cancel(nil)
	}
}

func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || err == io.EOF
	return n, err
}

func (b *answerBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// briefly bounds the time in which more of an answer is read whose status says
// all that matters: servers that refuse may be too sick to say why. The bound
// ends with the call of stop.
func briefly(resp *http.Response) (stop func() bool) {
	if body, ok := resp.Body.(*answerBody); ok {
		return time.AfterFunc(restPatience, body.cancel).Stop
	}
	return func() bool { return true }
}

func (c *httpCore) request(ctx context.Context, to *url.URL, method string, header http.Header, body []byte) *http.Request {
	req := blank.WithContext(ctx) // which makes a copy
	req.Method, req.URL, req.Host, req.Header = method, to, c.base.Get("Host"), header
	if body != nil {
		req.ContentLength = int64(len(body))
		req.GetBody = func() (io.ReadCloser, error) { return newMemory(body), nil }
		req.Body = newMemory(body)
	}
	return req
}

var blank = &http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}

// memory is a body that is there.
type memory struct{ bytes.Reader }

func newMemory(body []byte) *memory {
	m := new(memory)
	m.Reset(body)
	return m
}

// Close implements io.Closer: there is nothing to close.
func (*memory) Close() error { return nil }

// redirect returns where resp sends us, nil when we do not go there.
func redirect(resp *http.Response, method string, from *url.URL) *url.URL {
	switch resp.StatusCode {
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		if method != http.MethodGet {
			return nil
		}
	default:
		return nil
	}
	to, err := resp.Location()
	if err != nil || !sameOrigin(to, from) {
		return nil
	}
	return to
}

// sameOrigin tells whether two addresses are of one origin (RFC 6454).
func sameOrigin(a, b *url.URL) bool {
	port := func(u *url.URL) string {
		switch p := u.Port(); {
		case p != "":
			return p
		case u.Scheme == "https":
			return "443"
		}
		return "80"
	}
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

// post sends a message that has no answer: a notification, or our response to
// a request of the server.
func (c *httpCore) post(ctx context.Context, header http.Header, body []byte, what string) *messages.Failure {
	resp, err := c.send(ctx, new(link.SentFlag), http.MethodPost, header, body)
	if err != nil {
		return c.failf(messages.KindUnavailable, "sending %s: %s", what, c.plain(err))
	}
	defer c.release(resp)
	if resp.StatusCode >= 300 {
		return c.refusal(resp, c.headOf(resp), what)
	}
	return nil
}

// release closes an answer of which nothing more is needed. Up to a few KiB are
// read to its end, so that the network connection can be used again.
func (c *httpCore) release(resp *http.Response) {
	body, ok := resp.Body.(*answerBody)
	read := ok && body.ended
	if !read && resp.ContentLength >= 0 && resp.ContentLength <= headBytes {
		defer briefly(resp)()
		_, _ = io.CopyN(io.Discard, resp.Body, headBytes) // whatever comes
	}
	_ = resp.Body.Close()
}
