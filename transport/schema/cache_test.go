package schema

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
)

func TestCache_CompilesEachTextOnce(t *testing.T) {
	var c Cache
	raw := json.RawMessage(`{"type":"object"}`)
	got := make([]*Schema, 16)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() { got[i], _ = c.Compile(json.RawMessage(string(raw))) })
	}
	wg.Wait()
	for _, s := range got {
		if s == nil || s != got[0] {
			t.Fatal("equal texts were compiled more than once")
		}
	}
	if other, _ := c.Compile(json.RawMessage(`{"type":"array"}`)); other == got[0] {
		t.Fatal("another text got the same schema")
	}
}

func TestCache_RemembersFailures(t *testing.T) {
	var c Cache
	_, err1 := c.Compile(json.RawMessage(`{"type":1}`))
	_, err2 := c.Compile(json.RawMessage(`{"type":1}`))
	if err1 == nil || err1 != err2 {
		t.Fatalf("%v, %v: want the same error", err1, err2)
	}
}

func TestCache_ForgetsTheLeastRecentlyUsed(t *testing.T) {
	c := Cache{MaxSchemas: 2}
	compile := func(i int) *Schema {
		s, err := c.Compile(json.RawMessage(fmt.Sprintf(`{"title":"%d"}`, i)))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	one, two := compile(1), compile(2)
	if compile(1) != one {
		t.Fatal("forgotten below the limit")
	}
	compile(3) // two goes
	if compile(1) != one {
		t.Fatal("the recently used one was forgotten")
	}
	if compile(2) == two {
		t.Fatal("more than MaxSchemas are held")
	}
	if c.used.Len() != 2 || len(c.entries) != 2 {
		t.Fatalf("%d and %d entries", c.used.Len(), len(c.entries))
	}
}

func TestCache_BoundsTheSubschemasItHolds(t *testing.T) {
	c := Cache{MaxSubschemas: 10}
	for i := range 20 {
		if _, err := c.Compile(json.RawMessage(fmt.Sprintf(`{"title":"%d","properties":{"a":{"type":"string"},"b":{"type":"null"},"c":{"minimum":1}}}`, i))); err != nil {
			t.Fatal(err)
		}
		if c.size > 10 {
			t.Fatalf("%d subschemas are held", c.size)
		}
	}
	if c.used.Len() != 2 {
		t.Fatalf("%d schemas of four subschemas, want 2", c.used.Len())
	}
}
