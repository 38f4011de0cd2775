package gateway

import (
	"slices"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/messages"
)

// Table is where a server's name becomes an address, and where readers find
// what was last reported of each server: no reader ever waits for an actor.
// Only the gateway writes it. The map is replaced as a whole when the set of
// servers changes; within an entry, address and reports are replaced one by one.
type Table struct {
	entries   atomic.Pointer[map[string]*Entry]
	directory atomic.Pointer[messages.Directory]
}

// Entry is one server of the table.
type Entry struct {
	Spec     messages.ServerSpec // of the generation that serves
	disabled map[string]bool     // Spec.DisabledTools

	pid     atomic.Pointer[actor.PID]
	status  atomic.Pointer[messages.Status]
	catalog atomic.Pointer[messages.Catalog]
}

// NewTable returns an empty table.
func NewTable() *Table {
	t := &Table{}
	t.entries.Store(&map[string]*Entry{})
	t.directory.Store(&messages.Directory{})
	return t
}

// Lookup returns the entry of a server.
func (t *Table) Lookup(server string) (*Entry, bool) {
	e, ok := (*t.entries.Load())[server]
	return e, ok
}

// Names returns the names of all servers, sorted.
func (t *Table) Names() []string {
	entries := *t.entries.Load()
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Directory returns what all servers offer together.
func (t *Table) Directory() *messages.Directory { return t.directory.Load() }

// PID returns the address of the server's actor, nil for a disabled one.
func (e *Entry) PID() *actor.PID { return e.pid.Load() }

// Status returns what was last reported.
func (e *Entry) Status() messages.Status {
	s := *e.status.Load()
	if c := e.catalog.Load(); c != nil {
		s.Tools, s.Stale = len(c.Tools), c.Stale
	}
	return s
}

// Catalog returns the last known catalog.
func (e *Entry) Catalog() (messages.Catalog, bool) {
	if c := e.catalog.Load(); c != nil {
		return *c, true
	}
	return messages.Catalog{}, false
}

// Tool returns a tool of the last known catalog, nil when there is none of that name.
func (e *Entry) Tool(name string) *messages.Tool {
	if c := e.catalog.Load(); c != nil {
		if tool, ok := c.Tool(name); ok {
			return tool
		}
	}
	return nil
}

// ToolDisabled tells whether the configuration forbids the tool.
func (e *Entry) ToolDisabled(tool string) bool { return e.disabled[tool] }

func newEntry(spec messages.ServerSpec) *Entry {
	e := &Entry{Spec: spec, disabled: map[string]bool{}}
	for _, tool := range spec.DisabledTools {
		e.disabled[tool] = true
	}
	state := messages.StateConnecting
	if spec.Disabled {
		state = messages.StateDisconnected
	}
	e.status.Store(&messages.Status{
		Server: spec.Name, State: state, Connection: spec.ConnectionName(), Disabled: spec.Disabled,
		Health: messages.Health{Status: messages.HealthUnknown},
	})
	return e
}

// successor returns the entry of a changed specification, with what is known
// of the server so far.
func (e *Entry) successor(spec messages.ServerSpec) *Entry {
	next := newEntry(spec)
	if c := e.catalog.Load(); c != nil && !spec.Disabled {
		next.catalog.Store(c)
	}
	return next
}
