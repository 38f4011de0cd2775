package upstream

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
)

func cacheOf(entries, bytes int) *cache {
	return newCache(messages.Limits{CacheEntries: entries, CacheBytes: bytes})
}

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func (c *cache) keys() string {
	var all []string
	for e := c.recent.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(*cached).key)
	}
	return strings.Join(all, "")
}

func TestCache_KeepsAResultUntilItsTimeIsOver(t *testing.T) {
	c := cacheOf(10, 1000)
	c.put("a", []byte("1"), noon.Add(time.Minute))
	for after, want := range map[time.Duration]bool{0: true, time.Minute - 1: true} {
		if got, ok := c.get("a", noon.Add(after)); ok != want || string(got) != "1" {
			t.Errorf("after %v: %q, %v", after, got, ok)
		}
	}
	if _, ok := c.get("b", noon); ok {
		t.Error("a result that nobody put there")
	}
	if got, ok := c.get("a", noon.Add(time.Minute)); ok {
		t.Errorf("past its time: %q", got)
	}
	if s := c.status(); s.Entries != 0 || s.Bytes != 0 || s.Hits != 2 {
		t.Errorf("then %+v", s)
	}
}

func TestCache_ANewerResultReplacesTheOlder(t *testing.T) {
	c := cacheOf(10, 1000)
	c.put("a", []byte("long ago"), noon.Add(time.Second))
	c.put("a", []byte("now"), noon.Add(time.Hour))
	if got, _ := c.get("a", noon.Add(time.Minute)); string(got) != "now" {
		t.Errorf("%q", got)
	}
	if s := c.status(); s.Entries != 1 || s.Bytes != len("a")+len("now") {
		t.Errorf("%+v", s)
	}
}

func TestCache_WhatWasNotUsedForLongestGoesFirst(t *testing.T) {
	for _, tc := range []struct {
		name           string
		entries, bytes int
		want           string // keys, most recently used first; each has 10 bytes with its result
	}{
		{"there is room", 8, 80, "hgfedcba"},
		{"too many", 3, 80, "hgf"},
		{"too much", 8, 79, "hgfedcb"},
		{"both", 5, 49, "hgfe"},
	} {
		c := cacheOf(tc.entries, tc.bytes)
		for _, key := range "abcdefgh" {
			c.put(string(key), make([]byte, 9), noon.Add(time.Hour))
		}
		if got := c.keys(); got != tc.want {
			t.Errorf("%s: kept %s, want %s", tc.name, got, tc.want)
		}
	}
	c := cacheOf(3, 1000)
	for _, key := range []string{"c", "b", "a"} {
		c.put(key, nil, noon.Add(time.Hour))
	}
	c.get("c", noon) // used: not the oldest any more
	c.put("d", nil, noon.Add(time.Hour))
	if got := c.keys(); got != "dca" {
		t.Errorf("kept %s, want dca", got)
	}
}

func TestCache_AResultThatWouldTakeMostOfItIsNotKept(t *testing.T) {
	c := cacheOf(10, 100)
	c.put("k", make([]byte, 24), noon.Add(time.Hour)) // a quarter
	c.put("l", make([]byte, 25), noon.Add(time.Hour)) // more
	if got := c.keys(); got != "k" {
		t.Errorf("kept %q", got)
	}
	c.put("k", make([]byte, 25), noon.Add(time.Hour))
	if got := c.keys(); got != "" {
		t.Errorf("the former result of %q is still kept, which is not true any more", got)
	}
}

// What is under way when the cache is cleared was asked before: its result goes
// to those who wait for it and is not kept.
func TestCache_ClearForgetsResultsAndTheTimeOfThoseUnderWay(t *testing.T) {
	c := cacheOf(10, 1000)
	c.put("a", []byte("1"), noon.Add(time.Hour))
	c.flights["b"] = &flight{leader: "s1", ttl: time.Hour}
	c.clear()
	if _, ok := c.get("a", noon); ok || c.kept != 0 || c.recent.Len() != 0 {
		t.Error("something is kept")
	}
	if f := c.flights["b"]; f == nil || f.ttl != 0 {
		t.Errorf("the flight is %+v", f)
	}
	c.put("c", []byte("3"), noon.Add(time.Hour))
	if got := c.keys(); got != "c" {
		t.Errorf("after that it keeps %q", got)
	}
}

// A walk of random steps beside a plain list.
func TestCache_CountsWhatItKeeps(t *testing.T) {
	type entry struct {
		key   string
		size  int
		until time.Time
	}
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 3))
		c := cacheOf(8, 400)
		var kept []entry // most recently used first
		now := noon
		find := func(key string) int { return slices.IndexFunc(kept, func(e entry) bool { return e.key == key }) }
		for step := range 500 {
			key := fmt.Sprint(r.IntN(20))
			switch r.IntN(8) {
			case 0:
				now = now.Add(time.Duration(r.IntN(20)) * time.Second)
			case 1:
				if r.IntN(20) == 0 {
					c.clear()
					kept = nil
				}
			case 2, 3, 4:
				e := entry{key, r.IntN(120), now.Add(time.Duration(r.IntN(60)) * time.Second)}
				c.put(key, make([]byte, e.size), e.until)
				if i := find(key); i >= 0 {
					kept = slices.Delete(kept, i, i+1)
				}
				if len(key)+e.size <= 100 {
					kept = slices.Insert(kept, 0, e)
				}
				for sum := 0; ; sum = 0 {
					for _, e := range kept {
						sum += len(e.key) + e.size
					}
					if sum <= 400 && len(kept) <= 8 {
						break
					}
					kept = kept[:len(kept)-1]
				}
			default:
				got, ok := c.get(key, now)
				i := find(key)
				if want := i >= 0 && now.Before(kept[i].until); ok != want || ok && len(got) != kept[i].size {
					t.Fatalf("seed %d, step %d: get(%s) is %v, want %v", seed, step, key, ok, want)
				}
				if i >= 0 {
					e := kept[i]
					kept = slices.Delete(kept, i, i+1)
					if ok {
						kept = slices.Insert(kept, 0, e)
					}
				}
			}
			sum, keys := 0, ""
			for _, e := range kept {
				sum += len(e.key) + e.size
				keys += e.key
			}
			if s := c.status(); s.Entries != len(kept) || s.Bytes != sum || c.keys() != keys || len(c.items) != c.recent.Len() {
				t.Fatalf("seed %d, step %d: %+v with %s, want %d with %d bytes: %s", seed, step, s, c.keys(), len(kept), sum, keys)
			}
		}
	}
}

func TestJudgeResult_OnlyWholeResultsWithoutAnErrorAreKept(t *testing.T) {
	for result, want := range map[string]resultFor{
		`{"content":[]}`:                                   resultKept,
		`{"content":[],"isError":false}`:                   resultKept,
		`{"resultType":"complete","content":[]}`:           resultKept,
		`{"content":[],"structuredContent":{"isError":1}}`: resultKept,
		`{"content":[],"isError":true}`:                    resultShared,
		`{"isError":"yes"}`:                                resultShared,
		`[]`:                                               resultShared,
		``:                                                 resultShared,
		`{"resultType":"input_required","inputRequests":{}}`: resultOwn,
		`{"resultType":"task","task":{"taskId":"1"}}`:        resultOwn,
	} {
		if got := judgeResult(messages.Outcome{Result: []byte(result)}); got != want {
			t.Errorf("%s: %v", result, got)
		}
	}
	if got := judgeResult(messages.Outcome{Failure: &messages.Failure{Kind: messages.KindUpstream}}); got != resultShared {
		t.Errorf("an error of the server: %v", got)
	}
}
