package puppethttp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/mcpx/mcpx/tests/fakes/ledger"
)

// Keep makes the puppet count the calls of each of its sessions and keep a
// ledger under the name of server. In the modern era, which has no sessions,
// all calls are those of one; over HTTP+SSE only hellos and calls are noted.
func (p *Puppet) Keep(book *ledger.Book, server string) {
	var mu sync.Mutex
	counts := map[string]int{}
	note := func(what, session string) { book.Note(ledger.Entry{What: what, Server: server, Session: session}) }
	p.Always("initialize", func(x *Exchange) {
		if !p.options.Older && !slices.Contains(p.options.Versions, Legacy) {
			x.Usual()
			return
		}
		session := x.session() // of HTTP+SSE, where the stream has opened it
		if !p.options.Older {
			session = p.mint()
			x.W.Header().Set("Mcp-Session-Id", session)
		}
		note(ledger.Hello, session)
		x.Result(fmt.Sprintf(hello, p.options.Versions[len(p.options.Versions)-1]))
	})
	p.Always("notifications/initialized", func(x *Exchange) {
		note(ledger.Ready, x.session())
		x.Usual()
	})
	p.Always(http.MethodDelete, func(x *Exchange) {
		note(ledger.Bye, x.session())
		x.Usual()
	})
	p.Always("tools/list", func(x *Exchange) {
		if x.modern() || p.options.Older || x.inSession() {
			x.Result(`{"tools":` + ledger.Tools + x.closing())
		}
	})
	p.Always("tools/call", func(x *Exchange) {
		if !x.modern() && !p.options.Older && !x.inSession() {
			return
		}
		var params struct {
			Arguments struct {
				N   int
				Who string
			}
		}
		_ = json.Unmarshal(x.Params, &params) // of another shape they are none
		args, session := params.Arguments, x.session()
		mu.Lock()
		counts[session]++
		now := counts[session]
		mu.Unlock()
		book.Note(ledger.Entry{What: ledger.Called, Server: server, Session: session, Tool: x.Tool(), N: args.N, Who: args.Who})
		x.text(ledger.Count{Session: session, Count: now, N: args.N}.Text())
	})
}
