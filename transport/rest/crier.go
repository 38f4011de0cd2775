package rest

import (
	"sync"

	"github.com/mcpx/mcpx/messages"
)

// crier tells which endpoints there are, as servers connect and change, and
// which there cannot be. It also forgets documents of servers that have gone.
type crier struct {
	h     *Handler
	heard sync.Map // server -> heard; events come in order per server
	told  sync.Map // of EndpointHidden: each once
	end   func()
}

// heard is what events have said of a server.
type heard struct {
	tools     []string
	connected bool
}

func (h *Handler) cry() *crier {
	c := &crier{h: h}
	c.end = h.door.Subscribe(c.hear)
	return c
}

// hear runs on the goroutine that publishes. What it publishes itself comes
// behind the event it answers.
func (c *crier) hear(e messages.Event) {
	switch e := any(e).(type) { // these few of all events
	case messages.Connecting:
		if reserved[e.Server] && c.h.opts.Single != e.Server {
			c.hidden(messages.EndpointHidden{Server: e.Server})
		}
	case messages.CatalogChanged:
		of := c.of(e.Server)
		of.tools = e.Tools
		c.heard.Store(e.Server, of)
		if c.h.opts.Single == e.Server {
			for _, tool := range e.Tools {
				if reserved[tool] {
					c.hidden(messages.EndpointHidden{Server: e.Server, Tool: tool, Path: c.h.longPath(e.Server, tool)})
				}
			}
		}
		if of.connected {
			c.created(e.Server, of)
		}
	case messages.StateChanged:
		of := c.of(e.Server)
		of.connected = e.New == messages.StateConnected
		c.heard.Store(e.Server, of)
		if of.connected {
			c.created(e.Server, of)
		}
	case messages.DirectoryChanged:
		c.h.docs.forget(c.h.isServer)
		for server := range c.heard.Range {
			if !c.h.isServer(server.(string)) {
				c.heard.Delete(server)
			}
		}
	}
}

func (c *crier) of(server string) heard {
	of, _ := c.heard.Load(server)
	known, _ := of.(heard)
	return known
}

// created counts the tools that have a path.
func (c *crier) created(server string, of heard) {
	count := 0
	single := c.h.opts.Single == server
	for _, tool := range of.tools {
		short := single && !reserved[tool]
		if tool != "" && (short || !reserved[server]) && c.h.door.Allowed(messages.Anonymous, server, tool) == nil {
			count++
		}
	}
	if single || !reserved[server] {
		c.h.door.Publish(messages.EndpointsCreated{Server: server, Count: count})
	}
}

func (c *crier) hidden(e messages.EndpointHidden) {
	if _, told := c.told.LoadOrStore(e, true); !told {
		c.h.door.Publish(e)
	}
}
