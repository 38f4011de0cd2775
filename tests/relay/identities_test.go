package relay_test

import (
	"fmt"
	"strings"
	"testing"
)

// More than one client may speak over one modern connection, since each request
// says who asks: each is told what the server says to it, and not what it said
// to the one in whose name its session was opened.
func TestDiscovery_EachIdentityOfAConnectionIsToldWhatIsSaidToIt(t *testing.T) {
	for _, st := range stages() {
		if !st.modern {
			continue
		}
		t.Run(st.String(), func(t *testing.T) {
			t.Parallel()
			s := st.setWith(t, func(up *upstream) {
				hello := up.hello(nil)
				up.on("server/discover", func(r *request) {
					who := string(member(r.Params, "_meta", "io.modelcontextprotocol/clientInfo", "name"))
					can := string(member(r.Params, "_meta", "io.modelcontextprotocol/clientCapabilities"))
					r.result(string(set([]byte(strings.Replace(hello, `{`, `{"instructions":"",`, 1)), fmt.Sprintf("%q", who+can), "instructions")))
				})
			})
			for _, name := range []string{"one", "another", "one"} {
				for _, can := range []string{`{}`, `{"roots":{}}`} {
					got := s.client.begin("server/discover", `{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",`+
						`"io.modelcontextprotocol/clientInfo":{"name":"`+name+`","version":"1"},"io.modelcontextprotocol/clientCapabilities":`+can+`}}`).result(t)
					wantEqual(t, "what "+name+" is told", member([]byte(got), "instructions"), []byte(fmt.Sprintf("%q", `"`+name+`"`+can)))
				}
			}
		})
	}
}
