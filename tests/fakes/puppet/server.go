package puppet

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
)

// stdin is what all puppets read; record taps it.
var stdin io.Reader = os.Stdin

// message is one message of the client.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Name          string          `json:"name"`
		URI           string          `json:"uri"`
		ProgressToken json.RawMessage `json:"progressToken"`
		Arguments     json.RawMessage `json:"arguments"`
		RequestID     json.RawMessage `json:"requestId"`
		Meta          struct {
			ProgressToken json.RawMessage `json:"progressToken"`
		} `json:"_meta"`
		ProtocolVersion string          `json:"protocolVersion"`
		Notifications   json.RawMessage `json:"notifications"`
	} `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

// server is a well-behaved server of either era; puppets change what they want
// to be wrong.
type server struct {
	legacy, modern []string // supported versions, the best one first
	tools          map[string]func(c call)
	capabilities   string
	// before sees every message first; true means that it is dealt with.
	before func(m message) bool

	mu      sync.Mutex
	running map[string]chan struct{} // request id -> closed when cancelled
	listens []string                 // ids of open subscriptions
	work    sync.WaitGroup
}

// call is one tools/call.
type call struct {
	*server
	message
	cancelled <-chan struct{}
}

func (c call) text(format string, args ...any) {
	text, _ := json.Marshal(fmt.Sprintf(format, args...))
	c.result(c.ID, `{"content":[{"type":"text","text":`+string(text)+`}]}`)
}

func (s *server) write(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = io.WriteString(os.Stdout, line+"\n") // nobody to tell
}

func (s *server) result(id json.RawMessage, result string) {
	s.write(`{"jsonrpc":"2.0","id":` + string(id) + `,"result":` + result + `}`)
}

func (s *server) fail(id json.RawMessage, code int, text string) {
	s.write(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":%q}}`, id, code, text))
}

func (s *server) notify(method, params string) {
	s.write(`{"jsonrpc":"2.0","method":"` + method + `","params":` + params + `}`)
}

// serve answers until the end of input and then until the last call has ended.
func (s *server) serve() {
	s.running = map[string]chan struct{}{}
	if s.capabilities == "" {
		s.capabilities = `{"tools":{"listChanged":true},"logging":{}}`
	}
	in := bufio.NewReaderSize(stdin, 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			break
		}
		var m message
		if json.Unmarshal(line, &m) != nil || s.before != nil && s.before(m) {
			continue
		}
		s.handle(m)
	}
	s.mu.Lock()
	for _, c := range s.running {
		close(c)
	}
	s.running = map[string]chan struct{}{}
	s.mu.Unlock()
	s.work.Wait()
}

func (s *server) handle(m message) {
	switch m.Method {
	case "initialize":
		if len(s.legacy) == 0 {
			s.fail(m.ID, -32601, "no such method: initialize")
			return
		}
		version := s.legacy[0]
		for _, v := range s.legacy {
			if v == m.Params.ProtocolVersion {
				version = v
			}
		}
		s.result(m.ID, `{"protocolVersion":"`+version+`","capabilities":`+s.capabilities+`,"serverInfo":{"name":"puppet","version":"1"},"instructions":"pull"}`)
	case "server/discover":
		if len(s.modern) == 0 {
			s.fail(m.ID, -32601, "no such method: server/discover")
			return
		}
		versions, _ := json.Marshal(append(s.modern, s.legacy...))
		s.result(m.ID, `{"resultType":"complete","supportedVersions":`+string(versions)+`,"capabilities":`+s.capabilities+
			`,"instructions":"pull","ttlMs":0,"cacheScope":"public","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"puppet","version":"1"}}}`)
	case "ping":
		s.result(m.ID, `{}`)
	case "tools/list":
		s.list(m)
	case "tools/call":
		s.call(m)
	case "subscriptions/listen":
		s.mu.Lock()
		s.listens = append(s.listens, string(m.ID))
		s.mu.Unlock()
		s.notify("notifications/subscriptions/acknowledged", `{"_meta":{"io.modelcontextprotocol/subscriptionId":`+string(m.ID)+`},"notifications":`+string(m.Params.Notifications)+`}`)
	case "notifications/cancelled":
		s.mu.Lock()
		if c := s.running[string(m.Params.RequestID)]; c != nil {
			delete(s.running, string(m.Params.RequestID))
			close(c)
		}
		s.mu.Unlock()
	default:
		if m.ID != nil && m.Method != "" {
			s.fail(m.ID, -32601, "no such method: "+m.Method)
		}
	}
}

func (s *server) list(m message) {
	s.mu.Lock()
	tools := ""
	for name := range s.tools {
		if tools != "" {
			tools += ","
		}
		tools += `{"name":"` + name + `","inputSchema":{"type":"object"}}`
	}
	s.mu.Unlock()
	s.result(m.ID, `{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[`+tools+`]}`)
}

func (s *server) call(m message) {
	s.mu.Lock()
	run, ok := s.tools[m.Params.Name]
	cancelled := make(chan struct{})
	s.running[string(m.ID)] = cancelled
	s.mu.Unlock()
	if !ok {
		s.fail(m.ID, -32602, "no such tool: "+m.Params.Name)
		return
	}
	s.work.Go(func() {
		run(call{s, m, cancelled})
		s.mu.Lock()
		delete(s.running, string(m.ID))
		s.mu.Unlock()
	})
}

// listChanged tells the client as its era demands.
func (s *server) listChanged() {
	s.mu.Lock()
	listens := s.listens
	s.mu.Unlock()
	if len(s.modern) == 0 {
		s.notify("notifications/tools/list_changed", `{}`)
	}
	for _, id := range listens {
		s.notify("notifications/tools/list_changed", `{"_meta":{"io.modelcontextprotocol/subscriptionId":`+id+`}}`)
	}
}
