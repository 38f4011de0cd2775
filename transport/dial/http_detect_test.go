package dial

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
)

func TestHTTPDetection_SettlesOnWhatTheServerListsAndTheConfigurationAllows(t *testing.T) {
	both := []string{puppethttp.Modern, puppethttp.Legacy}
	onlyLegacy, onlyModern := both[1:], both[:1]
	for _, test := range []struct {
		name                 string
		versions             []string
		protocol, remembered string
		speaks               string // the version settled on
		asked                string // the requests of the dial, in order
	}{
		{"auto at both eras", both, "", "", puppethttp.Modern, "server/discover"},
		{"auto at a modern server", onlyModern, "auto", "", puppethttp.Modern, "server/discover"},
		{"auto at a legacy server", onlyLegacy, "auto", "", puppethttp.Legacy, "server/discover initialize notifications/initialized"},
		{"legacy at both eras", both, "legacy", "", puppethttp.Legacy, "initialize notifications/initialized"},
		{"a legacy version at both eras", both, puppethttp.Legacy, puppethttp.Modern, puppethttp.Legacy, "initialize notifications/initialized"},
		{"modern at both eras", both, "modern", puppethttp.Legacy, puppethttp.Modern, "server/discover"},
		{"a modern version", both, puppethttp.Modern, "", puppethttp.Modern, "server/discover"},
		{"remembered legacy", both, "auto", puppethttp.Legacy, puppethttp.Legacy, "initialize notifications/initialized"},
		{"remembered modern", both, "auto", puppethttp.Modern, puppethttp.Modern, "server/discover"},
		{"remembered legacy, now modern", onlyModern, "auto", puppethttp.Legacy, puppethttp.Modern, "initialize server/discover"},
		{"remembered modern, now legacy", onlyLegacy, "auto", puppethttp.Modern, puppethttp.Legacy, "server/discover initialize notifications/initialized"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := puppethttp.Start(t, puppethttp.Options{Versions: test.versions})
			d := httpTo(p.URL).era(test.protocol)
			d.Request.Known.Protocol = test.remembered
			c := d.dial(t)
			peer := c.Peer()
			if peer.Protocol != test.speaks || peer.Modern != (test.speaks == puppethttp.Modern) {
				t.Errorf("speaks %s (modern %v), want %s", peer.Protocol, peer.Modern, test.speaks)
			}
			if peer.Name != "puppet" || string(peer.Capabilities) != puppethttp.Capabilities {
				t.Errorf("peer %+v", peer)
			}
			if c.Pid() != 0 {
				t.Errorf("pid %d", c.Pid())
			}
			var asked []string
			for _, rec := range p.Records() {
				if rec.Method != "" && rec.Method != "subscriptions/listen" {
					asked = append(asked, rec.Method)
				}
			}
			if got := strings.Join(asked, " "); got != test.asked {
				t.Errorf("asked %q, want %q", got, test.asked)
			}
			lives(t, c)
		})
	}
}

func TestHTTPDetection_ReadsModernErrorsBeforeItFallsBack(t *testing.T) {
	const discover = "server/discover"
	for _, test := range []struct {
		name   string
		answer puppethttp.Behaviour
		speaks string // empty when the dial must fail
		says   string
	}{
		{"lists legacy only", puppethttp.Answer(`{"supportedVersions":["2025-11-25"]}`), puppethttp.Legacy, ""},
		{"refuses our version and lists legacy", puppethttp.Fail(400, -32022, "no", `{"supported":["2025-11-25"]}`), puppethttp.Legacy, ""},
		{"the same with status 200", puppethttp.Fail(200, -32022, "no", `{"supported":["2025-11-25"]}`), puppethttp.Legacy, ""},
		{"refuses our version and lists it", puppethttp.Fail(400, -32022, "no", `{"supported":["2026-07-28"]}`), "", "at the same time lists it"},
		{"lists nothing that we speak", puppethttp.Fail(400, -32022, "no", `{"supported":["2031-01-01"]}`), "", "2031-01-01"},
		{"is modern and wants something else", puppethttp.Fail(400, -32021, "sampling is required", ""), "", "sampling is required"},
		{"another error", puppethttp.Fail(400, -32600, "what?", ""), puppethttp.Legacy, ""},
		{"an unknown method", puppethttp.Fail(200, -32601, "what?", ""), puppethttp.Legacy, ""},
		{"an empty 400", puppethttp.Status(400, ""), puppethttp.Legacy, ""},
		{"a page", puppethttp.Status(200, "<html>welcome</html>", "Content-Type: text/html"), puppethttp.Legacy, ""},
		{"no discovery", puppethttp.Answer(`{"hello":"world"}`), puppethttp.Legacy, ""},
		{"a server error", puppethttp.Status(500, "oops"), puppethttp.Legacy, ""},
		{"a broken connection", puppethttp.Reset(""), puppethttp.Legacy, ""},
		{"garbage", puppethttp.Status(200, "}{", "Content-Type: application/json"), puppethttp.Legacy, ""},
		{"401", puppethttp.Status(401, ""), "", "refused our credentials (401): check its headers"},
		{"403", puppethttp.Status(403, "no entry for Bearer sesame-open or sesame-open"), "", `refused our credentials (403): check its headers: no entry for *** or ***`},
		{"429", puppethttp.Status(429, "", "Retry-After: 7"), "", "429"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := puppethttp.Start(t, puppethttp.Options{})
			p.Always(discover, test.answer)
			d := httpTo(p.URL)
			if test.speaks != "" {
				if got := d.dial(t).Peer().Protocol; got != test.speaks {
					t.Errorf("speaks %s", got)
				}
				return
			}
			f := d.fails(t, within(t))
			if !strings.Contains(f.Message, test.says) || !strings.Contains(f.Message, `"srv"`) {
				t.Errorf("says %q, want %q", f.Message, test.says)
			}
			if p.Count("initialize") != 0 {
				t.Error("it went on with initialize")
			}
		})
	}
}

func TestHTTPDial_SaysInPlainWordsWhyThereIsNoConnection(t *testing.T) {
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	defer tls.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	garbage := puppethttp.Start(t, puppethttp.Options{})
	garbage.Always("server/discover", puppethttp.Garbage)
	garbage.Always("initialize", puppethttp.Garbage)
	endless := puppethttp.Start(t, puppethttp.Options{})
	endless.Always("server/discover", puppethttp.EndlessHeaders)
	endless.Always("initialize", puppethttp.EndlessHeaders)
	for _, test := range []struct{ name, url, protocol, says string }{
		{"nobody listens", puppethttp.Nowhere(t), "", "connection refused by 127.0.0.1:"},
		{"no such host", "http://nowhere.invalid/mcp", "", "nowhere.invalid"},
		{"a certificate that nobody trusts", tls.URL, "", "the TLS certificate of"},
		{"TLS where there is none", strings.Replace(plain.URL, "http", "https", 1), "", "does not speak TLS"},
		{"nothing of ours", plain.URL, "", "it answered initialize with HTTP 404 Not Found: 404 page not found; " +
			"nor does it speak the older HTTP+SSE: it answered GET with HTTP 404 Not Found: 404 page not found"},
		{"the same, asked in legacy only", plain.URL, "legacy", "nor does it speak the older HTTP+SSE"},
		{"the same, asked in modern only", plain.URL, "modern", "does not speak 2026-07-28, which its configuration demands"},
		{"not HTTP", garbage.URL, "", "does not speak HTTP"},
		{"endless headers", endless.URL, "", "limits.header_bytes (65536 bytes)"},
		{"no address", "ftp://host/x?key=secret", "", `"ftp://host/x?key=***" is not an http:// or https:// address`},
		{"half an address", "http://", "", "is not an http:// or https:// address"},
		{"an unknown protocol", plain.URL, "2020-01-01", "unknown protocol"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := httpTo(test.url).era(test.protocol).fails(t, within(t))
			if f.Kind != messages.KindUnavailable || !strings.Contains(f.Message, test.says) {
				t.Errorf("%v: %q, want %q", f.Kind, f.Message, test.says)
			}
		})
	}
}

func TestHTTPDial_EndsWithItsDeadlineAtAServerThatNeverAnswers(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	f := httpTo(puppethttp.Silent(t)).fails(t, ctx)
	if f.Kind != messages.KindTimeout || !strings.Contains(f.Message, "did not answer server/discover in time (connection_timeout: 1m0s)") {
		t.Errorf("%v: %s", f.Kind, f.Message)
	}
}

func TestHTTPDial_LeavesNoSessionBehindWhenItFails(t *testing.T) {
	for name, order := range map[string]func(p *puppethttp.Puppet){
		"initialized is refused": func(p *puppethttp.Puppet) {
			p.Always("notifications/initialized", puppethttp.Status(500, "no more memory"))
		},
		"an unknown version": func(p *puppethttp.Puppet) {
			p.Always("initialize", func(x *puppethttp.Exchange) {
				x.W.Header().Set("Mcp-Session-Id", "s")
				x.Result(`{"protocolVersion":"1999-01-01","capabilities":{}}`)
			})
		},
		"a version that the configuration does not allow": func(p *puppethttp.Puppet) {
			p.Always("initialize", func(x *puppethttp.Exchange) {
				x.W.Header().Set("Mcp-Session-Id", "s")
				x.Result(`{"protocolVersion":"2025-06-18","capabilities":{}}`)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := puppethttp.Start(t, puppethttp.Options{})
			order(p)
			if f := httpTo(p.URL).era(puppethttp.Legacy).fails(t, within(t)); f.Kind != messages.KindUnavailable {
				t.Errorf("%v: %s", f.Kind, f.Message)
			}
			p.Await(t, "DELETE", 1)
		})
	}
}

func TestHTTPDial_SaysWhatAServerSaysThatRefusesInitialize(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{Versions: []string{puppethttp.Legacy}})
	p.Always("initialize", puppethttp.Fail(400, -32602, "come back tomorrow", ""))
	f := httpTo(p.URL).fails(t, within(t))
	if !strings.Contains(f.Message, "refused initialize: come back tomorrow (-32602)") || strings.Contains(f.Message, "sse") {
		t.Errorf("says %q", f.Message)
	}
}

func TestHTTPRedirect_IsFollowedWithinTheOriginOnly(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/mcp", http.StatusTemporaryRedirect)
			return
		}
		p.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close) // after the connection is closed
	lives(t, httpTo(front.URL+"/moved").dial(t))

	for status, location := range map[int]string{307: p.URL + "?token=hidden", 302: "/mcp"} {
		away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, location, status)
		}))
		defer away.Close()
		before := p.Count("server/discover")
		f := httpTo(away.URL).fails(t, within(t))
		if !strings.Contains(f.Message, "redirects to http://") || !strings.Contains(f.Message, "change its url") || strings.Contains(f.Message, "hidden") {
			t.Errorf("%d: says %q", status, f.Message)
		}
		if p.Count("server/discover") != before {
			t.Errorf("%d: the redirect was followed", status)
		}
	}
}
