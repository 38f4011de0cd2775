package front

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/mcp"
)

var update = flag.Bool("update", false, "write what the server says into the transcripts")

// shown are the headers of responses that transcripts show.
var shown = []string{"Allow", "Content-Type", mcp.HeaderSessionID, "Retry-After"}

// TestTranscripts replays what clients send, byte for byte, over one
// connection, and compares what the server says. Content-Length and Host are
// added; in a client's section "bytes N" stands for a body of N spaces.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/http/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, Options{Limits: messages.Limits{RequestBytes: 1000, Depth: 8}})
			w.clients.maxSessions = 2
			conn, err := net.Dial("tcp", w.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			in := bufio.NewReader(conn)
			for i := 0; i+1 < len(archive.Files); i += 2 {
				client, server := archive.Files[i], &archive.Files[i+1]
				if !strings.HasPrefix(client.Name, "client") || !strings.HasPrefix(server.Name, "server") {
					t.Fatalf("sections must alternate between client and server: %s, %s", client.Name, server.Name)
				}
				got := exchange(t, conn, in, string(client.Data))
				if *update {
					server.Data = []byte(got)
				} else if want := string(server.Data); got != want {
					t.Errorf("%s\n got %s\nwant %s", client.Name, got, want)
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// exchange sends one request and renders its response.
func exchange(t *testing.T, conn net.Conn, in *bufio.Reader, text string) string {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	body = strings.TrimSuffix(body, "\n")
	if n := 0; strings.HasPrefix(body, "bytes ") {
		if _, err := fmt.Sscanf(body, "bytes %d", &n); err != nil {
			t.Fatal(err)
		}
		body = strings.Repeat(" ", n)
	}
	lines := append(strings.Split(strings.TrimSpace(head), "\n"), "Host: localhost")
	if !strings.Contains(head, "Transfer-Encoding") {
		lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"+body); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(lines[0], " ")
	response, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("no response to %s: %v", lines[0], err)
	}
	got, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	fmt.Fprintln(&out, response.StatusCode)
	for _, name := range shown {
		if v := response.Header.Get(name); v != "" {
			fmt.Fprintf(&out, "%s: %s\n", name, v)
		}
	}
	if len(got) > 0 {
		fmt.Fprintf(&out, "\n%s", got)
		if !bytes.HasSuffix(got, []byte("\n")) {
			out.WriteByte('\n')
		}
	}
	if slices.Contains(response.Header["Connection"], "close") {
		t.Errorf("%s: the server closes the connection", lines[0])
	}
	return out.String()
}
