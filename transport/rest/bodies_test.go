package rest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
)

func TestBody_GoesToTheServerAsItCame(t *testing.T) {
	f := clock()
	s := serve(t, f, Options{})
	for what, c := range map[string]struct{ body, sent string }{
		"nulls, undeclared keys, order": {`{"zone":"Z","x":{"b":null,"a":[1,{}]},"at":null}`, `{"zone":"Z","x":{"b":null,"a":[1,{}]},"at":null}`},
		"numbers beyond 2^53":           {`{"zone":"Z","n":90071992547409931234,"x":1.10e+5}`, `{"zone":"Z","n":90071992547409931234,"x":1.10e+5}`},
		"white space and escapes":       {"{\n\t\"zone\" : \"\\u00e9\\/\"\r\n}", `{"zone":"é/"}`},
	} {
		got := s.post("/time/convert", c.body)
		calls := f.called()
		if want := `{"name":"convert","arguments":` + c.sent + `}`; got.StatusCode != 200 || string(calls[len(calls)-1].Request.Params) != want {
			t.Errorf("%s: %d, sent %s, want %s", what, got.StatusCode, calls[len(calls)-1].Request.Params, want)
		}
	}
	last := f.called()[0]
	if last.Server != "time" || last.Request.Method != "tools/call" || last.Request.Name != "convert" || last.Client != "" || last.Request.ProgressToken != nil {
		t.Errorf("%+v", last)
	}
}

func TestBody_OfAToolWithoutPropertiesMayBeLeftOut(t *testing.T) {
	s := serve(t, clock(), Options{})
	for what, got := range map[string]response{
		"no body":                s.send(http.MethodPost, "/time/now", nil),
		"no body, but its type":  s.send(http.MethodPost, "/time/now", nil, "Content-Type", "application/json"),
		"no body, a form's type": s.send(http.MethodPost, "/time/now", nil, "Content-Type", "application/x-www-form-urlencoded"),
		"white space":            s.post("/time/now", " \n"),
		"an empty object":        s.post("/time/now", "{}"),
		"no type":                s.send(http.MethodPost, "/time/now", strings.NewReader("{}"), "Content-Type", ""),
	} {
		s.want(what, got, 200, `{"name":"now","arguments":{}}`)
	}
}

func TestBody_ThatDoesNotFitIs422WithThePathOfEachError(t *testing.T) {
	f := servers(map[string][]messages.Tool{"s": {
		tool("t", `{"type":"object","required":["a"],"additionalProperties":false,"properties":{"a":{"type":"integer","minimum":1},
			"list":{"type":"array","items":{"$ref":"#/$defs/p"}}},"$defs":{"p":{"type":"object","properties":{"name.x":{"enum":["u","v"]},"of":{"$ref":"#/$defs/p"}}}}}`),
		tool("broken", `{"type":"object","properties":{"a":{"$ref":"#/nowhere"}}}`),
	}})
	s := serve(t, f, Options{})
	for what, c := range map[string]struct{ body, detail string }{
		"missing":    {`{}`, `[{"loc":["body","a"],"msg":"$ misses the required property 'a'"}]`},
		"nothing":    {``, `[{"loc":["body","a"],"msg":"$ misses the required property 'a'"}]`},
		"not wanted": {`{"a":1,"b":2}`, `[{"loc":["body","b"],"msg":"$ has the unknown property 'b'"}]`},
		"deep": {`{"a":0,"list":[{},{"of":{"name.x":"w"}},5]}`,
			`[{"loc":["body","a"],"msg":"$.a must be at least 1"},{"loc":["body","list",1,"of","name.x"],"msg":"$.list[1].of['name.x'] must be one of \"u\", \"v\""},{"loc":["body","list",2],"msg":"$.list[2] is number, want object"}]`},
		"no object": {`[1]`, `[{"loc":["body"],"msg":"$ must be an object that holds the arguments"}]`},
		"null":      {`null`, `[{"loc":["body"],"msg":"$ must be an object that holds the arguments"}]`},
	} {
		s.want(what, s.post("/s/t", c.body), 422, `{"detail":`+c.detail+`}`)
	}
	s.wantMessage("a schema that nobody can use", s.post("/s/broken", "{}"), 500, "input schema")
	if calls := f.called(); calls != nil {
		t.Errorf("something was sent: %v", calls)
	}
}

func TestBody_ThatIsNotReadIsRefusedWithItsStatus(t *testing.T) {
	f := clock()
	s := serve(t, f, Options{Limits: messages.Limits{RequestBytes: 1000, Depth: 10}})
	deep := strings.Repeat(`{"a":`, 11) + "1" + strings.Repeat("}", 11)
	for what, c := range map[string]struct {
		got    response
		status int
		say    string
	}{
		"no JSON":           {s.post("/time/now", `{"a":`), 400, "not JSON"},
		"two values":        {s.post("/time/now", `{} {}`), 400, "not JSON"},
		"a form":            {s.send(http.MethodPost, "/time/now", strings.NewReader("a=1"), "Content-Type", "application/x-www-form-urlencoded"), 415, "application/json"},
		"a text":            {s.send(http.MethodPost, "/time/now", strings.NewReader("{}"), "Content-Type", "text/plain"), 415, "application/json"},
		"another charset":   {s.send(http.MethodPost, "/time/now", strings.NewReader("{}"), "Content-Type", "application/json; charset=latin1"), 415, "application/json"},
		"a type that isn't": {s.send(http.MethodPost, "/time/now", strings.NewReader("{}"), "Content-Type", ";;"), 415, "application/json"},
		"compressed":        {s.post("/time/now", `{}`, "Content-Encoding", "gzip"), 415, "gzip"},
		"not UTF-8":         {s.post("/time/now", "{\"a\":\"\xff\"}"), 400, "UTF-8"},
		"too deep":          {s.post("/time/now", deep), 400, "limits.depth"},
		"too large":         {s.post("/time/now", `{"a":"`+strings.Repeat("x", 1000)+`"}`), 413, "limits.request_bytes"},
		"too large, in chunks": {s.send(http.MethodPost, "/time/now", io.MultiReader(strings.NewReader(`{"a":"`), strings.NewReader(strings.Repeat("x", 1000))),
			"Content-Type", "application/json"), 413, "limits.request_bytes"},
	} {
		s.wantMessage(what, c.got, c.status, c.say)
	}
	for _, media := range []string{"application/json", "application/json; charset=UTF-8", "APPLICATION/JSON", "application/vnd.x+json"} {
		s.want(media, s.send(http.MethodPost, "/time/now", strings.NewReader("{}"), "Content-Type", media), 200, `{"name":"now","arguments":{}}`)
	}
	s.want("identity", s.post("/time/now", "{}", "Content-Encoding", "identity"), 200, `{"name":"now","arguments":{}}`)
	if n := len(f.called()); n != 5 {
		t.Errorf("%d calls", n)
	}
}

func TestBody_InChunksWithoutEndIsRefusedAtTheLimit(t *testing.T) {
	s := serve(t, clock(), Options{Limits: messages.Limits{RequestBytes: 1 << 20}})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		chunk := "10000\r\n" + strings.Repeat(" ", 0x10000) + "\r\n"
		_, err := io.WriteString(conn, "POST /time/now HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
		for err == nil {
			_, err = io.WriteString(conn, chunk)
		}
	}()
	_ = conn.SetReadDeadline(time.Now().Add(patienceCap))
	status, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || status != "HTTP/1.1 413 Request Entity Too Large\r\n" {
		t.Errorf("%q %v", status, err)
	}
	conn.Close()
	<-written
}

func TestBody_OfAClientThatStallsIsGivenUp(t *testing.T) {
	s := serve(t, clock(), Options{ReadTimeout: 20 * time.Millisecond})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /time/now HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(patienceCap))
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") || !strings.Contains(string(answer), "could not be read") {
		t.Errorf("%s %v", answer, err)
	}
}
