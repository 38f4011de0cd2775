package e2e_test

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mcpx/mcpx/tests/testkit"
)

// envDriver makes this binary the client that the official suite tests: mcpx,
// and somebody who uses it through one of its doors.
const envDriver = "MCPX_E2E_DRIVER"

// drive is such a client for one scenario, whose server is at url.
func drive(door, url string) error {
	if strings.HasPrefix(os.Getenv("MCP_CONFORMANCE_SCENARIO"), "auth/") {
		return nil // mcpx is no OAuth client
	}
	dir, err := os.MkdirTemp("", "driver-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // within the test's own
	if _, err := testkit.WriteConfig(dir, testkit.Config(map[string]any{"suite": map[string]any{"url": url}})); err != nil {
		return err
	}
	if door == "http" {
		return driveHTTP(dir)
	}
	bin, err := testkit.Binary()
	if err != nil {
		return err
	}
	p, err := testkit.StartPiped(testkit.Command(bin, dir, "stdio", "--endpoint", "suite", "mcpx.json"))
	if err != nil {
		return err
	}
	c := &suiteClient{in: p.Out, out: p.In, version: os.Getenv("MCP_CONFORMANCE_PROTOCOL_VERSION")}
	err = c.useAll()
	rest := make(chan struct{})
	go func() {
		defer close(rest)
		_, _ = io.Copy(io.Discard, p.Out)
	}()
	err = errors.Join(err, p.End(p.In.Close))
	<-rest
	return err
}

// driveHTTP lets the protocol's own test client use the transparent endpoint;
// it knows the scenarios by their names.
func driveHTTP(dir string) error {
	client, err := filepath.Abs(filepath.Join("..", "..", "bin", "everything-client"))
	if err != nil {
		return err
	}
	g, err := testkit.Serve(dir, "mcpx.json", "--port", "0")
	if err != nil {
		return err
	}
	cmd := exec.Command(client, g.URL+"/suite")
	cmd.Stderr = os.Stderr
	return errors.Join(cmd.Run(), g.Close())
}

// suiteClient speaks one revision over the pipe of `mcpx stdio`, one request at
// a time. It does what any scenario may want to see: it lists, calls, reads, and
// answers questions. Headers are all mcpx's own work here.
type suiteClient struct {
	in      *bufio.Reader
	out     io.Writer
	version string
	ids     int
}

type object = map[string]any

// identity is what this client says of itself.
var identity = object{"name": "driver", "version": "1"}

// offered are its capabilities.
var offered = object{"elicitation": object{"form": object{}}, "sampling": object{}, "roots": object{}}

var errRefused = errors.New("the answer is an error")

func (c *suiteClient) useAll() error {
	hello, params := "initialize", object{"protocolVersion": c.version, "capabilities": offered, "clientInfo": identity}
	if c.version == modern {
		hello, params = "server/discover", object{}
	}
	var server struct{ Capabilities map[string]json.RawMessage }
	if err := c.get(hello, params, &server); err != nil {
		return err
	}
	if c.version != modern {
		if err := c.send(object{"jsonrpc": "2.0", "method": "notifications/initialized"}); err != nil {
			return err
		}
	}
	var tools struct {
		Tools []struct {
			Name        string
			InputSchema json.RawMessage
		}
	}
	if err := c.get("tools/list", object{}, &tools); err != nil {
		return err
	}
	var calls struct{ ToolCalls []object } // what a scenario wants to be called with what
	if text := os.Getenv("MCP_CONFORMANCE_CONTEXT"); text != "" {
		if err := json.Unmarshal([]byte(text), &calls); err != nil {
			return err
		}
	}
	if calls.ToolCalls == nil {
		for _, tool := range tools.Tools {
			// Each takes what it knows of this.
			calls.ToolCalls = append(calls.ToolCalls, object{
				"name": tool.Name, "arguments": object{"a": 5, "b": 3, "region": "us-west1", "schema": tools.Tools[0].InputSchema},
			})
		}
	}
	for _, params := range calls.ToolCalls {
		// Not every scenario's server serves the tools that it lists.
		if err := c.get("tools/call", params, nil); err != nil && !errors.Is(err, errRefused) {
			return err
		}
	}
	if server.Capabilities["resources"] != nil {
		var list struct{ Resources []struct{ URI string } }
		if err := c.get("resources/list", object{}, &list); err != nil {
			return err
		}
		for _, r := range list.Resources {
			if err := c.get("resources/read", object{"uri": r.URI}, nil); err != nil {
				return err
			}
		}
	}
	if server.Capabilities["prompts"] == nil {
		return nil
	}
	var list struct{ Prompts []struct{ Name string } }
	if err := c.get("prompts/list", object{}, &list); err != nil {
		return err
	}
	for _, p := range list.Prompts {
		if err := c.get("prompts/get", object{"name": p.Name}, nil); err != nil {
			return err
		}
	}
	return nil
}

// get asks, answers what is asked back in either era, and decodes the result
// where into is given.
func (c *suiteClient) get(method string, params object, into any) error {
	for {
		result, err := c.ask(method, params)
		if err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		var r struct {
			ResultType    string
			InputRequests map[string]message
			RequestState  *string
		}
		if err := json.Unmarshal(result, &r); err != nil {
			return err
		}
		if r.ResultType != "input_required" {
			return json.Unmarshal(result, cmp.Or(into, any(&struct{}{})))
		}
		params = maps.Clone(params)
		answers := object{}
		for name, question := range r.InputRequests {
			answers[name] = agree(question)
		}
		if params["inputResponses"] = answers; r.RequestState != nil {
			params["requestState"] = *r.RequestState
		}
	}
}

// ask sends a request and reads until its answer.
func (c *suiteClient) ask(method string, params object) (json.RawMessage, error) {
	c.ids++
	if c.version == modern {
		params = maps.Clone(params)
		params["_meta"] = object{
			"io.modelcontextprotocol/protocolVersion": modern, "io.modelcontextprotocol/clientCapabilities": offered,
			"io.modelcontextprotocol/clientInfo": identity,
		}
	}
	if err := c.send(object{"jsonrpc": "2.0", "id": c.ids, "method": method, "params": params}); err != nil {
		return nil, err
	}
	for {
		line, err := c.in.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			return nil, fmt.Errorf("%w in %s", err, line)
		}
		switch {
		case m.Method != "" && m.ID != nil:
			err = c.send(object{"jsonrpc": "2.0", "id": m.ID, "result": agree(m)})
		case m.Error != nil:
			return nil, fmt.Errorf("%w: %s", errRefused, m.Error)
		case m.Method == "" && string(m.ID) == fmt.Sprint(c.ids):
			return m.Result, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (c *suiteClient) send(m object) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_, err = c.out.Write(append(b, '\n'))
	return err
}

// agree answers a form with its defaults (2025-11-25, elicitation), or true.
func agree(question message) object {
	var form struct {
		RequestedSchema struct {
			Properties map[string]struct{ Default any }
		}
	}
	if question.Method != "elicitation/create" || json.Unmarshal(question.Params, &form) != nil {
		return object{}
	}
	content := object{}
	for _, name := range slices.Sorted(maps.Keys(form.RequestedSchema.Properties)) {
		content[name] = cmp.Or(form.RequestedSchema.Properties[name].Default, any(true))
	}
	return object{"action": "accept", "content": content}
}
