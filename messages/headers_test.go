package messages

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestHeaderForwarding_SelectsWhatIsAllowedAndNotDenied(t *testing.T) {
	request := map[string][]string{
		"Authorization": {"Bearer secret"}, "Cookie": {"a=1", "b=2"}, "X-User-Id": {"7"}, "x-user-name": {"ann"}, "X-Tenant": {"t1", "t2"},
		"User-Agent": {"curl"}, "X-Empty": {}, "X-Hop": {"here only"},
		"Connection": {"keep-alive, X-Hop"}, "Keep-Alive": {"5"}, "Proxy-Authorization": {"Basic x"}, "Te": {"trailers"}, "Transfer-Encoding": {"chunked"},
		"Upgrade": {"h2c"}, "Host": {"h"}, "Origin": {"https://a"}, "Content-Length": {"3"}, "Content-Type": {"text/plain"}, "Accept": {"*/*"},
		"Accept-Encoding": {"br"}, "Mcp-Session-Id": {"s"}, "Mcp-Param-X": {"p"}, "Last-Event-Id": {"9"}, "Idempotency-Key": {"k"}, "X-Idempotency-Key": {"k"}, "Sec-Fetch-Site": {"none"},
	}
	every := "User-Agent X-Tenant X-User-Id X-User-Name"
	for _, c := range []struct {
		name        string
		allow, deny []string
		want        string
	}{
		{"no list: all but credentials and what is bound to the connection", nil, nil, every},
		{"a star: the same", []string{"*"}, nil, every},
		{"names, in any case", []string{"x-tenant", "USER-AGENT"}, nil, "User-Agent X-Tenant"},
		{"a beginning", []string{"X-User-*"}, nil, "X-User-Id X-User-Name"},
		{"a beginning is no name", []string{"X-User"}, nil, ""},
		{"a star in the middle is none", []string{"X-*-Id"}, nil, ""},
		{"what is denied wins", []string{"X-User-*", "X-Tenant"}, []string{"x-user-id"}, "X-Tenant X-User-Name"},
		{"a beginning that is denied wins", []string{"X-User-Id", "X-Tenant"}, []string{"X-User*"}, "X-Tenant"},
		{"all is denied", []string{"X-Tenant"}, []string{"*"}, ""},
		{"Authorization by name", []string{"Authorization"}, nil, "Authorization"},
		{"Authorization by its beginning", []string{"Authorization*", "A*"}, nil, ""},
		{"Authorization by name, and denied", []string{"authorization"}, []string{"auth*"}, ""},
		{"cookies by name", []string{"cookie"}, nil, "Cookie"},
		{"what never goes, by name", []string{"Host", "Connection", "Transfer-Encoding", "Mcp-Session-Id", "Content-Length", "Origin", "Proxy-Authorization", "X-Hop"}, nil, ""},
	} {
		f := HeaderForwarding{Enabled: true, Allow: c.allow, Deny: c.deny}
		got := f.Select(request)
		if names := strings.Join(slices.Sorted(maps.Keys(got)), " "); names != c.want {
			t.Errorf("%s: got %q, want %q", c.name, names, c.want)
		}
		for name := range got {
			if !f.Allows(name) || NeverForwarded(name) {
				t.Errorf("%s: %s is selected and not allowed", c.name, name)
			}
		}
		if f.Enabled = false; f.Select(request) != nil || f.Allows("X-Tenant") {
			t.Errorf("%s: something is forwarded where nothing should be", c.name)
		}
	}
}

// Whoever takes headers from elsewhere asks once more.
func TestNeverForwarded_KnowsWhatIsNotACallersToSet(t *testing.T) {
	for name, want := range map[string]bool{
		"HOST": true, "content-type": true, "Mcp-Name": true, "MCP-Protocol-Version": true, "Accept-Encoding": true,
		"Authorization": false, "Cookie": false, "X-Tenant": false, "User-Agent": false,
	} {
		if NeverForwarded(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

func TestHeaderForwarding_SeveralValuesBecomeOne(t *testing.T) {
	got := HeaderForwarding{Enabled: true, Allow: []string{"Cookie", "X-*"}}.Select(map[string][]string{"cookie": {"a=1", "b=2"}, "x-tag": {"1", "2"}})
	if want := map[string]string{"Cookie": "a=1; b=2", "X-Tag": "1, 2"}; !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
