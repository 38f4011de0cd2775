package puppet

import (
	"strings"
	"sync"
)

// asks sends requests to its client while the tool "ask" runs, and returns the
// client's answers.
func asks([]string) {
	s := legacyServer()
	answers := make(chan string, 8)
	s.before = func(m message) bool {
		if m.Method != "" {
			return false
		}
		answers <- string(m.ID) + "=" + string(m.Result) + string(m.Error)
		return true
	}
	s.tools["ask"] = func(c call) {
		c.write(`{"jsonrpc":"2.0","id":"p","method":"ping"}`)
		c.write(`{"jsonrpc":"2.0","id":77,"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}`)
		c.text("%s", strings.Join([]string{<-answers, <-answers}, "\n"))
	}
	s.serve()
}

// input is a modern server that cannot answer without asking its client back.
func input([]string) {
	s := modernServer()
	s.before = func(m message) bool {
		if m.Method != "tools/call" && m.Method != "prompts/get" {
			return false
		}
		s.result(m.ID, `{"resultType":"input_required","requestState":"opaque","inputRequests":{`+
			`"who":{"method":"elicitation/create","params":{"mode":"form","message":"who?"}},`+
			`"what":{"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}},`+
			`"whom":{"method":"elicitation/create","params":{"mode":"form","message":"whom?"}}}}`)
		return true
	}
	s.serve()
}

// asksModern is a modern server that sends its client a request, which it must not.
func asksModern([]string) {
	s := modernServer()
	s.tools["ask"] = func(c call) {
		c.write(`{"jsonrpc":"2.0","id":77,"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}`)
		c.text("asked")
	}
	s.serve()
}

// curious asks its client in several ways: the tool "wonder" waits for the answer
// and returns it with the progress that came before; "relent" takes its question
// back at once; "later" asks when it has answered; "answers" returns what has come
// for the last two.
func curious([]string) {
	s := legacyServer()
	var mu sync.Mutex
	var progress, late []string
	answer := make(chan string, 1)
	s.before = func(m message) bool {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case m.Method == "notifications/progress":
			progress = append(progress, string(m.Params.ProgressToken))
		case m.Method == "" && string(m.ID) == `"wonder"`:
			answer <- string(m.Result) + string(m.Error)
		case m.Method == "":
			late = append(late, string(m.ID)+"="+string(m.Result)+string(m.Error))
		default:
			return false
		}
		return true
	}
	ask := func(id, params string) {
		s.write(`{"jsonrpc":"2.0","id":` + id + `,"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1` + params + `}}`)
	}
	s.tools["wonder"] = func(c call) {
		ask(`"wonder"`, `,"_meta":{"progressToken":"tok-7"}`)
		got := <-answer
		mu.Lock()
		defer mu.Unlock()
		c.text("%s", strings.Join(append(progress, got), "\n"))
	}
	s.tools["relent"] = func(c call) {
		ask("78", "")
		s.notify("notifications/cancelled", `{"requestId":78,"reason":"never mind"}`)
		c.text("relented")
	}
	s.tools["later"] = func(c call) {
		c.text("later")
		ask("79", "")
	}
	s.tools["answers"] = func(c call) {
		mu.Lock()
		defer mu.Unlock()
		c.text("%s", strings.Join(late, "\n"))
	}
	s.serve()
}
