package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// newWitness is a server that tells what has reached it.
func newWitness() *server.MCPServer {
	s := server.NewMCPServer("witness", "1.2.3")
	s.AddTool(mcp.NewTool("header", mcp.WithString("name", mcp.Required())), func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(strings.Join(r.Header.Values(r.GetString("name", "")), ", ")), nil
	})
	s.AddTool(mcp.NewTool("variable", mcp.WithString("name", mcp.Required())), func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(os.Getenv(r.GetString("name", ""))), nil
	})
	s.AddTool(mcp.NewTool("args"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(strings.Join(os.Args[1:], " ")), nil
	})
	return s
}

// runWitness is the witness as a process; TestMain starts it.
func runWitness() error {
	return server.NewStdioServer(newWitness()).Listen(context.Background(), os.Stdin, os.Stdout)
}

// witnesses starts the witness on both HTTP transports and returns their URLs,
// and its command.
func witnesses(t *testing.T) (sse, streamable string, command []string) {
	t.Helper()
	old, now := httptest.NewServer(server.NewSSEServer(newWitness())), httptest.NewServer(server.NewStreamableHTTPServer(newWitness()))
	t.Cleanup(func() {
		for _, s := range []*httptest.Server{old, now} {
			s.CloseClientConnections()
			s.Close()
		}
	})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return old.URL + "/sse", now.URL + "/mcp", []string{self, "witness-server"}
}

// base is the address without a path.
func (s *serving) base() string { return strings.TrimSuffix(s.url, "/mcp") }

// request sends what curl would.
func (s *serving) request(client *http.Client, method, path, body string, header ...string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.base()+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// posted is one POST that must succeed with this body.
type posted struct{ path, body, want string }

func (s *serving) calls(key string, calls ...posted) {
	s.t.Helper()
	var header []string
	if key != "" {
		header = []string{"Authorization", "Bearer " + key}
	}
	for _, c := range calls {
		if status, body := s.request(http.DefaultClient, http.MethodPost, c.path, c.body, header...); status != http.StatusOK || body != c.want {
			s.t.Errorf("POST %s %s: %d %s, want %s\n%s", c.path, c.body, status, body, c.want, s.errs)
		}
	}
}

func header(path, name, want string) posted {
	return posted{path, fmt.Sprintf(`{"name": %q}`, name), fmt.Sprintf("%q", want)}
}

// Each line is one of mcpo's README with another program's name, an own port
// and the address of a server that is really there.
func TestMcpo_EachFormOfItsCommandLineStartsAndServesTheSamePaths(t *testing.T) {
	alone(t)
	sse, streamable, command := witnesses(t)
	stdio := append([]string{"--"}, command...)
	write(t, ".env", "FROM_FILE='file'\nBOTH=file\n")
	const named = "/variable"
	for name, c := range map[string]struct {
		args  []string
		tail  []string
		calls []posted
	}{
		"a command": {[]string{"--api-key", "top-secret"}, append(stdio, "--local-timezone=America/New_York"), []posted{
			{"/args", "", `"witness-server --local-timezone=America/New_York"`}, {"/args", "{}", `"witness-server --local-timezone=America/New_York"`},
		}},
		"sse": {[]string{"--api-key", "top-secret", "--server-type", "sse"}, []string{"--", sse}, []posted{header("/header", "Authorization", "")}},
		"sse with headers": {
			[]string{"--api-key", "top-secret", "--server-type", "sse", "--header", `{"Authorization": "Bearer token", "X-Custom-Header": "value"}`}, []string{"--", sse},
			[]posted{header("/header", "Authorization", "Bearer token"), header("/header", "X-Custom-Header", "value")},
		},
		"streamable-http": {[]string{"--api-key", "top-secret", "--server-type", "streamable-http"}, []string{"--", streamable}, []posted{header("/header", "Authorization", "")}},
		"streamable_http, by its other name, with a header": {
			[]string{"-k", "top-secret", "--type", "streamable_http", "-H", `{"X-Custom-Header": "value"}`}, []string{"--", streamable},
			[]posted{header("/header", "x-custom-header", "value")},
		},
		"a URL alone":                 {[]string{"--api-key=top-secret"}, []string{"--", sse}, []posted{header("/header", "Authorization", "")}},
		"a type that says what it is": {[]string{"--api-key=top-secret", "--type=stdio"}, stdio, []posted{{"/args", "", `"witness-server"`}}},
		"variables": {
			[]string{"--api-key", "top-secret", "--env", "FIRST=one", "-e", "BOTH=flag", "--env-path", ".env"}, stdio,
			[]posted{header(named, "FIRST", "one"), header(named, "FROM_FILE", "file"), header(named, "BOTH", "flag"), header(named, "HOME", os.Getenv("HOME"))},
		},
		"a path prefix": {[]string{"--api-key", "top-secret", "--path-prefix", "tools"}, stdio, []posted{{"/tools/args", "", `"witness-server"`}}},
		"a root path": {[]string{"--root-path", "/api/mcpo", "--api-key", "top-secret"}, stdio, []posted{
			{"/api/mcpo/args", "", `"witness-server"`}, {"/args", "", `"witness-server"`},
		}},
		"everything at once": {
			[]string{"--host", "127.0.0.1", "-p", "0", "-k", "top-secret", "--strict-auth", "--cors-allow-origins", "https://a.example", "--cors-allow-origins", "https://b.example",
				"--root-path", "/root", "--path-prefix", "/prefix/", "-n", "Name", "-d", "Description", "-v", "9", "--log-level", "DEBUG", "--hot-reload"},
			stdio, []posted{{"/root/prefix/args", "", `"witness-server"`}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"--port", "0", "--log-format", "json"}, c.args...)
			s := startServing(t, append(args, c.tail...)...)
			s.calls("top-secret", c.calls...)
			path := c.calls[0].path
			// The long form works as well, and so does the key as a password.
			i := strings.LastIndex(path, "/")
			long := path[:i] + "/" + strings.TrimSuffix(strings.TrimPrefix(s.server(), "/"), "/") + path[i:]
			basic := http.Header{}
			(&http.Request{Header: basic}).SetBasicAuth("anybody", "top-secret")
			if status, body := s.request(http.DefaultClient, http.MethodPost, long, c.calls[0].body, "Authorization", basic.Get("Authorization")); status != http.StatusOK || body != c.calls[0].want {
				t.Errorf("POST %s: %d %s", long, status, body)
			}
			for key, want := range map[string]int{"": http.StatusUnauthorized, "Bearer wrong": http.StatusForbidden} {
				if status, body := s.request(http.DefaultClient, http.MethodPost, path, c.calls[0].body, "Authorization", key); status != want {
					t.Errorf("key %q: %d %s, want %d", key, status, body, want)
				}
			}
		})
	}
}

// server is the name of the only server, as the log has it.
func (s *serving) server() string {
	s.t.Helper()
	for line := range strings.Lines(s.errs.String()) {
		var fields struct{ Server, Message string }
		if json.Unmarshal([]byte(line), &fields) == nil && fields.Message == "Connected" {
			return fields.Server
		}
	}
	s.t.Fatalf("nothing is connected:\n%s", s.errs)
	return ""
}

// mcpoConfig is the configuration file of mcpo's README, with servers that are there.
func mcpoConfig(t *testing.T, more string) string {
	t.Helper()
	sse, streamable, command := witnesses(t)
	return fmt.Sprintf(`{
  "mcpServers": {
    "memory": {
      "command": %[1]q,
      "args": ["witness-server", "-y"],
      "cwd": "/tmp",
      "env": {"OWN": "own"}
    },
    "time": {
      "command": %[1]q,
      "args": ["demo-server"],
      "disabledTools": ["now"] // Disable specific tools if needed
    },
    "mcp_sse": {
      "type": "sse", // Explicitly define type
      "url": %[2]q,
      "headers": {
        "Authorization": "Bearer token",
        "X-Custom-Header": "value"
      },
      "connection_settings": {"retry_attempts": 2, "retry_delay": 0.1, "connection_timeout": 10, "sse_read_timeout": 30, "request_timeout": 20, "health_check_interval": 0}
    },
    "mcp_streamable_http": {
      "type": "streamable-http",
      "url": %[3]q,
      "client_header_forwarding": {"enabled": true, "whitelist": ["X-User-*", "X-Team"], "blacklist": ["X-User-Secret"]}
    } // Streamable HTTP MCP Server
    %[4]s
  }
}`, command[0], sse, streamable, more)
}

func TestMcpo_ItsConfigurationFileServesTheSamePaths(t *testing.T) {
	alone(t)
	write(t, "config/config.json", mcpoConfig(t, ""))
	s := startServing(t, "--config", "config/config.json", "--port", "0", "--log-format", "json", "--env", "GIVEN=flag", "--env", "OWN=flag")
	s.calls("",
		posted{"/memory/args", "", `"witness-server -y"`}, header("/memory/variable", "GIVEN", "flag"), header("/memory/variable", "OWN", "own"),
		posted{"/time/add", `{"a": 20, "b": 22}`, `{"sum":42}`},
		header("/mcp_sse/header", "Authorization", "Bearer token"), header("/mcp_sse/header", "X-Custom-Header", "value"),
	)
	if status, body := s.request(http.DefaultClient, http.MethodPost, "/time/now", `{}`); status != http.StatusForbidden && status != http.StatusNotFound {
		t.Errorf("a tool that is disabled answers: %d %s", status, body)
	}
	for name, want := range map[string]string{"X-User-Id": `"ann"`, "X-User-Secret": `""`, "X-Team": `"blue"`, "X-Other": `""`, "Authorization": `""`} {
		status, body := s.request(http.DefaultClient, http.MethodPost, "/mcp_streamable_http/header", fmt.Sprintf(`{"name": %q}`, name),
			"X-User-Id", "ann", "X-User-Secret", "s", "X-Team", "blue", "X-Other", "o", "Authorization", "Bearer of-the-caller")
		if status != http.StatusOK || body != want {
			t.Errorf("%s reaches the server as %s, want %s (%d)", name, body, want, status)
		}
	}
	for path, want := range map[string]string{"/openapi.json": "memory", "/memory/openapi.json": `"/args"`, "/time/docs": "<html", "/memory/health": `"status":"healthy"`, "/health": "healthy"} {
		if status, body := s.request(http.DefaultClient, http.MethodGet, path, ""); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("GET %s: %d %.300s", path, status, body)
		}
	}
}

func TestMcpo_ItsConfigurationFileIsReloaded(t *testing.T) {
	alone(t)
	config := mcpoConfig(t, "")
	write(t, "config.json", config)
	s := startServing(t, "--config", "config.json", "--hot-reload", "--port", "0", "--log-format", "json")
	s.calls("", posted{"/time/add", `{"a": 20, "b": 22}`, `{"sum":42}`})
	if status, body := s.request(http.DefaultClient, http.MethodPost, "/added/add", `{"a": 1, "b": 2}`); status != http.StatusNotFound {
		t.Errorf("a server that is not there yet: %d %s", status, body)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	end := strings.LastIndex(config, "\n  }")
	rename(t, "config.json", config[:end]+fmt.Sprintf(`, "added": {"command": %q, "args": ["demo-server"]}`, self)+config[end:])
	if got := s.reloaded(1); got != "added [added] changed [] removed [] unchanged 4" {
		t.Error(got)
	}
	s.calls("", posted{"/added/add", `{"a": 1, "b": 2}`, `{"sum":3}`}, posted{"/time/add", `{"a": 20, "b": 22}`, `{"sum":42}`})
	rename(t, "config.json", `{"mcpServers": {}}`)
	s.reloaded(2)
	if status, body := s.request(http.DefaultClient, http.MethodPost, "/added/add", `{"a": 1, "b": 2}`); status != http.StatusNotFound {
		t.Errorf("a server that has gone: %d %s", status, body)
	}
}

func TestMcpo_TLS(t *testing.T) {
	alone(t)
	pool := certificate(t)
	_, _, command := witnesses(t)
	s := startServing(t, append([]string{"--port", "0", "--api-key", "top-secret", "--ssl-certfile", "cert.pem", "--ssl-keyfile", "key.pem", "--"}, command...)...)
	if !strings.HasPrefix(s.url, "https://") {
		t.Fatalf("listens on %s", s.url)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.CloseIdleConnections()
	status, body := s.request(&http.Client{Transport: transport}, http.MethodPost, "/args", "", "Authorization", "Bearer top-secret")
	if status != http.StatusOK || body != `"witness-server"` {
		t.Errorf("%d %s", status, body)
	}
}

// certificate writes cert.pem and key.pem for this machine.
func certificate(t *testing.T) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return pool
}

func TestMcpo_DocumentsSayWhatTheFlagsSay(t *testing.T) {
	alone(t)
	_, _, command := witnesses(t)
	for name, c := range map[string]struct {
		flags  []string
		status int // without a key
		want   [3]string
	}{
		"as the server says":        {nil, http.StatusOK, [3]string{"witness", "", "1.2.3"}},
		"as the flags say":          {[]string{"--name", "Our tools", "--description", "All of them.", "--version", "7"}, http.StatusOK, [3]string{"Our tools", "All of them.", "7"}},
		"only for those with a key": {[]string{"--strict-auth"}, http.StatusUnauthorized, [3]string{"witness", "", "1.2.3"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"--port", "0", "--api-key", "top-secret"}, c.flags...)
			s := startServing(t, append(append(args, "--"), command...)...)
			if status, body := s.request(http.DefaultClient, http.MethodGet, "/openapi.json", ""); status != c.status {
				t.Errorf("without a key: %d %.300s", status, body)
			}
			_, body := s.request(http.DefaultClient, http.MethodGet, "/openapi.json", "", "Authorization", "Bearer top-secret")
			var document struct {
				Info  struct{ Title, Description, Version string }
				Paths map[string]any
			}
			if err := json.Unmarshal([]byte(body), &document); err != nil {
				t.Fatalf("%v: %.300s", err, body)
			}
			info := document.Info
			if got := [3]string{info.Title, info.Description, info.Version}; got != c.want || document.Paths["/args"] == nil {
				t.Errorf("got %q, want %q; paths %v", got, c.want, document.Paths)
			}
		})
	}
}

func TestMcpo_PagesOfAllowedOriginsMayCall(t *testing.T) {
	alone(t)
	_, _, command := witnesses(t)
	s := startServing(t, append([]string{"--port", "0", "--api-key", "top-secret", "--cors-allow-origins", "https://a.example,https://b.example", "--"}, command...)...)
	for origin, want := range map[string]int{"https://a.example": http.StatusNoContent, "https://b.example": http.StatusNoContent, "https://c.example": http.StatusForbidden} {
		status, body := s.request(http.DefaultClient, http.MethodOptions, "/args", "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")
		if status != want {
			t.Errorf("%s: %d %s, want %d", origin, status, body, want)
		}
	}
}
