package schema

import (
	"container/list"
	"crypto/sha256"
	"encoding/json"
	"sync"
)

// The bounds of a cache whose limits are not given. A subschema takes about a
// kilobyte compiled. Beyond them the schema that was used least recently is
// forgotten and compiled anew when it comes again.
const (
	DefaultCacheSchemas    = 4096
	DefaultCacheSubschemas = 65_536
)

// Cache holds compiled schemas by the digest of their text, failures included.
// Each text is compiled once, however many callers ask at the same time. Safe
// for concurrent use. The zero value is ready.
type Cache struct {
	MaxSchemas    int // 0: DefaultCacheSchemas
	MaxSubschemas int // 0: DefaultCacheSubschemas

	mu      sync.Mutex // guards the bookkeeping only, nothing is compiled under it
	entries map[digest]*list.Element
	used    list.List // of *entry, most recently used first
	size    int       // subschemas
}

type digest [sha256.Size]byte

type entry struct {
	key    digest
	once   sync.Once
	schema *Schema
	err    error
	size   int // as counted in Cache.size; guarded by Cache.mu
}

// Compile is the function Compile, remembered.
func (c *Cache) Compile(raw json.RawMessage) (*Schema, error) {
	e := c.entry(sha256.Sum256(raw))
	e.once.Do(func() {
		e.schema, e.err = Compile(raw)
		c.charge(e)
	})
	return e.schema, e.err
}

func (c *Cache) entry(key digest) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if el, ok := c.entries[key]; ok {
		c.used.MoveToFront(el)
		return el.Value.(*entry)
	}
	if c.entries == nil {
		c.entries = map[digest]*list.Element{}
	}
	e := &entry{key: key}
	c.entries[key] = c.used.PushFront(e)
	c.evict()
	return e
}

// charge counts what a compiled schema weighs.
func (c *Cache) charge(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if el, ok := c.entries[e.key]; !ok || el.Value != e {
		return // forgotten while it was compiled
	}
	e.size = 1
	if e.schema != nil {
		e.size = e.schema.size
	}
	c.size += e.size
	c.evict()
}

func (c *Cache) evict() {
	schemas, subschemas := c.MaxSchemas, c.MaxSubschemas
	if schemas <= 0 {
		schemas = DefaultCacheSchemas
	}
	if subschemas <= 0 {
		subschemas = DefaultCacheSubschemas
	}
	// The newest one stays even when it is over the limit all by itself: it is in use.
	for c.used.Len() > 1 && (c.used.Len() > schemas || c.size > subschemas) {
		el := c.used.Back()
		e := c.used.Remove(el).(*entry)
		delete(c.entries, e.key)
		c.size -= e.size
	}
}
