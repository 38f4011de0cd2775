package gateway

import (
	"fmt"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

func spec(name string, args ...string) messages.ServerSpec {
	return messages.ServerSpec{Name: name, Command: "x", Args: args, Env: map[string]string{"A": "1"}, Policy: messages.DefaultPolicy()}
}

func TestDiff_SaysWhatMustHappen(t *testing.T) {
	other := spec("b")
	other.Policy.MaxQueue = 1
	env := spec("b")
	env.Env = map[string]string{"A": "2"}
	for _, tc := range []struct {
		name            string
		running, wanted []messages.ServerSpec
		want            string
	}{
		{"nothing", nil, nil, "+[] ~[] -[] =[]"},
		{"all new, sorted", nil, []messages.ServerSpec{spec("b"), spec("a")}, "+[a b] ~[] -[] =[]"},
		{"all gone", []messages.ServerSpec{spec("b"), spec("a")}, nil, "+[] ~[] -[a b] =[]"},
		{"the same in another order", []messages.ServerSpec{spec("a"), spec("b")}, []messages.ServerSpec{spec("b"), spec("a")}, "+[] ~[] -[] =[a b]"},
		{"arguments", []messages.ServerSpec{spec("b")}, []messages.ServerSpec{spec("b", "-v")}, "+[] ~[b] -[] =[]"},
		{"policy", []messages.ServerSpec{spec("b")}, []messages.ServerSpec{other}, "+[] ~[b] -[] =[]"},
		{"environment", []messages.ServerSpec{spec("b")}, []messages.ServerSpec{env}, "+[] ~[b] -[] =[]"},
		{"a name twice: the first counts", nil, []messages.ServerSpec{spec("a"), spec("a", "-v")}, "+[a] ~[] -[] =[]"},
		{"of everything", []messages.ServerSpec{spec("a"), spec("b"), spec("c")}, []messages.ServerSpec{spec("d"), spec("b", "-v"), spec("a")}, "+[d] ~[b] -[c] =[a]"},
	} {
		d := diff(tc.running, tc.wanted)
		if got := fmt.Sprintf("+%v ~%v -%v =%v", d.Added, d.Changed, d.Removed, d.Unchanged); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestChangedTopics_TellsTheListsThatDiffer(t *testing.T) {
	const tools, resources, prompts = messages.TopicTools, messages.TopicResources, messages.TopicPrompts
	dir := func(catalogs ...messages.Catalog) *messages.Directory {
		d := &messages.Directory{Catalogs: catalogs}
		for _, c := range catalogs {
			d.Servers = append(d.Servers, c.Server)
		}
		return d
	}
	a := messages.Catalog{Server: "a", Version: 1, Tools: []messages.Tool{{Name: "t"}}}
	with := func(change func(*messages.Catalog)) messages.Catalog {
		c := a
		c.Version = 2
		change(&c)
		return c
	}
	for _, tc := range []struct {
		name          string
		before, after *messages.Directory
		want          messages.Topic
	}{
		{"nothing", dir(a), dir(a), 0},
		{"a server came", dir(), dir(a), tools | resources | prompts},
		{"its first catalog came, though it is empty", &messages.Directory{Servers: []string{"a"}},
			dir(messages.Catalog{Server: "a", Version: 1}), tools | resources | prompts},
		{"read again, the same", dir(a), dir(with(func(*messages.Catalog) {})), 0},
		{"stale alone", dir(a), dir(with(func(c *messages.Catalog) { c.Stale = true })), 0},
		{"tools", dir(a), dir(with(func(c *messages.Catalog) { c.Tools = nil })), tools},
		{"instructions are part of the tools' listing", dir(a), dir(with(func(c *messages.Catalog) { c.Peer.Instructions = "x" })), tools},
		{"resources", dir(a), dir(with(func(c *messages.Catalog) { c.Resources = []messages.Resource{{URI: "u"}} })), resources},
		{"templates", dir(a), dir(with(func(c *messages.Catalog) { c.Templates = []messages.Resource{{URI: "u"}} })), resources},
		{"prompts", dir(a), dir(with(func(c *messages.Catalog) { c.Prompts = []messages.Prompt{{Name: "p"}} })), prompts},
	} {
		if got := changedTopics(tc.before, tc.after); got != tc.want {
			t.Errorf("%s: %b, want %b", tc.name, got, tc.want)
		}
	}
}
