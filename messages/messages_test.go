package messages_test

import (
	"context"
	"errors"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

func TestConnectionName_MasksSecrets(t *testing.T) {
	stdio := func(command string, args ...string) messages.ServerSpec {
		return messages.ServerSpec{Transport: messages.TransportStdio, Command: command, Args: args}
	}
	url := func(transport messages.Transport, raw string) messages.ServerSpec {
		return messages.ServerSpec{Transport: transport, URL: raw}
	}
	for _, tc := range []struct {
		spec messages.ServerSpec
		want string
	}{
		{stdio("uvx", "mcp-server-time", "--zone", "UTC"), "Stdio-uvx mcp-server-time --zone UTC"},
		{stdio("x", "--token", "s3cret", "-v"), "Stdio-x --token *** -v"},
		{stdio("x", "--api-key=s3cret"), "Stdio-x --api-key=***"},
		{stdio("x", "--db", "postgres://me:s3cret@db/x?sslkey=s3cret"), "Stdio-x --db postgres://me:***@db/x?sslkey=***"},
		{stdio("x", "API_TOKEN=s3cret"), "Stdio-x API_TOKEN=***"},
		{url(messages.TransportSSE, "http://127.0.0.1:8001/sse"), "SSE-http://127.0.0.1:8001/sse"},
		{url(messages.TransportHTTP, "https://u:s3cret@h/mcp?key=s3cret&key=s3cret#f"), "StreamableHTTP-https://u:***@h/mcp?key=***&key=***#f"},
		{url(messages.TransportHTTP, "http://[broken?key=s3cret"), "StreamableHTTP-http://[broken?***"},
		{url(messages.TransportHTTP, "http://[broken"), "StreamableHTTP-http://[broken"},
		{url("odd", "http://h"), "odd-http://h"},
	} {
		if got := tc.spec.ConnectionName(); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}

func TestConnectionTo_NamesTheTransportThatWasFound(t *testing.T) {
	spec := messages.ServerSpec{Transport: messages.TransportHTTP, URL: "http://h/x?key=s3cret"}
	for transport, want := range map[messages.Transport]string{
		"": "StreamableHTTP-http://h/x?key=***", messages.TransportHTTP: "StreamableHTTP-http://h/x?key=***", messages.TransportSSE: "SSE-http://h/x?key=***",
	} {
		if got := spec.ConnectionTo(messages.Peer{Transport: transport}); got != want {
			t.Errorf("%q: %q, want %q", transport, got, want)
		}
	}
	if spec.Transport != messages.TransportHTTP {
		t.Error("the specification was changed")
	}
}

func TestNamesOfKindsAndHowFarARequestGot(t *testing.T) {
	for kind, want := range map[messages.Kind]string{
		messages.KindNone: "none", messages.KindInvalidArgs: "invalid_arguments", messages.KindUpstream: "upstream_error",
		messages.KindInternal: "internal", 200: "kind(200)",
	} {
		if kind.String() != want {
			t.Errorf("%q, want %q", kind, want)
		}
	}
	if messages.SentNo.String()+messages.SentUnknown.String()+messages.SentDone.String() != "nounknowndone" {
		t.Error("how far a request got has other names")
	}
}

func TestOutcome_Err(t *testing.T) {
	if err := (messages.Outcome{}).Err(); err != nil {
		t.Errorf("a result is an error: %v", err)
	}
	f := messages.Failf(messages.KindTimeout, "a", "no answer from %s", "a")
	var found *messages.Failure
	if err := (messages.Outcome{Failure: f}).Err(); !errors.As(err, &found) || found != f || err.Error() != "no answer from a" {
		t.Errorf("%v", err)
	}
}

func TestPrincipal_TravelsWithTheContext(t *testing.T) {
	if p := messages.PrincipalFrom(context.Background()); p != messages.Anonymous || p.String() != "anonymous" {
		t.Errorf("%v", p)
	}
	alice := messages.Principal{Name: "alice"}
	if p := messages.PrincipalFrom(messages.WithPrincipal(context.Background(), alice)); p != alice || p.String() != "alice" {
		t.Errorf("%v", p)
	}
}

func TestCatalog_LookUps(t *testing.T) {
	c := messages.Catalog{Server: "a", Tools: []messages.Tool{{Name: "t"}}}
	if _, ok := c.Tool("x"); ok {
		t.Error("a tool that is not there")
	}
	d := messages.Directory{Catalogs: []messages.Catalog{c}}
	if found, ok := d.Catalog("a"); !ok || found.Tools[0].Name != "t" {
		t.Error("the catalog is not found")
	}
	if _, ok := d.Catalog("b"); ok {
		t.Error("a catalog that is not there")
	}
	if messages.Discard.Notify(messages.Notification{}) != nil {
		t.Error("discarding failed")
	}
}

func TestSplitMethod_TheLongestServerNameWins(t *testing.T) {
	servers := []string{"fs", "fs.local", "git.hub", ""}
	for method, want := range map[string][2]string{
		"fs.read":             {"fs", "read"},
		"fs.local.read":       {"fs.local", "read"},
		"fs.local":            {"fs", "local"},
		"fs.localread":        {"fs", "localread"},
		"git.hub.issues.list": {"git.hub", "issues.list"},
		"fs..":                {"fs", "."},
		".x":                  {"", "x"},
		"git.issues":          {}, "fs.": {}, "fs": {}, "fsx.read": {}, "read": {}, "": {}, ".": {},
	} {
		server, tool, ok := messages.SplitMethod(servers, method)
		if server != want[0] || tool != want[1] || ok != (want[1] != "") {
			t.Errorf("%q: got %q %q %v", method, server, tool, ok)
		}
	}
}
