package h1

import (
	"net/http"
	"strings"
	"testing"
)

// Two requests after each other; what came must be what net/http makes of it,
// and so must be the number of connections that it took.
func TestAnswer_IsWhatNetHTTPMakesOfIt(t *testing.T) {
	for name, test := range map[string]struct {
		wire  string
		want  string // of both; the first part of it
		conns int64
	}{
		"a length":               {ok, `HTTP/1.1 200 OK; Content-Length=["2"]; length 2 []; close false; body "ok"`, 1},
		"a length of nothing":    {"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", `HTTP/1.1 202 Accepted; Content-Length=["0"]; length 0 []; close false; body ""`, 1},
		"lines end with LF":      {"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", `HTTP/1.1 200 OK; Content-Length=["2"]`, 1},
		"no reason":              {"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", `HTTP/1.1 200; Content-Length=["2"]`, 1},
		"a length twice":         {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", `HTTP/1.1 200 OK; Content-Length=["2"]; length 2 []; close false; body "ok"`, 1},
		"chunks":                 {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\n\r\n", `HTTP/1.1 200 OK; ; length -1 [chunked]; close false; body "ok"`, 1},
		"CHUNKS":                 {"HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n", `HTTP/1.1 200 OK; ; length -1 [chunked]; close false; body ""`, 1},
		"trailers":               {"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\nx-more: 8\r\n\r\n", `HTTP/1.1 200 OK; ; length -1 [chunked]; close false; body "ok"; trailer X-More=["8"] X-Sum=["7"]`, 1},
		"trailers that lack":     {"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", `HTTP/1.1 200 OK; ; length -1 [chunked]; close false; body "ok"; trailer X-Sum=[]`, 1},
		"trailers without need":  {"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nContent-Length: 2\r\n\r\nok", `HTTP/1.1 200 OK; Content-Length=["2"] Trailer=["X-Sum"]`, 1},
		"interim answers":        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok, `HTTP/1.1 200 OK; Content-Length=["2"]; length 2 []; close false; body "ok"`, 1},
		"nothing, 204":           {"HTTP/1.1 204 No Content\r\n\r\n", `HTTP/1.1 204 No Content; ; length 0 []; close false; body ""`, 1},
		"nothing, 304":           {"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\nEtag: x\r\n\r\n", `HTTP/1.1 304 Not Modified; Content-Length=["2"] Etag=["x"]; length 0 []; close false; body ""`, 1},
		"close":                  {"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok", `HTTP/1.1 200 OK; Content-Length=["2"]; length 2 []; close true; body "ok"`, 2},
		"close, in a list":       {"HTTP/1.1 200 OK\r\nConnection: x, close\r\nContent-Length: 2\r\n\r\nok", `HTTP/1.1 200 OK; Content-Length=["2"]; length 2 []; close true; body "ok"`, 2},
		"close, and chunks":      {"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", `HTTP/1.1 200 OK; ; length -1 [chunked]; close true; body "ok"`, 2},
		"HTTP/1.0":               {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", `HTTP/1.0 200 OK; Content-Length=["2"]; length 2 []; close true; body "ok"`, 2},
		"HTTP/1.0, keep-alive":   {"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok", `HTTP/1.0 200 OK; Connection=["Keep-Alive"] Content-Length=["2"]; length 2 []; close false; body "ok"`, 1},
		"names of any case":      {"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nMCP-session-ID: a\r\nx_y: z\r\n\r\nok", `HTTP/1.1 200 OK; Content-Length=["2"] Mcp-Session-Id=["a"] X_y=["z"]`, 1},
		"values of every kind":   {"HTTP/1.1 200 OK\r\nA:\r\nB: \t x y\t \r\nC: \xff\xc3\xa9:,\r\nA: 2\r\nContent-Length:2\r\n\r\nok", `HTTP/1.1 200 OK; A=["" "2"] B=["x y"] C=["\xffé:,"] Content-Length=["2"]`, 1},
		"a line that was folded": {"HTTP/1.1 200 OK\r\nA: x\r\n \t y\r\n  z\r\nContent-Length: 2\r\n\r\nok", `HTTP/1.1 200 OK; A=["x y z"] Content-Length=["2"]`, 1},
		"an error":               {"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno", `HTTP/1.1 503 Busy; Content-Length=["2"]; length 2 []; close false; body "no"`, 1},
		"a status of its own":    {"HTTP/1.1 799 What\r\nContent-Length: 2\r\n\r\nno", `HTTP/1.1 799 What; Content-Length=["2"]; length 2 []; close false; body "no"`, 1},
		"a long head":            {"HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", 30<<10) + "\r\nB: " + strings.Repeat("b", 6<<10) + "\r\nContent-Length: 2\r\n\r\nok", `HTTP/1.1 200 OK; A=["aaa`, 1},
		"a long body":            {"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("0123456789", 10000), `HTTP/1.1 200 OK; Content-Length=["100000"]; length 100000 []; close false; body "0123456789`, 1},
		"HTML and JSON at once":  {"HTTP/1.1 200 OK\r\nContent-Type: a\r\nContent-Type: b\r\nContent-Length: 2\r\n\r\nok", `HTTP/1.1 200 OK; Content-Length=["2"] Content-Type=["a" "b"]`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[bool]string{}
			both(t, func(t *testing.T, c client) {
				s := serve(t, answers(test.wire))
				first, second := c.get(t, s.url), c.get(t, s.url)
				if !strings.HasPrefix(first, test.want) || first != second {
					t.Errorf("came\n%.500s\nthen\n%.500s\nwant\n%s", first, second, test.want)
				}
				if n := s.accepted.Load(); n != test.conns {
					t.Errorf("%d connections, want %d", n, test.conns)
				}
				got[c.ours != nil] = first
			})
			if got[true] != got[false] {
				t.Errorf("we make of it\n%.500s\nand net/http\n%.500s", got[true], got[false])
			}
		})
	}
}

// Answers that the end of the connection ends, in time or too early.
func TestAnswer_ThatTheConnectionEnds(t *testing.T) {
	for name, test := range map[string]struct{ wire, want string }{
		"no length":           {"HTTP/1.1 200 OK\r\n\r\nok", `HTTP/1.1 200 OK; ; length -1 []; close true; body "ok"`},
		"no length, HTTP/1.0": {"HTTP/1.0 200 OK\r\n\r\nok", `HTTP/1.0 200 OK; ; length -1 []; close true; body "ok"`},
		"nothing at all":      {"HTTP/1.1 200 OK\r\n\r\n", `HTTP/1.1 200 OK; ; length -1 []; close true; body ""`},
		"no answer":           {"", "no answer"},
		"half a status line":  {"HTTP/1.1 2", "no answer"},
		"half a head":         {"HTTP/1.1 200 OK\r\nA: b\r\n", "no answer"},
		"half a body":         {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", `HTTP/1.1 200 OK; Content-Length=["3"]; length 3 []; close false; body "ok"; broken`},
		"half a chunk":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok", `HTTP/1.1 200 OK; ; length -1 [chunked]; close false; body "ok"; broken`},
		"no last chunk":       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", `HTTP/1.1 200 OK; ; length -1 [chunked]; close false; body "ok"; broken`},
		"half a last chunk":   {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", `HTTP/1.1 200 OK; ; length -1 [chunked]; close false; body "ok"; broken`},
		"half a trailer":      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n", `HTTP/1.1 200 OK; ; length -1 [chunked]; close false; body "ok"; broken`},
		"interim answers":     {"HTTP/1.1 100 Continue\r\n\r\n", "no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, c client) {
				s := serve(t, once(test.wire))
				for range 2 {
					if got := c.get(t, s.url); got != test.want {
						t.Errorf("came\n%s\nwant\n%s", got, test.want)
					}
				}
			})
		})
	}
}

// What is no HTTP, or not safely so, is refused, and its connection closed.
func TestAnswer_IsRefused(t *testing.T) {
	const length, chunked = "Content-Length: 2\r\n", "Transfer-Encoding: chunked\r\n"
	for name, test := range map[string]struct {
		wire, says string
		lax        bool // net/http takes it
	}{
		"another protocol":           {wire: "220 mail.example ESMTP\r\n", says: `it begins with "220 mail.example ESMTP\r\n"`},
		"another version":            {wire: "HTTP/2.0 200 OK\r\n" + length + "\r\nok", says: "it begins with \"HTTP/2.0", lax: true},
		"a version of two digits":    {wire: "HTTP/1.10 200 OK\r\n" + length + "\r\nok", says: "it begins with"},
		"no status":                  {wire: "HTTP/1.1\r\n\r\n", says: "it begins with"},
		"a status of letters":        {wire: "HTTP/1.1 abc OK\r\n\r\n", says: `its status is "abc OK"`},
		"a status too long":          {wire: "HTTP/1.1 2000 OK\r\n\r\n", says: "its status is"},
		"a status below 100":         {wire: "HTTP/1.1 099 OK\r\n" + length + "\r\nok", says: "its status is", lax: true},
		"a signed status":            {wire: "HTTP/1.1 +99 OK\r\n" + length + "\r\nok", says: "its status is", lax: true},
		"a reason with CR":           {wire: "HTTP/1.1 200 O\rK\r\n" + length + "\r\nok", says: "its status is", lax: true},
		"a line without colon":       {wire: "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", says: `the header line "nonsense"`},
		"a name of nothing":          {wire: "HTTP/1.1 200 OK\r\n: x\r\n\r\n", says: "the header line"},
		"a name with a blank":        {wire: "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok", says: "the header line", lax: true},
		"a name that is none":        {wire: "HTTP/1.1 200 OK\r\nÄ: x\r\n\r\n", says: "the header line"},
		"a first line that folds":    {wire: "HTTP/1.1 200 OK\r\n A: x\r\n\r\n", says: "the header line"},
		"a value with NUL":           {wire: "HTTP/1.1 200 OK\r\nA: x\x00y\r\n\r\n", says: `the value of its header "A"`},
		"a value with CR":            {wire: "HTTP/1.1 200 OK\r\nA: x\ry\r\n\r\n", says: `the value of its header "A"`},
		"different lengths":          {wire: "HTTP/1.1 200 OK\r\n" + length + "Content-Length: 3\r\n\r\nok!", says: `several different lengths: Content-Length "2, 3"`},
		"a list of lengths":          {wire: "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", says: `Content-Length "2, 2"`},
		"a negative length":          {wire: "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", says: `Content-Length "-2"`},
		"a signed length":            {wire: "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok", says: `Content-Length "+2"`},
		"a length of nothing":        {wire: "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok", says: `Content-Length ""`},
		"a length beyond all bounds": {wire: "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\nok", says: "Content-Length"},
		"a length and chunks":        {wire: "HTTP/1.1 200 OK\r\n" + length + chunked + "\r\n2\r\nok\r\n0\r\n\r\n", says: "both Transfer-Encoding and Content-Length", lax: true},
		"chunks and a length":        {wire: "HTTP/1.1 200 OK\r\n" + chunked + length + "\r\n2\r\nok\r\n0\r\n\r\n", says: "both Transfer-Encoding and Content-Length", lax: true},
		"chunks in HTTP/1.0":         {wire: "HTTP/1.0 200 OK\r\n" + chunked + "\r\n2\r\nok\r\n0\r\n\r\n", says: "Transfer-Encoding in an answer of HTTP/1.0", lax: true},
		"chunks twice":               {wire: "HTTP/1.1 200 OK\r\n" + chunked + chunked + "\r\n2\r\nok\r\n0\r\n\r\n", says: `the transfer encoding "chunked, chunked"`},
		"chunks, packed":             {wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", says: `the transfer encoding "gzip, chunked"`},
		"chunks with a Kelvin sign":  {wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chun\u212aed\r\n\r\n0\r\n\r\n", says: "the transfer encoding"},
		"a coding in an interim one": {wire: "HTTP/1.1 100 Continue\r\nTransfer-Encoding: x\r\n\r\n" + ok, says: "the transfer encoding"},
		"a trailer that is framing":  {wire: "HTTP/1.1 200 OK\r\nTrailer: content-length\r\n" + chunked + "\r\n0\r\n\r\n", says: "it announces Content-Length as a trailer"},
		"another protocol, asked":    {wire: "HTTP/1.1 101 Switching Protocols\r\n\r\n", says: "it switches to another protocol", lax: true},
		"interim answers for ever":   {wire: strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", maxInterim+1) + ok, says: "more than 1024 interim answers", lax: true},
		"a head too long":            {wire: "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", says: "response headers exceeded"},
		"heads too long":             {wire: strings.Repeat("HTTP/1.1 103 Early Hints\r\nA: "+strings.Repeat("a", 9<<10)+"\r\n\r\n", 8) + ok, says: "response headers exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, c client) {
				done := make(chan struct{})
				s := serve(t, func(p *peer) {
					defer close(done)
					p.request()
					p.say(test.wire)
					p.gone()
				})
				resp, err := c.RoundTrip(newRequest(t, within(t), http.MethodGet, s.url, nil))
				if c.ours == nil && test.lax {
					if err != nil {
						t.Fatalf("net/http refuses it too: %v", err)
					}
					_ = resp.Body.Close()
					c.RoundTripper.(*http.Transport).CloseIdleConnections()
					return
				}
				if err == nil {
					t.Fatalf("it is taken: %s", describe(resp))
				}
				if c.ours != nil && !strings.Contains(err.Error(), test.says) {
					t.Errorf("%v, want %q", err, test.says)
				}
				<-done
			})
		})
	}
}

// A body is read in chunks that are no chunks, or trailers that are none.
func TestAnswer_OfBrokenChunksIsBroken(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"
	for name, rest := range map[string]string{
		"no size":              "x\r\nok\r\n0\r\n\r\n",
		"a line that ends not": "2\nok\r\n0\r\n\r\n",
		"more than it says":    "2\r\nok!\r\n0\r\n\r\n",
		"an end with LF alone": "0\r\n\n",
		"a trailer with LF":    "0\r\nA: b\n\r\n",
		"a trailer of nothing": "0\r\n: x\r\n\r\n",
		"a trailer too long":   "0\r\nA: " + strings.Repeat("a", 64<<10) + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, c client) {
				done := make(chan struct{})
				s := serve(t, func(p *peer) {
					defer close(done)
					p.request()
					p.say(head + rest)
					if c.ours == nil {
						_ = p.CloseWrite() // it waits for more
					}
					p.gone()
				})
				if got := c.get(t, s.url); !strings.Contains(got, `body "ok`) || !strings.HasSuffix(got, "; broken") {
					t.Error(got)
				}
				<-done
			})
		})
	}
}

func TestAnswer_ToHEADHasNoBodyWhateverItSays(t *testing.T) {
	for _, wire := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n",
	} {
		got := map[bool]string{}
		both(t, func(t *testing.T, c client) {
			s := serve(t, answers(wire))
			for range 2 {
				got[c.ours != nil] = c.ask(newRequest(t, within(t), http.MethodHead, s.url, nil))
			}
			if n := s.accepted.Load(); n != 1 {
				t.Errorf("%d connections", n)
			}
		})
		if got[true] != got[false] || !strings.HasPrefix(got[true], "HTTP/1.1 200 OK") {
			t.Errorf("we make of %q\n%s\nand net/http\n%s", wire, got[true], got[false])
		}
	}
}

// The body that follows a 204 would be taken for the next answer.
func TestAnswer_ABodyThatMustNotBeIsNoAnswerToTheNext(t *testing.T) {
	for _, wire := range []string{
		"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + ok,
	} {
		c := client{fresh(t), nil}
		s := serve(t, answers(wire))
		for range 3 {
			if got := c.get(t, s.url); !strings.HasPrefix(got, wire[:12]) || !strings.HasSuffix(got, `body ""`) {
				t.Errorf("%q became %s", wire, got)
			}
		}
		if n := s.accepted.Load(); n != 3 {
			t.Errorf("%d connections, want 3", n)
		}
	}
}
