package puppet

import "strings"

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
