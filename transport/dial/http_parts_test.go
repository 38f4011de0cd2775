package dial

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
)

func TestHTTPTasks_NoneStartsOnceTheyAreClosedAndNoneIsForgotten(t *testing.T) {
	tasks := newHTTPTasks(1)
	goOn := make(chan struct{})
	if !tasks.GoSmall(func() { <-goOn }) {
		t.Fatal("the first small task did not start")
	}
	if tasks.GoSmall(func() { t.Error("a task beyond the bound ran") }) {
		t.Error("a small task beyond the bound was accepted")
	}
	ended := make(chan struct{})
	if !tasks.Go(func() { close(ended) }) {
		t.Error("the bound of small tasks held for another one")
	}
	<-ended
	idle := tasks.Close()
	if tasks.Go(func() {}) {
		t.Error("a task started after the close")
	}
	select {
	case <-idle:
		t.Error("idle with a task that runs")
	default:
	}
	close(goOn)
	<-idle
	if tasks.GoSmall(func() {}) { // its slot must come back
		t.Error("a small task started after the close")
	}
	if len(tasks.small) != 0 {
		t.Error("a slot is lost")
	}
	<-tasks.Close()
}

func TestHTTPStanding_PausesGrowAndStartAnewWhenSomethingCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		life, end := context.WithCancelCause(t.Context())
		c := &httpConn{pace: httpPace{first: time.Second, most: 4 * time.Second}, httpCore: &httpCore{life: life}}
		var opened []string
		begin := time.Now()
		visits := []visit{
			{again: true}, {again: true}, {again: true}, {again: true}, // 1, 2, 4, 4 s
			{again: true, lively: true},                         // 1 s
			{again: true, pause: 30 * time.Second},              // 30 s
			{again: true, lively: true, pause: time.Nanosecond}, // 1 s
			{},
		}
		c.standing(func() visit {
			opened = append(opened, time.Since(begin).String())
			v := visits[0]
			visits = visits[1:]
			return v
		})
		if got, want := strings.Join(opened, " "), "0s 1s 3s 7s 11s 12s 42s 43s"; got != want {
			t.Errorf("opened at %s, want %s", got, want)
		}
		// The end of the connection ends the pause.
		c.standing(func() visit {
			end(nil)
			return visit{again: true, pause: time.Hour}
		})
		if time.Since(begin) != 43*time.Second {
			t.Errorf("waited on: %v", time.Since(begin))
		}
	})
}

func TestHTTPWire_ClosedItKeepsNoConnection(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	w := newNetWire("http", messages.DefaultPolicy(), messages.DefaultLimits())
	w.Close()
	w.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := w.RoundTrip(req); err == nil {
		_ = resp.Body.Close()
		t.Error("a closed wire carried a request")
	}
	here, there := net.Pipe()
	defer func() { _ = there.Close() }()
	if _, err := w.own(here); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed wire took a connection: %v", err)
	}
	if _, err := here.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("and left it open: %v", err)
	}
}

func TestHTTPWire_IdleConnectionsAreGivenUpBeforeTheOtherSideDoes(t *testing.T) {
	for scheme, most := range map[string]time.Duration{"http": 5 * time.Second, "https": time.Minute} {
		w := newNetWire(scheme, messages.DefaultPolicy(), messages.DefaultLimits())
		if w.IdleConnTimeout >= most || w.MaxIdleConnsPerHost < messages.DefaultPolicy().MaxConcurrency {
			t.Errorf("%s: idle for %v, %d of them", scheme, w.IdleConnTimeout, w.MaxIdleConnsPerHost)
		}
		w.Close()
	}
}

func TestHTTPFault_NetworkErrorsInPlainWords(t *testing.T) {
	c := &httpCore{url: &url.URL{Host: "mcp.example"}, base: http.Header{"X-Key": {"open-sesame"}}, limits: messages.DefaultLimits()}
	for _, test := range []struct {
		err  error
		says string
	}{
		{&net.DNSError{Name: "mcp.example", Err: "no such host", IsNotFound: true}, "the host name mcp.example does not exist: check its url"},
		{&net.DNSError{Name: "mcp.example", Err: "server misbehaving"}, "the host name mcp.example could not be looked up: server misbehaving"},
		{x509.HostnameError{Host: "mcp.example", Certificate: &x509.Certificate{}}, "the TLS certificate of mcp.example is not valid: "},
		{x509.CertificateInvalidError{Reason: x509.Expired}, "the TLS certificate of mcp.example is not valid: "},
		{fmt.Errorf("dial: %w", context.DeadlineExceeded), "it did not answer in time"},
		{errors.New("http: server closed idle connection"), "it broke the connection"},
		{errors.New("proxyconnect tcp: open-sesame \x00 refused"), "proxyconnect tcp: *** refused"},
	} {
		if got := c.plain(test.err); !strings.HasPrefix(got, test.says) {
			t.Errorf("%v: %q, want %q", test.err, got, test.says)
		}
	}
}
