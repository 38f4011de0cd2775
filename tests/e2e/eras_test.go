package e2e_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestEras_EveryLegacyRevisionInitialisesAndCalls(t *testing.T) {
	t.Parallel()
	h := shared(t)
	for _, revision := range []string{v20241105, v20250326, v20250618, v20251125} {
		t.Run(revision, func(t *testing.T) {
			c := dialHTTP(t, h.URL, revision)
			if got := string(result(t, c, "ping", `{}`)); got != "{}" {
				t.Errorf("ping: %s", got)
			}
			if tools := listedTools(t, result(t, c, "tools/list", `{}`)); len(tools) != 3 || !strings.Contains(tools["inspect"], "get-sum") {
				t.Errorf("tools/list: %v", tools)
			}
			if got := execute(t, c, "everything", "get-sum", `{"a":1,"b":2}`).text(t); got != "The sum of 1 and 2 is 3." {
				t.Errorf("exec: %q", got)
			}
			// Batches are of one revision only.
			batch := `[{"jsonrpc":"2.0","id":"a","method":"ping"},{"jsonrpc":"2.0","id":"b","method":"ping"}]`
			resp := c.send(t, http.MethodPost, batch, "", "")
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			served := resp.StatusCode == http.StatusOK && strings.Contains(string(body), `"a"`) && strings.Contains(string(body), `"b"`)
			if err != nil || served != (revision == v20250326) {
				t.Errorf("a batch: %s %s (%v)", resp.Status, body, err)
			}
			// Its end: the session is gone, and says so.
			resp = c.send(t, http.MethodDelete, "", "", "")
			_ = resp.Body.Close()
			if resp.StatusCode/100 != 2 {
				t.Errorf("DELETE: %s", resp.Status)
			}
			if status := c.notify(t, `{"jsonrpc":"2.0","id":9,"method":"ping"}`); status != http.StatusNotFound {
				t.Errorf("a request after the end of the session: status %d", status)
			}
		})
	}
}

func TestEras_EveryRevisionIsSpokenOverStdio(t *testing.T) {
	t.Parallel()
	servers := map[string]any{"puppet": puppetServer("plain")}
	for _, revision := range []string{v20241105, v20250326, v20250618, v20251125, modern} {
		t.Run(revision, func(t *testing.T) {
			t.Parallel()
			local := stdio(t, servers)
			c := local.client(t, revision)
			awaitDirectory(t, local, c, len(servers))
			if got := execute(t, c, "puppet", "add", `{"a":1,"b":2}`).text(t); got != "3" {
				t.Errorf("exec: %q", got)
			}
		})
	}
}

func TestEras_AModernClientDiscoversWhatItGets(t *testing.T) {
	t.Parallel()
	var d struct {
		ResultType, CacheScope, Instructions string
		SupportedVersions                    []string
		TTLMs                                *int
		Capabilities                         struct{ Tools *struct{ ListChanged bool } }
	}
	decode(t, result(t, dialHTTP(t, shared(t).URL, modern), "server/discover", `{}`), &d)
	if d.ResultType != "complete" || d.TTLMs == nil || d.CacheScope == "" || !strings.Contains(d.Instructions, "inspect") ||
		d.Capabilities.Tools == nil || !d.Capabilities.Tools.ListChanged || d.SupportedVersions[0] != modern {
		t.Errorf("%+v", d)
	}
}
