package puppet

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mcpx/mcpx/tests/fakes/ledger"
)

// keepsLedger FILE SERVER [modern] [broken=PATH] [brittle=PATH] counts the calls
// of this process and keeps a ledger in the file. A broken one cannot start
// while there is something at the path; a brittle one then dies as soon as it
// has listed its tools, and of every call.
func keepsLedger(args []string) {
	book, err := ledger.Open(args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		quit(2)
	}
	// The time is for a machine that comes to the end of its pids.
	server, session := args[1], fmt.Sprintf("pid-%d-%x", os.Getpid(), time.Now().UnixMicro())
	note := func(what string) { book.Note(ledger.Entry{What: what, Server: server, Session: session}) }
	note(ledger.Started)
	s := legacyServer()
	brittle := ""
	for _, more := range args[2:] {
		key, path, _ := strings.Cut(more, "=")
		switch key {
		case "modern":
			s = modernServer()
		case "broken":
			quitWhile(path, "cannot start: the disk is full")
		case "brittle":
			brittle = path
		}
	}
	s.before = func(m message) bool {
		switch m.Method {
		case "initialize":
			note(ledger.Hello)
		case "server/discover":
			if s.modern != nil {
				note(ledger.Hello)
			}
		case "notifications/initialized":
			note(ledger.Ready)
		case "tools/list":
			s.result(m.ID, `{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":`+ledger.Tools+`}`)
			quitWhile(brittle, "out of memory")
			return true
		case "tools/call":
			quitWhile(brittle, "out of memory")
		}
		return false
	}
	var mu sync.Mutex
	count := 0
	answer := func(tool string, arguments json.RawMessage) string {
		var args struct {
			N   int
			Who string
		}
		_ = json.Unmarshal(arguments, &args) // of another shape they are none
		if tool == "" {
			return ledger.Count{}.Text()
		}
		mu.Lock()
		defer mu.Unlock()
		count++
		book.Note(ledger.Entry{What: ledger.Called, Server: server, Session: session, Tool: tool, N: args.N, Who: args.Who})
		return ledger.Count{Session: session, Count: count, N: args.N}.Text()
	}
	// What a process does for the first time takes longer, a second thread
	// included, and is not what anybody measures here.
	s.work.Go(func() { answer("", json.RawMessage(`{"n":1,"who":"nobody"}`)) })
	s.work.Wait()
	s.tools = map[string]func(call){}
	for _, name := range ledger.Names {
		s.tools[name] = func(c call) { c.text("%s", answer(name, c.Params.Arguments)) }
	}
	s.serve()
	note(ledger.Bye)
}

// quitWhile exits while there is something at the path.
func quitWhile(path, why string) {
	if _, err := os.Stat(path); err == nil {
		fmt.Fprintln(os.Stderr, why)
		quit(7)
	}
}
