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
//
// What it returns notes a call as the usual behaviour does, and leaves the
// answer to another one: it tells whether there is one to give.
func (p *Puppet) Keep(book *ledger.Book, server string) (noted func(x *Exchange) (ledger.Count, bool)) {
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
		if x.mayAsk() {
			x.Result(`{"tools":` + ledger.Tools + x.closing())
		}
	})
	noted = p.counting(book, server)
	p.Always("tools/call", func(x *Exchange) {
		if count, ok := noted(x); ok {
			x.text(count.Text())
		}
	})
	return noted
}

func (p *Puppet) counting(book *ledger.Book, server string) func(x *Exchange) (ledger.Count, bool) {
	var mu sync.Mutex
	counts := map[string]int{}
	return func(x *Exchange) (ledger.Count, bool) {
		if !x.mayAsk() {
			return ledger.Count{}, false
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
		defer mu.Unlock()
		counts[session]++
		book.Note(ledger.Entry{What: ledger.Called, Server: server, Session: session, Tool: x.Tool(), N: args.N, Who: args.Who})
		return ledger.Count{Session: session, Count: counts[session], N: args.N}, true
	}
}

// mayAsk tells whether the request belongs to a session, where it needs one,
// and answers if it does not.
func (x *Exchange) mayAsk() bool { return x.modern() || x.P.options.Older || x.inSession() }
