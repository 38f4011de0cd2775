package dial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
)

// eater is a sink that takes long results in pieces.
type eater struct {
	refuses bool
	full    error // of the second piece
	pieces  int
	got     bytes.Buffer
	length  int64
	offered bool
	passed  chan struct{} // may be nil; told of the first piece
}

func (e *eater) Notify(messages.Notification) error { return nil }

func (e *eater) Take(beginning []byte, length int64) bool {
	e.offered, e.length = true, length
	return !e.refuses && bytes.HasPrefix(beginning, []byte("{"))
}

func (e *eater) Pass(piece []byte) error {
	if e.pieces++; e.pieces == 1 && e.passed != nil {
		close(e.passed)
	}
	if e.pieces == 2 && e.full != nil {
		return e.full
	}
	e.got.Write(piece)
	return nil
}

func taking(ctx context.Context, c link.Conn, e *eater) messages.Outcome {
	return c.Do(ctx, toolCall("echo", "{}"), new(link.SentFlag), e)
}

// longResult is one of n bytes and a little more, with all that strings and
// structure can be cut in.
func longResult(n int) string {
	line := `{"n":-12.5e+10,"ok":[true,false,null,{}],"text":"a \"quoted\" line\\ with gr\u00f6\u00df\ud83d\ude00 and größere Zeichen 😀"},`
	return `{"resultType":"complete","content":[],"structuredContent":[` + strings.Repeat(line, n/len(line)+1) + `0]}`
}

// says answers with a JSON text, in which $ID is the request's; of a known length,
// or in chunks and with a trailer.
func says(text string, chunked bool) puppethttp.Behaviour {
	return func(x *puppethttp.Exchange) {
		text := strings.Replace(text, "$ID", string(x.ID), 1)
		x.W.Header().Set("Content-Type", "application/json")
		if chunked {
			x.W.Header().Set("Trailer", "X-Sum")
		} else {
			x.W.Header().Set("Content-Length", strconv.Itoa(len(text)))
		}
		for len(text) > 0 {
			n := min(len(text), 10_000)
			_, _ = io.WriteString(x.W, text[:n])
			if chunked {
				_ = http.NewResponseController(x.W).Flush()
			}
			text = text[n:]
		}
		if chunked {
			x.W.Header().Set("X-Sum", "1")
		}
	}
}

const envelope = `{"jsonrpc":"2.0","id":$ID,"result":`

func TestTaken_TheResultComesInPiecesAsItIs(t *testing.T) {
	bothEras(t, puppethttp.Options{}, func(t *testing.T, p *puppethttp.Puppet, d *httpDial) {
		c := d.dial(t)
		for _, size := range []int{longBytes, pieceBytes, 1 << 20} {
			result := longResult(size)
			for _, text := range []string{
				envelope + result + "}", envelope + result + " } \n",
				"\n{ \"id\" : $ID,\t\"jsonrpc\":\"2.0\", \"result\" :" + result + `,"extra":[1,"` + strings.Repeat("x", longBytes) + `"]}`,
				`{"result":` + result + `,"jsonrpc":"2.0","id":$ID}`, // as the SDK for TypeScript writes it
			} {
				for _, chunked := range []bool{false, true} {
					p.Once("tools/call:echo", says(text, chunked))
					e := new(eater)
					out := taking(within(t), c, e)
					if out.Failure != nil || !out.Taken || out.Result != nil || e.got.String() != result {
						t.Fatalf("%.40s… chunked %v: %+v, %d of %d bytes", text, chunked, out, e.got.Len(), len(result))
					}
					if begin := strings.Index(text, result); chunked && e.length != -1 || !chunked && e.length < int64(len(text)-begin-10) {
						t.Errorf("%.40s… chunked %v: a length of %d, it is about %d", text, chunked, e.length, len(text)-begin)
					}
				}
			}
		}
		lives(t, c)
		if n := openConns(c.httpCore); n > 3 {
			t.Errorf("%d network connections are open: they are not used again", n)
		}
	})
}

// One that is not long is looked at as a whole before any of it goes anywhere.
func TestTaken_AResultThatIsNotLongComesInOnePiece(t *testing.T) {
	bothEras(t, puppethttp.Options{}, func(t *testing.T, p *puppethttp.Puppet, d *httpDial) {
		c := d.dial(t)
		result := longResult(10_000)
		for _, chunked := range []bool{false, true} {
			p.Once("tools/call:echo", says("\n"+envelope+result+` , "x":1}`, chunked))
			e := new(eater)
			out := taking(within(t), c, e)
			if out.Failure != nil || !out.Taken || out.Result != nil || e.got.String() != result || e.pieces != 1 || e.length != int64(len(result))+1 {
				t.Errorf("chunked %v: %+v, %d of %d bytes in %d pieces, %d foretold", chunked, out, e.got.Len(), len(result), e.pieces, e.length)
			}
			for text, problem := range map[string]string{
				envelope + result + `,"id":9}`:                       `"id" occurs twice`,
				envelope + result:                                    "unexpected end",
				`{"jsonrpc":"2.0","id":"x","result":` + result + `}`: "holds no response to it",
			} {
				p.Once("tools/call:echo", says(text, chunked))
				e := new(eater)
				failed(t, taking(within(t), c, e), messages.KindUpstream, messages.SentUnknown, problem)
				if e.offered {
					t.Errorf("it was offered: %.60s", text)
				}
			}
			p.Once("tools/call:echo", says(`{"jsonrpc":"2.0","id":$ID,"error":{"code":-7,"message":"m","data":`+result+`}}`, chunked))
			if f := failed(t, taking(within(t), c, new(eater)), messages.KindUpstream, messages.SentDone, "m"); string(f.Data) != result {
				t.Errorf("the data of an error: %.100s", f.Data)
			}
		}
		p.Once("tools/call:echo", says(envelope+result+`}`, false))
		e := &eater{full: errors.New("the client has gone"), pieces: 1}
		failed(t, taking(within(t), c, e), messages.KindCancelled, messages.SentUnknown, "the client has gone")
		lives(t, c)
	})
}

// What is short, is not wanted in pieces, or has not said in its beginning what
// it is, comes whole, as it always does.
func TestTaken_WhateverElseComesWhole(t *testing.T) {
	bothEras(t, puppethttp.Options{}, func(t *testing.T, p *puppethttp.Puppet, d *httpDial) {
		c := d.dial(t)
		long := longResult(3 * longBytes)
		for name, test := range map[string]struct {
			text    string
			offered bool
			want    string
		}{
			"short":                  {envelope + `{"a":1}}`, false, `{"a":1}`},
			"not worth it":           {envelope + `{"a":"` + strings.Repeat("x", worthwhile-60) + `"}}`, false, `{"a":"` + strings.Repeat("x", worthwhile-60) + `"}`},
			"nearly long":            {envelope + `{"a":"` + strings.Repeat("x", longBytes-60) + `"}}`, true, `{"a":"` + strings.Repeat("x", longBytes-60) + `"}`},
			"refused":                {envelope + long + `}`, true, long},
			"no object":              {envelope + `[` + long + `]}`, false, `[` + long + `]`},
			"behind a long member":   {`{"x":` + long + `,"jsonrpc":"2.0","id":$ID,"result":{"a":1}}`, false, `{"a":1}`},
			"behind much white room": {strings.Repeat(" ", 2*longBytes) + envelope + `{"a":1}}`, false, `{"a":1}`},
		} {
			for _, chunked := range []bool{false, true} {
				p.Once("tools/call:echo", says(test.text, chunked))
				e := &eater{refuses: true}
				out := taking(within(t), c, e)
				if out.Failure != nil || out.Taken || string(out.Result) != test.want || e.offered != test.offered || e.pieces > 0 {
					t.Errorf("%s, chunked %v: %.100s %v, %d pieces, offered %v", name, chunked, out.Result, out.Failure, e.pieces, e.offered)
				}
			}
		}
		p.Once("prompts/list", says(envelope+`{"prompts":[],"x":`+long+`}}`, false))
		e := new(eater)
		if out := c.Do(within(t), messages.Request{Method: "prompts/list"}, new(link.SentFlag), e); out.Failure != nil || e.offered {
			t.Errorf("a list: offered %v, %v", e.offered, out.Failure)
		}
		lives(t, c)
	})
}

// A message that turns out to be wrong behind its beginning fails its request,
// and costs nothing else.
func TestTaken_WhatIsWrongBehindTheBeginningFails(t *testing.T) {
	const limit = 4 * longBytes
	long := longResult(2 * longBytes)
	for name, test := range map[string]struct {
		text string
		sent messages.Sent
		says string
	}{
		"no JSON":                   {envelope + long[:len(long)-2] + `,!]}}`, messages.SentUnknown, "unexpected"},
		"not UTF-8":                 {envelope + long[:len(long)-2] + ",\"\xff\"]}}", messages.SentUnknown, "not valid UTF-8"},
		"too deep":                  {envelope + long[:len(long)-2] + "," + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `]}}`, messages.SentUnknown, "too deep"},
		"cut off in the result":     {envelope + long[:len(long)-5], messages.SentUnknown, "ends too early"},
		"cut off behind the result": {envelope + long, messages.SentUnknown, "unexpected end"},
		"another id behind it":      {envelope + long + `,"id":99}`, messages.SentUnknown, `"id" occurs twice`},
		"a second result":           {envelope + long + `,"result":{}}`, messages.SentUnknown, `"result" occurs twice`},
		"an error behind it":        {envelope + long + `,"error":{"code":1,"message":"m"}}`, messages.SentUnknown, `both "result" and "error"`},
		"a method behind it":        {envelope + long + `,"method":"m"}`, messages.SentUnknown, `"method"`},
		"a second message":          {envelope + long + `}` + envelope + `{}}`, messages.SentUnknown, "nothing after the message"},
		"the id of another request": {`{"result":` + long + `,"jsonrpc":"2.0","id":"x$ID"}`, messages.SentUnknown, "holds no response to it"},
		"no id at all":              {`{"result":` + long + `,"jsonrpc":"2.0"}`, messages.SentUnknown, "needs an id"},
		"too large":                 {envelope + longResult(limit) + `}`, messages.SentDone, "message too large"},
		"too much behind it":        {envelope + long + strings.Repeat(" ", limit), messages.SentDone, "message too large"},
	} {
		t.Run(name, func(t *testing.T) {
			bothEras(t, puppethttp.Options{}, func(t *testing.T, p *puppethttp.Puppet, d *httpDial) {
				d.Request.Limits.MessageBytes = limit
				c := d.dial(t)
				for _, chunked := range []bool{false, true} {
					p.Once("tools/call:echo", says(test.text, chunked))
					failed(t, taking(within(t), c, new(eater)), messages.KindUpstream, test.sent, test.says)
				}
				lives(t, c)
			})
		})
	}
}

// midway answers with the beginning of a long result and then does something else.
func midway(then puppethttp.Behaviour) puppethttp.Behaviour {
	return func(x *puppethttp.Exchange) {
		x.W.Header().Set("Content-Type", "application/json")
		x.W.Header().Set("Content-Length", "10000000")
		_, _ = fmt.Fprintf(x.W, `{"jsonrpc":"2.0","id":%s,"result":{"x":"%s`, x.ID, strings.Repeat("x", 2*pieceBytes))
		_ = http.NewResponseController(x.W).Flush()
		then(x)
	}
}

func TestTaken_AServerThatDiesMidwayBreaksTheCall(t *testing.T) {
	bothEras(t, puppethttp.Options{}, func(t *testing.T, p *puppethttp.Puppet, d *httpDial) {
		c := d.dial(t)
		p.Once("tools/call:echo", midway(func(*puppethttp.Exchange) { panic(http.ErrAbortHandler) }))
		e := new(eater)
		failed(t, taking(within(t), c, e), messages.KindUnavailable, messages.SentUnknown, "broke the connection")
		if e.pieces == 0 {
			t.Error("nothing of it was passed on")
		}
		lives(t, c)
	})
}

func TestTaken_AServerThatStallsMidwayMeetsTheDeadline(t *testing.T) {
	bothEras(t, puppethttp.Options{}, func(t *testing.T, p *puppethttp.Puppet, d *httpDial) {
		c := d.dial(t)
		p.Once("tools/call:echo", midway(puppethttp.Hang))
		e := &eater{passed: make(chan struct{})}
		var lease link.Scope
		go func() {
			<-e.passed
			lease.Cancel(context.DeadlineExceeded)
		}()
		failed(t, taking(&lease, c, e), messages.KindTimeout, messages.SentUnknown, "did not answer")
		lives(t, c)
	})
}

func TestTaken_WhoReadsNoMoreCostsTheCallAndTheNetworkConnectionOnly(t *testing.T) {
	bothEras(t, puppethttp.Options{}, func(t *testing.T, p *puppethttp.Puppet, d *httpDial) {
		c := d.dial(t)
		gone := make(chan struct{})
		p.Once("tools/call:echo", midway(func(x *puppethttp.Exchange) {
			for {
				if _, err := io.WriteString(x.W, strings.Repeat(" ", longBytes)); err != nil {
					close(gone)
					return
				}
			}
		}))
		e := &eater{full: errors.New("the client has gone")}
		failed(t, taking(within(t), c, e), messages.KindCancelled, messages.SentUnknown, "nobody reads", "the client has gone")
		select {
		case <-gone:
		case <-time.After(puppethttp.Patience):
			t.Error("the server writes on")
		}
		lives(t, c)
	})
}

func TestTaken_ManyAtOnceAreNotMixedUp(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	c := httpTo(p.URL).era("modern").dial(t)
	p.Always("tools/call:echo", func(x *puppethttp.Exchange) {
		says(envelope+`{"resultType":"complete","for":`+string(x.ID)+`,"x":`+longResult(3*longBytes)+`}}`, len(x.ID)%2 == 0)(x)
	})
	var all sync.WaitGroup
	var seen sync.Map
	for range 4 {
		all.Go(func() {
			for range 8 {
				e := new(eater)
				out := taking(within(t), c, e)
				if whose, rest, _ := strings.Cut(e.got.String(), `,"x":`); out.Failure != nil || rest != longResult(3*longBytes)+"}" {
					t.Errorf("%v, %d bytes", out.Failure, e.got.Len())
				} else if _, twice := seen.LoadOrStore(whose, true); twice {
					t.Errorf("%s came twice", whose)
				}
			}
		})
	}
	all.Wait()
}
