package puppet

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// mute reads everything and answers nothing.
func mute([]string) {
	in := bufio.NewReader(stdin)
	for {
		if _, err := in.ReadBytes('\n'); err != nil {
			return
		}
	}
}

// exit says why on stderr and goes, with status 7.
func exit(args []string) {
	fmt.Fprintln(os.Stderr, "warming up")
	fmt.Fprintln(os.Stderr, strings.Join(append([]string{"cannot start:"}, args...), " "))
	quit(7)
}

// crash dies of the tool "crash", with status 3.
func crash([]string) {
	s := legacyServer()
	s.tools["crash"] = func(call) {
		fmt.Fprintln(os.Stderr, "fatal: out of cheese")
		quit(3)
	}
	s.serve()
}

// deaf stops reading once the tool "deafen" was called, and lives on.
func deaf([]string) {
	s := legacyServer()
	s.before = func(m message) bool {
		if m.Params.Name == "deafen" {
			s.result(m.ID, `{"content":[]}`)
			<-make(chan struct{})
		}
		return false
	}
	s.serve()
}

// hush closes its stdout when the tool "hush" is called, and lives on.
func hush([]string) {
	s := legacyServer()
	s.tools["hush"] = func(call) { _ = os.Stdout.Close() }
	s.serve()
	<-make(chan struct{})
}

// half answers the tool "half" with half a line and is silent from then on.
func half([]string) {
	s := legacyServer()
	s.tools["half"] = func(c call) {
		c.mu.Lock() // for good
		_, _ = os.Stdout.WriteString(`{"jsonrpc":"2.0","id":` + string(c.ID) + `,"resu`)
	}
	s.serve()
}

// overlong BYTES answers the tools "first" and "last" with a result that is
// longer than that; the id stands where the name says.
func overlong(args []string) {
	size, _ := strconv.Atoi(args[0])
	s := legacyServer()
	long := func(before, after string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		chunk := strings.Repeat("x", 64<<10)
		_, _ = os.Stdout.WriteString(before)
		for left := size; left > 0; left -= len(chunk) {
			_, _ = os.Stdout.WriteString(chunk)
		}
		_, _ = os.Stdout.WriteString(after + "\n")
	}
	const result = `"result":{"content":[{"type":"text","text":"`
	s.tools["first"] = func(c call) { long(`{"jsonrpc":"2.0","id":`+string(c.ID)+`,`+result, `"}]}}`) }
	s.tools["last"] = func(c call) { long(`{"jsonrpc":"2.0",`+result, `"}]},"id":`+string(c.ID)+`}`) }
	s.tools["notification"] = func(c call) {
		long(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"`, `"}}`)
		c.text("fine")
	}
	s.serve()
}

// deep LEVELS answers the tool "deep" with a result nested that deep.
func deep(args []string) {
	levels, _ := strconv.Atoi(args[0])
	s := legacyServer()
	s.tools["deep"] = func(c call) {
		c.result(c.ID, `{"content":[],"deep":`+strings.Repeat("[", levels)+strings.Repeat("]", levels)+`}`)
	}
	s.serve()
}

// banner greets on stdout and mixes its answers with text that is no JSON-RPC.
func banner([]string) {
	s := legacyServer()
	s.write("Welcome to the puppet server!\n\n{not json\n{\"hello\":\"world\"}")
	s.before = func(message) bool {
		s.write("debug: got a message")
		return false
	}
	s.serve()
}

// confused answers the tool "confused" under ids that nobody used, then twice
// under the right one.
func confused([]string) {
	s := legacyServer()
	s.tools["confused"] = func(c call) {
		c.result([]byte(`987654321`), `{"content":[{"type":"text","text":"number"}]}`)
		c.result([]byte(`"`+string(c.ID)+`"`), `{"content":[{"type":"text","text":"string"}]}`)
		c.text("right")
		c.text("duplicate")
	}
	// Answers somebody else only.
	s.tools["stranger"] = func(c call) { c.result([]byte(`987654321`), `{"content":[]}`) }
	// Answers a call after its cancellation.
	s.tools["late"] = func(c call) { <-c.cancelled; c.text("late") }
	s.serve()
}

// garbled answers the tool "garbled" with something that names the call and is
// no JSON, and the tool "noise" with something that names nobody.
func garbled([]string) {
	s := legacyServer()
	s.tools["garbled"] = func(c call) { c.write(`{"jsonrpc":"2.0","id":` + string(c.ID) + `,"result":{]}`) }
	s.tools["noise"] = func(c call) { c.write(`{"result":{]} <- ` + "\x00\xff") }
	s.serve()
}

// flood N sends that many progress notifications before it answers the tool
// "flood", and that many list_changed outside of any request.
func flood(args []string) {
	n, _ := strconv.Atoi(args[0])
	s := legacyServer()
	s.tools["flood"] = func(c call) {
		for i := range n {
			c.notify("notifications/progress", fmt.Sprintf(`{"progressToken":%s,"progress":%d}`, c.Params.Meta.ProgressToken, i+1))
		}
		c.text("flooded")
	}
	s.tools["storm"] = func(c call) {
		for range n {
			c.listChanged()
		}
		c.text("stormed")
	}
	s.serve()
}

// grow has one tool more after each call of "grow", and says so.
func grow([]string) {
	s := legacyServer()
	n := 0
	s.tools["grow"] = func(c call) {
		c.mu.Lock()
		n++
		name := fmt.Sprintf("leaf%d", n)
		c.tools[name] = echo
		c.mu.Unlock()
		c.listChanged()
		c.text("%s", name)
	}
	s.serve()
}

// plug closes its stdin when the tool "plug" is called, and lives on.
func plug([]string) {
	s := legacyServer()
	s.before = func(m message) bool {
		if m.Params.Name == "plug" {
			_ = os.Stdin.Close()
			s.result(m.ID, `{"content":[]}`)
			<-make(chan struct{})
		}
		return false
	}
	s.serve()
}

// lastWords answers the tool "last" and is gone in the same moment, while a
// child of its holds the pipes.
func lastWords([]string) {
	spawn(false, "holder", false).wait()
	s := legacyServer()
	s.tools["last"] = func(c call) {
		c.text("last words")
		quit(0)
	}
	s.serve()
}
