package front

import (
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// admit finds out who asks, opening a session of the message's era where there
// is none yet.
func (c *stdio) admit(req *request) *jsonrpc.Error {
	opening := req.msg.Method == methodInitialize
	switch {
	case req.modern:
		if problem := checkModern(*req, nil); problem != nil {
			return problem
		}
		req.caller = mcp.Caller{Principal: c.principal, Client: c.modernClient,
			Protocol: req.params.Meta.ProtocolVersion, Capabilities: req.params.Meta.ClientCapabilities, Info: req.params.Meta.ClientInfo}
		if c.modernClient == "" {
			return c.open(req)
		}
		return nil

	case opening && c.legacy.Client != "":
		return invalidRequest("this connection is initialized already")
	case opening:
		hello, problem := readInitialize(req.msg.Params)
		if problem != nil {
			return problem
		}
		req.caller = hello.caller(c.principal, "")
		return c.open(req)

	case c.legacy.Client == "" && req.msg.Method != methodPing:
		return invalidParams("send initialize first, or %s and %s in params._meta as %s demands",
			mcp.MetaProtocolVersion, mcp.MetaClientCapabilities, mcp.LatestModern)
	}
	req.caller = c.legacy
	return nil
}

// open opens the session of a request's era.
func (c *stdio) open(req *request) *jsonrpc.Error {
	c.endBatch()
	id, err := c.clients.OpenClient(c.lasting, c.specOf(req.caller))
	if err != nil {
		return errorOf(err, req.modern)
	}
	req.caller.Client = id
	if req.modern {
		c.modernClient = id
		return nil
	}
	c.legacy = req.caller
	if c.announcing {
		c.announce()
	}
	return nil
}

// start serves one request beside the reading loop. done gets the answer, nil
// when the client cancelled; without it the answer is sent. The request is noted before this returns, so that
// a cancellation on the next line finds it. An error is the answer of a
// request that was not started.
func (c *stdio) start(req request, done func(answer []byte)) *jsonrpc.Error {
	id := req.msg.ID
	if c.isListening(id) {
		return duplicate(id)
	}
	select {
	case c.slots <- struct{}{}:
	default:
		return mcp.ErrorOf(messages.Failf(messages.KindOverloaded, "",
			"%d requests of this connection are in flight; wait for answers", stdioParallel), req.modern)
	}
	f, err := c.begin(req)
	if err != nil {
		<-c.slots
		return beginError(err, id, req.modern)
	}
	c.requests.Add(1)
	if done == nil && f.launch() {
		return nil
	}
	kit.Go(func() { // with a stack that has grown already
		defer c.release()
		answer := c.conclude(f, f.req, c.notifier(f.req.caller.Client), f.end).message()
		if done == nil {
			c.out.send(answer)
		} else {
			done(answer)
		}
	})
	return nil
}

// release ends the time of a request as one in flight.
func (c *stdio) release() {
	<-c.slots
	c.requests.Done()
}

// notifier writes what is for a session.
func (c *stdio) notifier(client messages.ClientID) func(messages.Notification) error {
	return func(n messages.Notification) error {
		return c.put(client, n, c.out.write)
	}
}
