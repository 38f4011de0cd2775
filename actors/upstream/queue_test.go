package upstream

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/messages"
)

func queueOf(names ...string) *queue {
	q := &queue{}
	for i, principal := range names {
		q.push(waiting(principal, i))
	}
	return q
}

func waiting(principal string, n int) *waiter {
	return &waiter{principal: principal, pid: actor.NewPID("test", fmt.Sprintf("s%d", n))}
}

// taken empties the queue and returns whose turn it was each time.
func taken(q *queue) string {
	order := ""
	for w := q.take(everybody); w != nil; w = q.take(everybody) {
		order += w.principal
	}
	return order
}

func TestQueue_PrincipalsTakeTurnsAndEachIsServedInOrder(t *testing.T) {
	for _, tc := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"nobody", nil, ""},
		{"one principal", []string{"a", "a", "a"}, "aaa"},
		{"a thousand of one delay another by one", append(slices.Repeat([]string{"a"}, 1000), "b", "b"), "abab"},
		{"three", []string{"a", "a", "a", "b", "c", "c"}, "abcaca"},
	} {
		got := taken(queueOf(tc.lines...))
		if len(got) != len(tc.lines) || got[:min(len(got), len(tc.want))] != tc.want {
			t.Errorf("%s: served %.20s, want %s", tc.name, got, tc.want)
		}
	}
	q := queueOf("a", "a", "a")
	for i := range 3 {
		if w := q.take(everybody); w.pid.Id != fmt.Sprintf("s%d", i) {
			t.Errorf("turn %d was that of %s", i, w.pid.Id)
		}
	}
}

// A principal with one call in flight and one waiting at all times must not
// keep its turn for ever: it comes again behind those who waited before.
func TestQueue_WhoComesBackAtOnceComesBehindTheOthers(t *testing.T) {
	q := queueOf("a", "a", "a", "a", "b")
	served := ""
	for n := 100; n < 108; n++ {
		w := q.take(everybody)
		served += w.principal
		if w.principal == "b" {
			q.push(waiting("b", n))
		}
	}
	if served != "abababab" {
		t.Errorf("served %s", served)
	}
	// The same with ever new principals.
	q = queueOf("a", "a", "b", "b")
	served = ""
	for n := range 6 {
		w := q.take(everybody)
		served += w.principal
		q.push(waiting(string(rune('m'+n)), 200+n))
	}
	if served != "abambn" {
		t.Errorf("served %s", served)
	}
}

func TestQueue_ServesTheFirstWhoCanBeServed(t *testing.T) {
	q := queueOf("a", "a", "b")
	w := q.take(func(w *waiter) bool { return w.pid.Id == "s1" })
	if w == nil || w.pid.Id != "s1" || q.size != 2 {
		t.Fatalf("took %v, %d are left", w, q.size)
	}
	if w := q.take(func(*waiter) bool { return false }); w != nil || q.size != 2 {
		t.Fatalf("took %v of whom none can be served, %d are left", w, q.size)
	}
	if got := taken(q); got != "ba" {
		t.Errorf("then %s, want ba", got)
	}
}

func TestQueue_RemovesOneWhoGaveUp(t *testing.T) {
	q := queueOf("a", "b", "c", "a")
	for _, tc := range []struct {
		n         int
		principal string
		want      bool
	}{{1, "b", true}, {1, "b", false}, {9, "a", false}, {3, "a", true}, {0, "nobody", false}} {
		if got := q.remove(waiting(tc.principal, tc.n).pid, tc.principal); got != tc.want {
			t.Errorf("remove s%d of %s: %v", tc.n, tc.principal, got)
		}
	}
	if got := taken(q); got != "ac" || q.size != 0 {
		t.Errorf("left were %s (%d)", got, q.size)
	}
}

func TestQueue_TheTurnSurvivesRemovals(t *testing.T) {
	for _, tc := range []struct {
		name    string
		remove  []int // by number, of a b c d, after a was served and a came again
		served  string
		pushNew bool
	}{
		{"nothing removed", nil, "bcda", false},
		{"whose turn it is", []int{1}, "cda", false},
		{"somebody before", []int{9}, "bcd", false},
		{"the last", []int{3}, "bca", false},
		{"all but the first, and a newcomer", []int{1, 2, 3}, "ae", true},
	} {
		q := queueOf("a", "b", "c", "d")
		q.push(waiting("a", 9))
		q.take(everybody)
		for _, n := range tc.remove {
			principal := map[int]string{1: "b", 2: "c", 3: "d", 9: "a"}[n]
			if !q.remove(waiting(principal, n).pid, principal) {
				t.Fatalf("%s: s%d was not there", tc.name, n)
			}
		}
		if tc.pushNew {
			q.push(waiting("e", 10))
		}
		if got := taken(q); got != tc.served {
			t.Errorf("%s: served %s, want %s", tc.name, got, tc.served)
		}
	}
}

func TestQueue_InAFullListTheNewestOfTheLongestLineGivesWay(t *testing.T) {
	for _, tc := range []struct {
		name    string
		waiting []string
		comes   string
		gives   string // the session that goes; empty: the newcomer does
	}{
		{"nobody waits", nil, "a", ""},
		{"only its own wait", []string{"a", "a", "a"}, "a", ""},
		{"another has more", []string{"a", "a", "a"}, "b", "s2"},
		{"another has as many as it would have", []string{"a", "b"}, "b", ""},
		{"another has one more than it would have", []string{"a", "a", "a", "b"}, "b", "s2"},
		{"one each", []string{"a", "b", "c"}, "d", ""},
		{"the longest of several", []string{"a", "a", "b", "b", "b"}, "c", "s4"},
	} {
		q := queueOf(tc.waiting...)
		w := q.displace(tc.comes)
		switch {
		case w == nil && tc.gives != "":
			t.Errorf("%s: nobody gave way", tc.name)
		case w != nil && w.pid.Id != tc.gives:
			t.Errorf("%s: %s gave way, want %q", tc.name, w.pid.Id, tc.gives)
		case w != nil && q.size != len(tc.waiting)-1:
			t.Errorf("%s: %d wait", tc.name, q.size)
		}
	}
}

func TestQueue_DropsWhoeverMatches(t *testing.T) {
	q := queueOf("a", "b", "a", "c", "b")
	dropped := q.drop(func(w *waiter) bool { return w.principal != "b" })
	if len(dropped) != 3 || q.size != 2 || taken(q) != "bb" {
		t.Errorf("dropped %d", len(dropped))
	}
	if len(q.drop(everybody)) != 0 {
		t.Error("somebody was left")
	}
	q = queueOf("a", "a", "b", "c")
	q.drop(func(w *waiter) bool { return w.pid.Id == "s0" })
	if got := taken(q); got != "abc" {
		t.Errorf("then served %s: whoever loses a call does not lose the turn", got)
	}
}

func kindsOf(q *queue) map[need]int {
	kinds := map[need]int{}
	q.eachKind(func(k *kind) { kinds[k.need] += k.size })
	return kinds
}

func recounted(q *queue) map[need]int {
	kinds := map[need]int{}
	for _, l := range q.lines {
		for _, w := range l.waiting {
			kinds[w.need()]++
		}
	}
	return kinds
}

// What is opened first is for whoever is the next to have a turn, however many
// of another kind came before.
func TestQueue_KindsComeInTheOrderOfTheTurns(t *testing.T) {
	q := &queue{}
	for i, of := range []string{"noisy", "noisy", "quiet", "noisy", "quiet too", "quiet"} {
		w := waiting(of, i)
		if w.dial = of; of == "quiet too" {
			w.principal = "quiet"
		}
		q.push(w)
	}
	order := func() (order string) {
		q.eachKind(func(k *kind) { order += fmt.Sprintf("%d %s, ", k.size, k.dial) })
		return order
	}
	if got := order(); got != "3 noisy, 2 quiet, 1 quiet too, " {
		t.Errorf("first %s", got)
	}
	q.take(everybody)
	if got := order(); got != "2 quiet, 1 quiet too, 2 noisy, " {
		t.Errorf("when the noisy one had a turn, %s", got)
	}
	q.take(everybody)
	q.take(everybody)
	if got := order(); got != "1 quiet too, 1 quiet, 1 noisy, " {
		t.Errorf("then %s", got)
	}
}

// What the queue promises, checked against plain lists: each principal is served
// in order, and nobody has two turns while another waits.
func TestQueue_NobodyHasTwoTurnsWhileAnotherWaits(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		q := &queue{}
		lines := map[string][]string{}        // principal -> sessions that wait
		turns := map[string]map[string]bool{} // principal -> who had a turn since its own last, or since it came
		size, n := 0, 0
		forget := func(principal, id string) {
			size--
			lines[principal] = slices.DeleteFunc(lines[principal], func(s string) bool { return s == id })
			if len(lines[principal]) == 0 {
				delete(lines, principal)
			}
		}
		for step := range 400 {
			switch r.IntN(5) {
			case 0, 1:
				w := waiting(string(rune('a'+r.IntN(5))), n)
				w.key, w.isolation = string(rune('x'+n%3)), messages.IsolationClient
				n++
				if len(lines[w.principal]) == 0 {
					turns[w.principal] = map[string]bool{}
				}
				q.push(w)
				lines[w.principal] = append(lines[w.principal], w.pid.Id)
				size++
			case 2, 3:
				w := q.take(everybody)
				if (w == nil) != (size == 0) {
					t.Fatalf("seed %d, step %d: %d wait, took %v", seed, step, size, w)
				}
				if w == nil {
					continue
				}
				if first := lines[w.principal][0]; first != w.pid.Id {
					t.Fatalf("seed %d, step %d: %s before %s of the same principal", seed, step, w.pid.Id, first)
				}
				forget(w.principal, w.pid.Id)
				for other := range lines {
					if other == w.principal {
						continue
					}
					if turns[other][w.principal] {
						t.Fatalf("seed %d, step %d: %s had two turns while %s waited", seed, step, w.principal, other)
					}
					turns[other][w.principal] = true
				}
				turns[w.principal] = map[string]bool{}
			case 4:
				principals := slices.Sorted(maps.Keys(lines))
				if len(principals) == 0 {
					continue
				}
				principal := principals[r.IntN(len(principals))]
				id := lines[principal][r.IntN(len(lines[principal]))]
				if !q.remove(actor.NewPID("test", id), principal) {
					t.Fatalf("seed %d, step %d: %s was not there", seed, step, id)
				}
				forget(principal, id)
			}
			if q.size != size || len(q.lines) != len(lines) {
				t.Fatalf("seed %d, step %d: %d of %d wait, in %d lines of %d", seed, step, q.size, size, len(q.lines), len(lines))
			}
			if got, want := kindsOf(q), recounted(q); !maps.Equal(got, want) || len(q.kinds) != len(want) {
				t.Fatalf("seed %d, step %d: they are of the kinds %v, and not of %v", seed, step, want, got)
			}
		}
	}
}
