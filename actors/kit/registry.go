package kit

import cmap "github.com/orcaman/concurrent-map"

// The registry of an actor system is 1024 buckets, each of which is a map that
// the library cuts into 32 more: megabytes of maps to make at every start, and
// for the garbage collector to look through in every cycle. A bucket's own lock
// is enough.
func init() { cmap.SHARD_COUNT = 1 }
