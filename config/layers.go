package config

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
)

// delim stands between the levels of a key in koanf. Names of servers and of
// holders of keys may hold dots; this character none of them can.
const delim = "\x1f"

// merge lays layers over each other, the last one on top, and writes the
// result to t. Later values replace earlier ones as a whole, lists and
// objects of names too. It returns the settings that count.
func merge(t *target, layers ...layer) (layer, error) {
	if len(layers) == 1 { // as each server has: there is nothing to merge
		return layers[0].only(t), nil
	}
	merged, counts := koanf.New(delim), layer{}
	for _, l := range layers {
		flat := map[string]any{}
		for _, k := range keys {
			if s := l[k.name]; s.ok {
				flat[k.path()] = s.value
				counts[k.name] = s
			}
		}
		if err := merged.Load(confmap.Provider(flat, delim), nil); err != nil {
			return nil, err
		}
	}
	for _, k := range keys {
		if v := merged.Get(k.path()); v != nil && k.set != nil {
			k.set(t, v)
		}
	}
	return counts, nil
}

// only writes a layer that lies on no other to t and returns what counts.
func (l layer) only(t *target) layer {
	counts := layer{}
	for _, k := range keys {
		s := l[k.name]
		if !s.ok {
			continue
		}
		counts[k.name] = s
		if s.value != nil && k.set != nil {
			k.set(t, s.value)
		}
	}
	return counts
}

// written reports whether any of the layers has the key.
func written(name string, layers ...layer) bool {
	return slices.ContainsFunc(layers, func(l layer) bool { _, ok := l[name]; return ok })
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func asInt(v any) (int64, bool) {
	switch v := v.(type) {
	case int:
		return int64(v), true
	case time.Duration:
		return int64(v), true
	}
	return 0, false
}
