package puppethttp

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Status answers with a status, headers ("Retry-After: 7") and a body.
func Status(status int, body string, headers ...string) Behaviour {
	return func(x *Exchange) {
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			x.W.Header().Set(name, value)
		}
		x.W.WriteHeader(status)
		x.write(body)
	}
}

// Answer answers with a result.
func Answer(result string) Behaviour { return func(x *Exchange) { x.Result(result) } }

// Fail answers with a JSON-RPC error.
func Fail(status, code int, message, data string) Behaviour {
	return func(x *Exchange) { x.Error(status, code, message, data) }
}

// Hang never answers: a half-open connection, seen from the client.
func Hang(x *Exchange) { x.Hang() }

// HangAfter begins an event stream and says no more after the given bytes.
func HangAfter(text string) Behaviour {
	return func(x *Exchange) {
		x.Stream()
		x.Raw(text)
		x.Hang()
	}
}

// Events sends the given bytes as an event stream and ends it.
func Events(text string) Behaviour {
	return func(x *Exchange) {
		x.Stream()
		x.Raw(strings.ReplaceAll(text, "$ID", string(x.ID)))
	}
}

// Reset answers with the beginning of a JSON text, if any, and resets the connection.
func Reset(beginning string) Behaviour {
	return func(x *Exchange) {
		conn := x.hijack()
		if beginning != "" {
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n%s", beginning)
		}
		reset(conn)
	}
}

// EndlessHeaders answers with headers that do not end.
func EndlessHeaders(x *Exchange) {
	conn := x.hijack()
	defer func() { _ = conn.Close() }()
	_, err := fmt.Fprint(conn, "HTTP/1.1 200 OK\r\n")
	for n := 0; err == nil; n++ {
		_, err = fmt.Fprintf(conn, "X-Endless-%d: %s\r\n", n, strings.Repeat("x", 1000))
	}
}

// Garbage answers with something that is not HTTP.
func Garbage(x *Exchange) {
	conn := x.hijack()
	_, _ = fmt.Fprint(conn, "220 mail.example.com ESMTP\r\n")
	_ = conn.Close()
}

func (x *Exchange) hijack() net.Conn {
	conn, _, err := http.NewResponseController(x.W).Hijack()
	if err != nil {
		panic(err) // net/http's servers of HTTP/1.1 always can
	}
	return conn
}

// Oversized answers with a text of n bytes.
func Oversized(n int) Behaviour {
	return func(x *Exchange) { x.text(strings.Repeat("x", n)) }
}

// Deep answers with a result that is nested n levels deep.
func Deep(n int) Behaviour {
	return Answer(`{"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}")
}

// Asks sends a request to the client on the stream of the answer, waits for the
// client's response, and answers with it.
func Asks(id, method string) Behaviour {
	return func(x *Exchange) {
		x.Event("", fmt.Sprintf(`{"jsonrpc":"2.0","id":%q,"method":%q,"params":{}}`, id, method))
		for {
			x.P.mu.Lock()
			changed, answer := x.P.changed, ""
			for _, rec := range x.P.records {
				if rec.Method == "" && string(rec.ID) == fmt.Sprintf("%q", id) {
					answer = string(rec.Body)
				}
			}
			x.P.mu.Unlock()
			if answer != "" {
				x.text(answer)
				return
			}
			select {
			case <-changed:
			case <-x.R.Context().Done():
				return
			case <-x.P.stopped:
				return
			}
		}
	}
}

// CutThenResume ends the stream of the answer after an event that primes the
// client, the given number of times, and answers when it is resumed. It must be
// ordered for the request and for GET (with Always): GET without Last-Event-ID
// does as usual.
func CutThenResume(times int, retry string) (request, get Behaviour) {
	var mu sync.Mutex
	var id []byte
	left := times
	prime := fmt.Sprintf("id: e%%d\n%sdata:\n\n", retry)
	request = func(x *Exchange) {
		mu.Lock()
		defer mu.Unlock()
		id = x.ID
		x.Stream()
		x.Raw(fmt.Sprintf(prime, left))
	}
	get = func(x *Exchange) {
		if x.Header.Get("Last-Event-ID") == "" {
			x.Usual()
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if left--; left > 0 {
			x.Stream()
			x.Raw(fmt.Sprintf(prime, left))
			return
		}
		x.ID = id
		x.Stream()
		x.text("resumed after " + x.Header.Get("Last-Event-ID"))
	}
	return request, get
}

// InputRequired asks for input, as a modern server does.
const InputRequired = `{"resultType":"input_required","inputRequests":{"name":{"method":"elicitation/create",` +
	`"params":{"message":"Your name?","requestedSchema":{"type":"object"}}}},"requestState":"s"}`

// Silent listens, accepts and never says a word; it returns its URL.
func Silent(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan []net.Conn)
	go func() {
		var conns []net.Conn
		for {
			conn, err := l.Accept()
			if err != nil {
				accepted <- conns
				return
			}
			conns = append(conns, conn)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		for _, conn := range <-accepted {
			_ = conn.Close()
		}
	})
	return "http://" + l.Addr().String() + "/mcp"
}

// Nowhere returns a URL at which nobody listens, nor will before the test ends.
func Nowhere(t testing.TB) string {
	t.Helper()
	port, release, err := Occupy(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return fmt.Sprintf("http://127.0.0.1:%d/mcp", port)
}

// Occupy takes a port (0: any) without listening, until it is released: it
// refuses connections, and no other program of this machine is given it. Who
// asks for it by its number can listen there all the same.
func Occupy(port int) (int, func(), error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, nil, err
	}
	release := func() { _ = syscall.Close(fd) }
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1) // connections of who listened may linger
	err = syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	var bound syscall.Sockaddr
	if err == nil {
		bound, err = syscall.Getsockname(fd)
	}
	if err != nil {
		release()
		return 0, nil, err
	}
	return bound.(*syscall.SockaddrInet4).Port, release, nil
}
