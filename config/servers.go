package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/mcpx/mcpx/messages"
)

const maxNameBytes = 128

// entry is one server as it stands in the file.
type entry struct {
	*checker
	name string
	at   int // where to point when something is missing
	node node
	own  layer // what counts of what stands in it; after spec
}

// entries finds the servers of both generations of the format, in the order of
// the file. An entry without a usable name is reported and left out.
func (c *checker) entries(root node) []entry {
	var found []entry
	for _, m := range root.members {
		switch {
		case m.value.kind == nullNode:
		case m.name == serversByName && m.value.kind != objectNode:
			c.errorf(m.value.at, m.name, "expected an object of servers by their names, found %s", m.value.describe())
		case m.name == serversByName:
			for _, s := range m.value.members {
				found = append(found, entry{checker: c.part(s.name), name: s.name, at: s.at, node: s.value})
			}
		case m.name == serversInList && m.value.kind != listNode:
			c.errorf(m.value.at, m.name, "expected a list of servers, found %s", m.value.describe())
		case m.name == serversInList:
			for i, item := range m.value.items {
				e := entry{checker: c.part(""), at: item.at, node: item}
				e.origin = fmt.Sprintf("%s[%d]", m.name, i)
				if e.nameFromMember() {
					found = append(found, e)
				}
			}
		}
	}
	first := map[string]int{}
	return slices.DeleteFunc(found, func(e entry) bool {
		at, again := first[e.name]
		if again {
			e.errorf(e.at, "", "a server of this name stands already at %s, which counts", e.place(at))
			return true
		}
		first[e.name] = e.at
		return !e.validName()
	})
}

// part makes a checker for one server, whose errors cost nothing but that server.
func (c *checker) part(server string) *checker {
	return &checker{report: c.report, server: server}
}

// nameFromMember finds the name of a server in a list.
func (e *entry) nameFromMember() bool {
	if e.node.kind != objectNode {
		e.errorf(e.at, "", "expected an object, found %s", e.node.describe())
		return false
	}
	for _, m := range e.node.members {
		if m.name != nameMember || m.value.kind == nullNode {
			continue
		}
		name, _, ok := e.str(nameMember, m.value, "a string")
		if ok {
			e.name, e.server, e.origin, e.at = name, name, "", m.value.at
		}
		return ok
	}
	e.errorf(e.at, "", "a server in a list requires 'name' field")
	return false
}

func (e *entry) validName() bool {
	switch {
	case e.name == "":
		e.errorf(e.at, "", "the name of a server must not be empty")
	case strings.ContainsFunc(e.name, unicode.IsControl):
		e.errorf(e.at, "", "the name of a server must not hold control characters")
	case len(e.name) > maxNameBytes:
		e.server = shorten(e.name)
		e.errorf(e.at, "", "the name of a server has at most %d bytes, this one %d", maxNameBytes, len(e.name))
	default:
		if strings.Contains(e.name, "/") {
			e.warnf(e.at, "", "the name holds a '/', which has to be written %%2F in URLs")
		}
		if e.name != strings.TrimSpace(e.name) {
			e.warnf(e.at, "", "the name begins or ends with white space, which callers have to write as well")
		}
		return true
	}
	return false
}

// inherited is what a server gets from around it, below what stands in itself.
type inherited struct {
	policy     messages.Policy
	forwarding messages.HeaderForwarding
	env        map[string]string // for processes
	maxWritten bool              // somebody has set request_timeout_max
}

// spec reads and checks one server.
func (e *entry) spec(base inherited) (messages.ServerSpec, bool) {
	if e.node.kind != objectNode {
		e.errorf(e.at, "", "expected an object, found %s", e.node.describe())
		return messages.ServerSpec{}, false
	}
	l := e.read(serverIndex, e.node)
	e.redundantName()
	t := defaults()
	t.spec.Name, t.spec.Policy, t.spec.Forwarding = e.name, base.policy, base.forwarding
	counts, err := merge(t, l)
	if err != nil {
		e.errorf(e.at, "", "%s", err)
		return messages.ServerSpec{}, false
	}
	e.own = counts
	t.spec.Disabled = !t.on
	e.reach(t, l)
	e.addEnv(&t.spec, base.env)
	e.settlePolicy(&t.spec.Policy, l, base.maxWritten)
	e.settlePool(&t.spec, l)
	normalize(&t.spec)
	return t.spec, !e.failed
}

// redundantName: under mcpServers the key is the name.
func (e *entry) redundantName() {
	for _, m := range e.node.members {
		if m.name == nameMember && m.value.kind == stringNode && m.value.text != e.name && m.value.at != e.at {
			e.warnf(m.at, nameMember, "ignored: this server's name is %q", e.name)
		}
	}
}

// remoteTypes are the types of servers behind a URL; "http" leaves it to the URL.
var remoteTypes = map[string]messages.Transport{
	"http":            messages.TransportHTTP,
	"sse":             messages.TransportSSE,
	"streamable-http": messages.TransportHTTP,
	"streamable_http": messages.TransportHTTP,
	"streamableHttp":  messages.TransportHTTP,
}

// reach decides how the server is reached, and checks that it can be.
func (e *entry) reach(t *target, l layer) {
	has := func(key string) bool {
		s, present := l[key]
		return present && (!s.ok || s.value != "")
	}
	at := e.at
	if s, ok := l["type"]; ok {
		if at = s.at; !s.ok {
			return
		}
	}
	transport := t.kind
	switch {
	case transport != "":
	case has("command") || !has("url"):
		transport = "stdio"
	default:
		transport = "http"
	}
	switch transport {
	case "stdio":
		t.spec.Transport = messages.TransportStdio
		if !has("command") {
			e.errorf(at, "", "stdio type requires 'command' field")
		}
		e.idle(l, transport, "url", "headers")
		if on, ok := l["client_header_forwarding.enabled"]; ok && on.value == true {
			e.warnf(on.at, "client_header_forwarding", "is not used by a server of type %s", transport)
		}
		t.spec.URL, t.spec.Headers, t.spec.Forwarding = "", nil, messages.HeaderForwarding{}
		return
	case "http":
		t.spec.Transport = messages.TransportHTTP
		if isSSE(t.spec.URL) {
			t.spec.Transport = messages.TransportSSE
		}
	default:
		declared, known := remoteTypes[transport]
		if !known {
			e.errorf(at, "", "unknown type '%s', must be 'stdio' or 'http'", label(transport))
			return
		}
		t.spec.Transport, t.spec.Declared = declared, true
	}
	if !has("url") {
		e.errorf(at, "", "%s type requires 'url' field", transport)
	}
	e.idle(l, transport, "command", "args", "env", "cwd")
	t.spec.Command, t.spec.Args, t.spec.Env, t.spec.Cwd = "", nil, nil, ""
}

// addEnv gives a process what the command line has for all of them.
func (e *entry) addEnv(s *messages.ServerSpec, env map[string]string) {
	if s.Transport != messages.TransportStdio || len(env) == 0 {
		return
	}
	all := maps.Clone(env)
	maps.Copy(all, s.Env)
	s.Env = all
	if own, ok := e.own["env"]; ok {
		own.variables = append(own.variables, "--env")
		e.own["env"] = own
		return
	}
	e.own["env"] = setting{at: nowhere, from: "--env"}
}

// idle warns of keys that a server of this type does not use.
func (e *entry) idle(l layer, transport string, keys ...string) {
	for _, key := range keys {
		if s, ok := l[key]; ok && s.ok && !isEmpty(s.value) {
			e.warnf(s.at, key, "is not used by a server of type %s", transport)
		}
	}
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case string:
		return v == ""
	case []string:
		return len(v) == 0
	case map[string]string:
		return len(v) == 0
	case map[string]time.Duration:
		return len(v) == 0
	}
	return false
}

// settlePool makes the bounds of a server's sessions agree with each other and
// with what the server is.
func (e *entry) settlePool(s *messages.ServerSpec, l layer) {
	if s.Exclusive {
		if s.Policy.Isolation != messages.IsolationShared {
			e.inert(l, "isolation", "an exclusive server has one session, which all share")
		}
		if s.Policy.PoolMin > 1 {
			e.inert(l, "pool.min", "an exclusive server has one session")
		}
		if s.Policy.PoolMax > 1 {
			e.inert(l, "pool.max", "an exclusive server has one session")
		}
		return
	}
	// A bound that nobody wrote gives way.
	if s.Policy.PoolMax == 0 && s.Policy.PoolMin > s.EffectivePoolMax() {
		s.Policy.PoolMax = s.Policy.PoolMin
	}
}

// inert warns of a key of the server's own that has no effect.
func (e *entry) inert(l layer, key, why string) {
	if s, ok := l[key]; ok && s.ok {
		e.warnf(s.at, key, "has no effect: %s", why)
	}
}

// settlePolicy makes the keys of a policy agree with each other.
func (c *checker) settlePolicy(p *messages.Policy, l layer, maxWritten bool) {
	if p.PoolMax > 0 && p.PoolMin > p.PoolMax {
		for _, key := range []string{"pool.min", "pool.max"} {
			if s, ok := l[key]; ok {
				c.errorf(s.at, key, "pool.min is %d and pool.max %d: the least must not be above the most", p.PoolMin, p.PoolMax)
				break
			}
		}
	}
	// The cap grows with the delay: who asks for two minutes means two minutes.
	p.RetryDelayMax = max(messages.DefaultPolicy().RetryDelayMax, p.RetryDelay)
	if p.RequestTimeout <= p.RequestTimeoutMax {
		return
	}
	// A bound that nobody wrote gives way to a timeout that somebody did.
	if !maxWritten && !written("request_timeout_max", l) {
		p.RequestTimeoutMax = p.RequestTimeout
		return
	}
	for _, key := range []string{"request_timeout", "request_timeout_max"} {
		if s, ok := l[key]; ok {
			c.warnf(s.at, key, "request_timeout is %s and request_timeout_max %s, which ends a call first",
				p.RequestTimeout.Round(time.Millisecond), p.RequestTimeoutMax.Round(time.Millisecond))
			return
		}
	}
}

// normalize makes specifications that mean the same equal, for the diff of a reload.
func normalize(s *messages.ServerSpec) {
	if len(s.Args) == 0 {
		s.Args = nil
	}
	if len(s.Env) == 0 {
		s.Env = nil
	}
	if len(s.Headers) == 0 {
		s.Headers = nil
	}
	if len(s.Forwarding.Allow) == 0 {
		s.Forwarding.Allow = nil
	}
	if len(s.Forwarding.Deny) == 0 {
		s.Forwarding.Deny = nil
	}
	if len(s.CacheTools) == 0 {
		s.CacheTools = nil
	}
	slices.Sort(s.DisabledTools)
	if s.DisabledTools = slices.Compact(s.DisabledTools); len(s.DisabledTools) == 0 {
		s.DisabledTools = nil
	}
}

// distribute hands the top level's disabled tools ("server.tool") to their
// servers: the longest matching name wins, since names may hold dots. known
// also holds servers that were left out.
func (c *checker) distribute(disabled setting, specs []messages.ServerSpec, known []string) {
	for _, entry := range disabled.entries() {
		server, tool, ok := messages.SplitMethod(known, entry)
		if !ok {
			c.warnf(disabled.at, "disabled_tools", "%q matches no server; expected server.tool", shorten(entry))
			continue
		}
		for i := range specs {
			if specs[i].Name == server {
				specs[i].DisabledTools = append(specs[i].DisabledTools, tool)
				normalize(&specs[i])
			}
		}
	}
}

func (s setting) entries() []string {
	if !s.ok {
		return nil
	}
	return s.value.([]string)
}
