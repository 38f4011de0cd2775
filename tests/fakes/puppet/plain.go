package puppet

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

var legacyVersions = []string{"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"}

// plain is a well-behaved legacy server with the tools of standard.
func plain([]string) { legacyServer().serve() }

// old speaks 2024-11-05 only.
func old([]string) { (&server{legacy: []string{"2024-11-05"}, tools: standard()}).serve() }

// modern is a well-behaved server of 2026-07-28 only.
func modern([]string) { modernServer().serve() }

func legacyServer() *server { return &server{legacy: legacyVersions, tools: standard()} }
func modernServer() *server { return &server{modern: []string{"2026-07-28"}, tools: standard()} }

func standard() map[string]func(call) {
	return map[string]func(call){
		"echo":     echo,
		"add":      add,
		"sleep":    sleep,
		"progress": progress,
		"content":  content,
		"log":      logs,
		"changed":  func(c call) { c.listChanged(); c.text("told") },
		"stderr":   func(c call) { fmt.Fprintln(os.Stderr, argument(c, "text")); c.text("said") },
		"pause":    func(c call) { c.text("resumed"); _ = syscall.Kill(os.Getpid(), syscall.SIGSTOP) },
	}
}

func argument(c call, name string) string {
	var args map[string]any
	_ = json.Unmarshal(c.Params.Arguments, &args)
	text, _ := args[name].(string)
	return text
}

// echo returns its arguments, byte for byte, as structured content.
func echo(c call) {
	args := string(c.Params.Arguments)
	if args == "" {
		args = "{}"
	}
	c.result(c.ID, `{"content":[],"structuredContent":`+args+`}`)
}

func add(c call) {
	var args struct{ A, B float64 }
	_ = json.Unmarshal(c.Params.Arguments, &args)
	c.text("%v", args.A+args.B)
}

// sleep answers never; it ends when it is cancelled.
func sleep(c call) { <-c.cancelled }

// progress reports three steps of its own token and answers.
func progress(c call) {
	for i := 1; i <= 3; i++ {
		if token := c.Params.Meta.ProgressToken; token != nil {
			c.notify("notifications/progress", fmt.Sprintf(`{"progressToken":%s,"progress":%d,"total":3}`, token, i))
		}
	}
	c.text("done")
}

// logs sends one log message and answers.
func logs(c call) {
	c.notify("notifications/message", `{"level":"info","data":"working"}`)
	c.text("logged")
}

// Contents is what the tool "content" returns: every kind of content, and one
// that no revision knows.
const Contents = `{"content":[` +
	`{"type":"text","text":"t"},` +
	`{"type":"image","data":"aW1n","mimeType":"image/png"},` +
	`{"type":"audio","data":"YXVk","mimeType":"audio/wav"},` +
	`{"type":"resource","resource":{"uri":"file:///r","mimeType":"text/plain","text":"r"}},` +
	`{"type":"resource_link","uri":"file:///l","name":"l"},` +
	`{"type":"hologram","depth":12345678901234567890,"x":[1.10,null]}` +
	`],"extra":{"kept":true}}`

func content(c call) { c.result(c.ID, Contents) }

// environment is plain with a tool that returns its environment, directory and
// arguments.
func environment(args []string) {
	s := legacyServer()
	s.tools["environment"] = func(c call) {
		dir, _ := os.Getwd()
		all, _ := json.Marshal(map[string]any{"env": os.Environ(), "dir": dir, "args": args, "group": syscall.Getpgrp(), "pid": os.Getpid()})
		c.result(c.ID, `{"content":[],"structuredContent":`+string(all)+`}`)
	}
	s.serve()
}

// stubborn ignores the end of input and SIGTERM.
func stubborn([]string) {
	signal.Ignore(syscall.SIGTERM)
	legacyServer().serve()
	fmt.Fprintln(os.Stderr, "I stay")
	<-make(chan struct{})
}

// counter counts its calls and reports its pid.
func counter([]string) {
	s := legacyServer()
	n := 0
	s.tools = map[string]func(call){"count": func(c call) {
		c.mu.Lock()
		n++
		now := n
		c.mu.Unlock()
		c.result(c.ID, fmt.Sprintf(`{"content":[],"structuredContent":{"count":%d,"pid":%d}}`, now, os.Getpid()))
	}}
	s.serve()
}

// record FILE BEHAVIOUR ARGS… appends every line that it receives to the file
// and is the other puppet otherwise.
func record(args []string) {
	file, err := os.OpenFile(args[0], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		quit(2)
	}
	stdin = tap{file}
	Run(args[1], args[2:])
}

type tap struct{ file *os.File }

func (t tap) Read(b []byte) (int, error) {
	n, err := os.Stdin.Read(b)
	_, _ = t.file.Write(b[:n])
	return n, err
}

// Recorded returns the complete lines that a record puppet has received so far.
func Recorded(file string) []string {
	b, _ := os.ReadFile(file)
	lines := strings.Split(string(b), "\n")
	return lines[:len(lines)-1]
}
