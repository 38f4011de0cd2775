package gateway

import (
	"reflect"
	"slices"

	"github.com/mcpx/mcpx/messages"
)

// diff says what must happen to make the running servers the wanted ones. Of
// two wanted specifications with one name the first counts.
func diff(running, wanted []messages.ServerSpec) messages.Diff {
	was := map[string]messages.ServerSpec{}
	for _, s := range running {
		was[s.Name] = s
	}
	var d messages.Diff
	seen := map[string]bool{}
	for _, s := range wanted {
		if seen[s.Name] {
			continue
		}
		seen[s.Name] = true
		old, ok := was[s.Name]
		switch {
		case !ok:
			d.Added = append(d.Added, s.Name)
		case reflect.DeepEqual(old, s):
			d.Unchanged = append(d.Unchanged, s.Name)
		default:
			d.Changed = append(d.Changed, s.Name)
		}
	}
	for name := range was {
		if !seen[name] {
			d.Removed = append(d.Removed, name)
		}
	}
	for _, names := range [][]string{d.Added, d.Changed, d.Removed, d.Unchanged} {
		slices.Sort(names)
	}
	return d
}

// changedTopics says which lists differ between two directories.
func changedTopics(before, after *messages.Directory) messages.Topic {
	var topics messages.Topic
	if !slices.Equal(before.Servers, after.Servers) {
		topics |= messages.TopicTools | messages.TopicResources | messages.TopicPrompts
	}
	names := map[string]bool{}
	for _, d := range []*messages.Directory{before, after} {
		for i := range d.Catalogs {
			names[d.Catalogs[i].Server] = true
		}
	}
	for name := range names {
		b, had := before.Catalog(name)
		a, has := after.Catalog(name)
		if had != has {
			topics |= messages.TopicTools | messages.TopicResources | messages.TopicPrompts
			continue
		}
		if b.Version == a.Version {
			continue
		}
		if b.Peer.Instructions != a.Peer.Instructions || !reflect.DeepEqual(b.Tools, a.Tools) {
			topics |= messages.TopicTools
		}
		if !reflect.DeepEqual(b.Resources, a.Resources) || !reflect.DeepEqual(b.Templates, a.Templates) {
			topics |= messages.TopicResources
		}
		if !reflect.DeepEqual(b.Prompts, a.Prompts) {
			topics |= messages.TopicPrompts
		}
	}
	return topics
}
