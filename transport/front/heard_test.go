package front

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/transport/mcp"
)

// Bodies are closed when they have been read: net/http must not take that for a
// client whose rest is to be thrown away with its connection.
func TestBodies_HoweverTheyComeTheNextRequestFollowsOnTheSameConnection(t *testing.T) {
	w := newWorld(t, Options{})
	session := w.initialize(mcp.V20251125)
	nc, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	answers := bufio.NewReader(nc)
	head := "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	for i := 0; i < len(session); i += 2 {
		head += session[i] + ": " + session[i+1] + "\r\n"
	}
	send := func(text string) {
		t.Helper()
		if _, err := io.WriteString(nc, text); err != nil {
			t.Fatal(err)
		}
	}
	answered := func(what string, id int) {
		t.Helper()
		response, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK || response.Close || !strings.Contains(string(body), fmt.Sprintf(`"id":%d,`, id)) {
			t.Fatalf("%s: %d, close: %v, %s %v", what, response.StatusCode, response.Close, body, err)
		}
	}
	sized := func(body string) string { return head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body) }

	send(sized(call(1, "echo")))
	answered("of a known length", 1)
	send(sized(call(2, "echo")) + sized(call(3, "echo")))
	answered("two at a time", 2)
	answered("two at a time", 3)
	long := call(4, "echo") + strings.Repeat(" ", 3*chunk)
	send(sized(long))
	answered("a long one", 4)
	body := call(5, "echo")
	send(head + fmt.Sprintf("Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n%x\r\n%s\r\n0\r\nX: y\r\n\r\n", len(body), body))
	answered("in chunks", 5)
	send(head + fmt.Sprintf("Expect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(call(6, "echo"))))
	if line, _ := answers.ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("it was not asked for the body, but told %q", line)
	}
	_, _ = answers.ReadString('\n')
	send(call(6, "echo"))
	answered("on demand", 6)
	send(sized(call(7, "echo")))
	answered("after all that", 7)
}
