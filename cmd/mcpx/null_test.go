package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/tests/testkit"
)

const nullCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"null","arguments":{}}}`

func TestNull_ListensUntilItIsAskedToStop(t *testing.T) {
	alone(t)
	for transport, path := range map[string]string{"http": "/mcp", "sse": "/sse"} {
		ctx, stop := context.WithCancel(t.Context())
		out, w := io.Pipe()
		code := make(chan int, 1)
		var errs testkit.Buffer
		go func() {
			code <- run(ctx, []string{"null", "--transport", transport, "--bytes", "12"}, streams{in: strings.NewReader(""), out: w, err: &errs})
		}()
		line, err := bufio.NewReader(out).ReadString('\n')
		url, ok := strings.CutPrefix(strings.TrimSpace(line), "Listening on ")
		if err != nil || !ok || !strings.HasSuffix(url, path) {
			t.Errorf("it printed %q (%v)", line, err)
		}
		if transport == "http" {
			got, err := testkit.Ask(t.Context(), http.MethodPost, url, nullCall, nil)
			if err != nil || !strings.Contains(got.Body, `"text":"Nothing was "`) {
				t.Errorf("%s (%v)", got.Body, err)
			}
		}
		stop()
		if got := <-code; got != exitOK {
			t.Errorf("%s: exit code %d\n%s", transport, got, &errs)
		}
	}
}

func TestNull_OverStdioEndsWithItsInput(t *testing.T) {
	alone(t)
	got := mcpx(t, nullCall+"\n", "null", "--transport", "stdio", "--bytes", "7")
	want := `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"Nothing"}]}}` + "\n"
	if got.code != exitOK || got.out != want {
		t.Errorf("%+v", got)
	}
}

func TestNull_MistakesSayWhatIsAllowed(t *testing.T) {
	alone(t)
	for want, args := range map[string][]string{
		"--transport must be":    {"--transport", "carrier-pigeon"},
		"the error rate must be": {"--error-rate", "2"},
		"invalid argument":       {"--delay", "soon"},
	} {
		got := mcpx(t, "", append([]string{"null"}, args...)...)
		if got.code != exitUsage || !strings.Contains(got.err, want) {
			t.Errorf("%v: %+v, want %q", args, got, want)
		}
	}
	if got := mcpx(t, "", "null", "--host", "192.0.2.1"); got.code != exitError || !strings.Contains(got.err, "cannot listen") {
		t.Errorf("an address of nobody here: %+v", got)
	}
}

func TestNull_IsAServerOfTheGateway(t *testing.T) {
	alone(t)
	url := make(chan string, 1)
	out, w := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"null"}, streams{in: strings.NewReader(""), out: w, err: io.Discard})
	}()
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n') // none: the call below says more
		url <- strings.TrimPrefix(strings.TrimSpace(line), "Listening on ")
	}()
	write(t, "mcpx.json", `{"mcpServers": {"null": {"url": "`+<-url+`"}}}`)
	got := mcpx(t, "", "call", "null.null", "{}")
	if got.code != exitOK || !strings.Contains(got.out, "Nothing was done") {
		t.Errorf("%+v", got)
	}
	stop()
	if got := <-code; got != exitOK {
		t.Errorf("exit code %d", got)
	}
}
