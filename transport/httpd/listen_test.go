package httpd

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestNew_RefusesWhatWouldBeUnsafeOrCannotBe(t *testing.T) {
	taken := serve(t, Options{})
	cert, key := certificate(t)
	for name, c := range map[string]struct {
		opts Options
		want string
	}{
		"all addresses without a key": {Options{Addr: ":0"}, "--insecure"},
		"0.0.0.0 without a key":       {Options{Addr: "0.0.0.0:0"}, "reachable from other machines"},
		"another address":             {Options{Addr: "192.0.2.1:0"}, "without an API key"},
		"a port in use":               {Options{Addr: taken.Addr().String()}, "another program uses that port"},
		"no address":                  {Options{Addr: "nonsense"}, `cannot listen on "nonsense"`},
		"an address not of ours":      {Options{Addr: "192.0.2.1:0", Insecure: true}, "cannot listen on 192.0.2.1:0"},
		"an empty key":                {Options{Addr: "127.0.0.1:0", Keys: map[string]string{"ann": ""}}, `"ann" is empty`},
		"a key with spaces":           {Options{Addr: "127.0.0.1:0", Keys: map[string]string{"ann": "k\n"}}, `spaces`},
		"a key without a name":        {Options{Addr: "127.0.0.1:0", Keys: map[string]string{"": "k"}}, "no name"},
		"an origin with a path":       {Options{Addr: "127.0.0.1:0", AllowedOrigins: []string{"https://a.example/x"}}, "is no origin"},
		"an origin without a scheme":  {Options{Addr: "127.0.0.1:0", AllowedOrigins: []string{"a.example"}}, "is no origin"},
		"a certificate without key":   {Options{Addr: "127.0.0.1:0", TLSCert: cert}, "both"},
		"a key without certificate":   {Options{Addr: "127.0.0.1:0", TLSKey: key}, "both"},
		"a missing certificate":       {Options{Addr: "127.0.0.1:0", TLSCert: cert + ".not", TLSKey: key}, "cannot read the TLS files"},
	} {
		s, err := New(c.opts)
		if err == nil {
			s.listener.Close()
			t.Errorf("%s: no error", name)
			continue
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
}

func TestNew_AnOccupiedPortCanBeTold(t *testing.T) {
	taken := serve(t, Options{})
	_, err := New(Options{Addr: taken.Addr().String()})
	var inUse *PortInUseError
	if !errors.As(err, &inUse) || inUse.Addr != taken.Addr().String() || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %#v", err)
	}
	_, err = New(Options{Addr: ":0"})
	var insecure *InsecureError
	if !errors.As(err, &insecure) {
		t.Errorf("got %#v", err)
	}
}

func TestNew_BeyondLoopbackWithAKeyOrOnDemand(t *testing.T) {
	for name, opts := range map[string]Options{
		"a key":    {Addr: "0.0.0.0:0", Keys: map[string]string{"ann": "k"}},
		"insecure": {Addr: ":0", Insecure: true},
	} {
		s := serve(t, opts)
		if !strings.HasPrefix(s.URL(), "http://127.0.0.1:") {
			t.Errorf("%s: URL %s", name, s.URL())
		}
		body(t, ask(t, s, http.MethodGet, "/healthz"))
	}
}

func TestNew_LocalhostIsBound(t *testing.T) {
	s := serve(t, Options{Addr: "localhost:0"})
	if got := body(t, ask(t, s, http.MethodGet, "/healthz")); got != "ok" {
		t.Errorf("%s", got)
	}
}

func TestTLS_Serves(t *testing.T) {
	cert, key := certificate(t)
	s := serve(t, Options{TLSCert: cert, TLSKey: key})
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true} // self-signed
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get(s.URL() + "/mcp")
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, response); got != "hello anonymous" || response.ProtoMajor != 2 {
		t.Errorf("%s over %s", got, response.Proto)
	}
}

// certificate writes a self-signed certificate.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: der},
		key:  {Type: "PRIVATE KEY", Bytes: privateDER},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestHeaders_BeyondTheLimitAre431(t *testing.T) {
	s := serve(t, Options{HeaderBytes: 1 << 10})
	response := ask(t, s, http.MethodGet, "/healthz", "X-Long", strings.Repeat("x", 16<<10))
	if body(t, response); response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", response.StatusCode)
	}
}

func TestHeaders_ThatNeverEndCloseTheConnection(t *testing.T) {
	s := serve(t, Options{ReadHeaderTimeout: 20 * time.Millisecond})
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection stays open")
	}
}

func TestShutdown_LetsRequestsFinishAndAcceptsNoMore(t *testing.T) {
	s, err := New(Options{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	entered, release := make(chan struct{}), make(chan struct{})
	s.HandlePublic("/slow", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		_, _ = io.WriteString(w, "finished")
	}))
	start(t, s)
	answer := make(chan string, 1)
	go func() { answer <- body(t, ask(t, s, http.MethodGet, "/slow")) }()
	<-entered
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(context.Background()) }()
	for { // until it accepts no more
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			break
		}
		conn.Close()
	}
	select {
	case err := <-down:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	close(release)
	if got := <-answer; got != "finished" {
		t.Errorf("%s", got)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
}

func TestShutdown_UsesForceWhenItsTimeIsUp(t *testing.T) {
	s, err := New(Options{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	s.HandlePublic("/stream", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	start(t, s)
	response := ask(t, s, http.MethodGet, "/stream")
	defer response.Body.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := bufio.NewReader(response.Body).ReadByte(); err == nil {
		t.Error("the stream goes on")
	}
}

func TestShutdown_BeforeServeAndTwice(t *testing.T) {
	s, err := New(Options{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := s.Serve(); err != nil {
		t.Errorf("Serve afterwards: %v", err)
	}
	again, err := New(Options{Addr: s.Addr().String()})
	if err != nil {
		t.Fatalf("the port is not free: %v", err)
	}
	again.listener.Close()
}

func TestServe_AListenerThatFailsIsReported(t *testing.T) {
	s, err := New(Options{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	s.listener.Close()
	if err := s.Serve(); err == nil || !strings.Contains(err.Error(), fmt.Sprint(s.Addr())) {
		t.Errorf("got %v", err)
	}
}
