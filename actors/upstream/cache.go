package upstream

import (
	"container/list"
	"time"

	"github.com/mcpx/mcpx/messages"
)

// cache keeps results of read-only and idempotent tools for a while, and lets
// equal calls at the same time wait for one answer. Its keys hold the
// principal, so nothing is ever shared across principals.
type cache struct {
	entries int // most results kept
	bytes   int // most bytes of them
	items   map[string]*list.Element
	recent  *list.List         // of *cached, most recently used first
	flights map[string]*flight // by key
	kept    int                // bytes
	stats   messages.CacheStatus
}

type cached struct {
	key    string
	result []byte
	until  time.Time
}

// flight is one call whose answer others wait for.
type flight struct {
	leader    string        // the session that calls
	ttl       time.Duration // of the result; 0: it is not kept
	followers []*waiter     // in order of arrival
}

func newCache(limits messages.Limits) *cache {
	return &cache{
		entries: limits.CacheEntries, bytes: limits.CacheBytes,
		items: map[string]*list.Element{}, recent: list.New(), flights: map[string]*flight{},
	}
}

// get returns a result that is still good.
func (c *cache) get(key string, now time.Time) ([]byte, bool) {
	e, ok := c.items[key]
	if !ok {
		return nil, false
	}
	item := e.Value.(*cached)
	if !now.Before(item.until) {
		c.forget(e)
		return nil, false
	}
	c.recent.MoveToFront(e)
	c.stats.Hits++
	return item.result, true
}

// put keeps a result; one that would fill the cache alone is not kept.
func (c *cache) put(key string, result []byte, until time.Time) {
	if e, ok := c.items[key]; ok {
		c.forget(e)
	}
	if len(key)+len(result) > c.bytes/4 {
		return
	}
	c.items[key] = c.recent.PushFront(&cached{key, result, until})
	c.kept += len(key) + len(result)
	for len(c.items) > c.entries || c.kept > c.bytes {
		c.forget(c.recent.Back())
	}
}

func (c *cache) forget(e *list.Element) {
	item := e.Value.(*cached)
	c.recent.Remove(e)
	delete(c.items, item.key)
	c.kept -= len(item.key) + len(item.result)
}

// clear forgets all results. Calls under way go on, for those who wait for them
// and for nobody later.
func (c *cache) clear() {
	clear(c.items)
	c.recent.Init()
	c.kept = 0
	for _, f := range c.flights {
		f.ttl = 0
	}
}

func (c *cache) status() messages.CacheStatus {
	s := c.stats
	s.Entries, s.Bytes = len(c.items), c.kept
	return s
}
