package relay_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/tests/testkit"
)

// A long result is on its way to its client when something goes wrong with it.
// The client must see that, as it would without mcpx in between: the answer has no
// end. Nobody else notices, and the call is not made again.
func TestMidway_WhatBreaksALongResultCutsItsClientOffAndNobodyElse(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	begin := func(x *puppethttp.Exchange, length int) {
		x.W.Header().Set("Content-Type", "application/json")
		if length > 0 {
			x.W.Header().Set("Content-Length", fmt.Sprint(length))
		}
		_, _ = fmt.Fprintf(x.W, `{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete","content":[{"type":"text","text":"%s`, x.ID, long)
		_ = http.NewResponseController(x.W).Flush()
	}
	end := func(tail string) puppethttp.Behaviour {
		return func(x *puppethttp.Exchange) {
			begin(x, 0)
			_, _ = io.WriteString(x.W, tail)
		}
	}
	p := puppethttp.Start(t, puppethttp.Options{})
	g := testkit.ServeConfig(t, testkit.Config(map[string]any{"up": map[string]any{"url": p.URL, "protocol": "modern"}},
		map[string]any{"limits": map[string]any{"message_bytes": 3 << 20}}))
	call := func() (string, error) {
		answer, err := testkit.Ask(t.Context(), http.MethodPost, g.URL+"/up",
			testkit.Modern(7, "tools/call", `{"name":"echo","arguments":{"text":"hello"}}`), testkit.ModernHeaders("tools/call", "echo"))
		return answer.Body, err
	}
	for name, broken := range map[string]puppethttp.Behaviour{
		"the server dies":           func(x *puppethttp.Exchange) { begin(x, 2<<20); panic(http.ErrAbortHandler) },
		"no JSON":                   end(`"}}}}`),
		"too short":                 end(`"}]`),
		"another id behind it":      end(`"}]},"id":"another"}`),
		"an error behind it":        end(`"}]},"error":{"code":1,"message":"m"}}`),
		"larger than may be passed": end(strings.Repeat(long, 3)),
	} {
		t.Run(name, func(t *testing.T) {
			before := p.Count("tools/call:echo")
			p.Once("tools/call:echo", broken)
			got, err := call()
			if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(got, `{"jsonrpc":"2.0","id":7,"result":{`) {
				t.Errorf("%v, %d bytes: %.100s", err, len(got), got)
			}
			if n := p.Count("tools/call:echo") - before; n != 1 {
				t.Errorf("it was called %d times", n)
			}
			if got, err := call(); err != nil || !strings.Contains(got, "hello") {
				t.Errorf("the next call: %v, %.200s", err, got)
			}
		})
	}
	p.Once("tools/call:echo", end(`"}]}}`))
	if got, err := call(); err != nil || len(got) < len(long) || !strings.HasSuffix(strings.TrimRight(got, " "), `x"}]}}`) {
		t.Errorf("one in good order: %v, %d bytes", err, len(got))
	}
}
