package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/dial"
	"github.com/mcpx/mcpx/transport/null"
)

// wires are all ways to a null server.
var wires = []struct{ name, over, protocol string }{
	{"http modern", "http", "modern"}, {"http legacy", "http", "legacy"}, {"sse", "sse", "legacy"},
	{"stdio modern", "stdio", "modern"}, {"stdio legacy", "stdio", "legacy"},
}

// spec describes a null server, called null.
func spec(b testing.TB, over, protocol string) messages.ServerSpec {
	s := messages.ServerSpec{Name: "null", Transport: messages.TransportHTTP, Protocol: protocol, Policy: messages.DefaultPolicy()}
	s.Policy.MaxConcurrency = 1 << 16
	switch over {
	case "stdio":
		s.Transport, s.Command = messages.TransportStdio, self(b)
		s.Env = map[string]string{envServer: over, "GOCOVERDIR": b.TempDir()}
		return s
	case "sse":
		s.Transport = messages.TransportSSE
	}
	s.URL = upstream(b, over)
	return s
}

var dialer = dial.New(json.RawMessage(`{"name":"mcpx-bench","version":"0"}`))

// nullCall is a call as it reaches a link.
var nullCall = messages.Request{Method: "tools/call", Name: null.ToolName, Params: json.RawMessage(params)}

const answered = "Nothing was done"

// One exchange with an upstream, by one caller and by sixteen at a time.
func BenchmarkExchange(b *testing.B) {
	for _, w := range wires {
		conn := connection(b, w.over, w.protocol)
		do := func() error {
			out := conn.Do(context.Background(), nullCall, new(link.SentFlag), messages.Discard)
			if out.Failure != nil || !strings.Contains(string(out.Result), answered) {
				return fmt.Errorf("%s %+v", out.Result, out.Failure)
			}
			return nil
		}
		inTurn(b, w.name, do)
		atOnce(b, w.name, do)
	}
}

func connection(b *testing.B, over, protocol string) link.Conn {
	b.Helper()
	conn, err := dialer.Dial(context.Background(), link.DialRequest{
		Spec: spec(b, over, protocol), Limits: messages.DefaultLimits(), Unsolicited: func(messages.Notification) {},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := conn.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
	return conn
}

func inTurn(b *testing.B, name string, do func() error) {
	b.Run(name+"/1", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := do(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func atOnce(b *testing.B, name string, do func() error) {
	b.Run(name+"/16", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(8) // for each of two processors
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := do(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}
