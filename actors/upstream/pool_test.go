package upstream

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// wire is a connection that can be lost and does nothing else.
type wire struct {
	link.Conn
	gone   chan struct{}
	modern bool
}

func newWire() *wire { return &wire{gone: make(chan struct{})} }

func (w *wire) Lost() <-chan struct{} { return w.gone }

func (w *wire) Peer() messages.Peer { return messages.Peer{Modern: w.modern} }

func (w *wire) Close(context.Context) error { return nil }

func (w *wire) lose() *wire {
	close(w.gone)
	return w
}

// placed returns a pool with one spare for each dial key; the n-th is called ln.
func placed(dials ...string) *pool {
	p := newPool()
	for i, dial := range dials {
		m := &member{name: fmt.Sprintf("l%d", i), dial: dial}
		p.add(m)
		p.opened(m, newWire())
		p.spare(m, noon)
	}
	return &p
}

func name(m *member) string {
	if m == nil {
		return ""
	}
	return m.name
}

func TestPool_LendsEachSpareOnce(t *testing.T) {
	p := placed("", "", "x")
	for _, want := range []string{"l0", "l1", ""} {
		if got := p.pick(&waiter{isolation: perRequest}); name(got) != want {
			t.Errorf("lent %q, want %q", name(got), want)
		}
	}
	w := &waiter{isolation: perRequest, dial: "x"}
	if !p.has(w.need()) || name(p.pick(w)) != "l2" || p.has(w.need()) {
		t.Error("the one that was opened for others of that kind was not lent once")
	}
	if p.unused() != 0 || p.open != 3 {
		t.Errorf("%d unused of %d", p.unused(), p.open)
	}
}

func TestPool_AnOwnerFindsItsOwnAgainAndNobodyElseDoes(t *testing.T) {
	p := placed("", "")
	alice, bob, eve := &waiter{isolation: perClient, key: "alice"}, &waiter{isolation: perClient, key: "bob"}, &waiter{isolation: perClient, key: "eve"}
	for i, tc := range []struct {
		w    *waiter
		want string
	}{{alice, "l0"}, {bob, "l1"}, {alice, "l0"}, {bob, "l1"}, {eve, ""}} {
		if got := p.pick(tc.w); name(got) != tc.want {
			t.Errorf("step %d: %s got %q, want %q", i, tc.w.key, name(got), tc.want)
		}
	}
	if m := p.members["l0"]; m.users != 2 || m.owner != "alice" {
		t.Errorf("%d users, owner %q", m.users, m.owner)
	}
	if !p.has(alice.need()) || p.has(eve.need()) {
		t.Error("has and pick disagree")
	}
	p.close(p.members["l0"])
	if got := p.pick(alice); got != nil {
		t.Errorf("alice got %s, which closes", got.name)
	}
	p.remove(p.members["l0"])
	p.spare(&member{name: "l9", conn: newWire()}, noon)
	if got := p.pick(alice); name(got) != "l9" {
		t.Errorf("alice got %q instead of a new one", name(got))
	}
}

func TestPool_AConnectionThatIsLostIsNobodys(t *testing.T) {
	p := placed("", "", "")
	alice := &waiter{isolation: perClient, key: "alice"}
	first := p.pick(alice)
	first.conn.(*wire).lose()
	p.members["l1"].conn.(*wire).lose()
	if got := p.pick(alice); name(got) != "l2" {
		t.Errorf("alice got %q, want the one that lives", name(got))
	}
	p.remove(first) // its end is reported late
	if got := p.pick(alice); name(got) != "l2" {
		t.Errorf("then alice got %q: the end of her first connection took her second away", name(got))
	}
	if p.has((&waiter{isolation: perRequest}).need()) || p.pick(&waiter{isolation: perRequest}) != nil {
		t.Error("somebody got a lost spare")
	}
	if p.idle() != nil {
		t.Error("a probe gets a lost connection")
	}
	s := newPool()
	m := &member{name: "l1"}
	s.add(m)
	s.opened(m, newWire().lose())
	s.share(m, noon)
	if s.has((&waiter{isolation: shared}).need()) || s.pick(&waiter{isolation: shared}) != nil {
		t.Error("somebody got a lost connection that is for all")
	}
}

func TestPool_SharedGoesToTheLeastBusy(t *testing.T) {
	p := newPool()
	for i := range 3 {
		m := &member{name: fmt.Sprintf("l%d", i)}
		p.add(m)
		p.opened(m, newWire())
		p.share(m, noon)
	}
	for range 30 {
		p.pick(&waiter{isolation: shared})
	}
	for _, m := range p.members {
		if m.users != 10 {
			t.Errorf("%s has %d of 30 calls", m.name, m.users)
		}
	}
	p.members["l1"].users = 3
	if got := p.pick(&waiter{isolation: shared}); name(got) != "l1" {
		t.Errorf("the next went to %s", name(got))
	}
}

func TestPool_AProbeGetsAnIdleOneThatNobodyUsesFirst(t *testing.T) {
	p := placed("x", "", "", "")
	for _, n := range []string{"l1", "l2"} {
		p.members[n].used = true
	}
	p.members["l1"].since = noon.Add(-1)
	for i, want := range []string{"l3", "l1", "l2", ""} {
		got := p.idle()
		if name(got) != want {
			t.Fatalf("probe %d got %q, want %q", i, name(got), want)
		}
		if got != nil {
			got.users++
		}
	}
}

func TestPool_TheOldestIsTheFirstThatWasOpened(t *testing.T) {
	p := newPool()
	if p.oldest() != nil {
		t.Error("of nothing")
	}
	for _, n := range []string{"l10", "l9", "l11"} {
		m := &member{name: n}
		p.add(m)
		p.opened(m, newWire())
	}
	p.add(&member{name: "l2"})
	if got := name(p.oldest()); got != "l9" {
		t.Errorf("%s", got)
	}
	p.close(p.members["l9"])
	if got := name(p.oldest()); got != "l10" {
		t.Errorf("then %s", got)
	}
}

// A walk of random steps; after each everything is counted again.
func TestPool_CountsWhatIsThere(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 11))
		isolation := []messages.Isolation{perRequest, perClient, shared}[seed%3]
		p := newPool()
		n := 0
		some := func(fits func(*member) bool) *member {
			var found []*member
			for _, key := range slices.Sorted(maps.Keys(p.members)) {
				if fits(p.members[key]) {
					found = append(found, p.members[key])
				}
			}
			if len(found) == 0 {
				return nil
			}
			return found[r.IntN(len(found))]
		}
		for step := range 400 {
			switch r.IntN(8) {
			case 0, 1:
				n++
				p.add(&member{name: fmt.Sprintf("l%d", n), dial: []string{"", "x"}[r.IntN(2)]})
			case 2:
				if m := some(func(m *member) bool { return m.conn == nil && !m.closing }); m != nil {
					p.opened(m, newWire())
					if isolation == shared {
						p.share(m, noon)
					} else {
						p.spare(m, noon)
					}
				}
			case 3, 4:
				w := &waiter{isolation: isolation, key: fmt.Sprint("k", r.IntN(4)), dial: []string{"", "x"}[r.IntN(2)]}
				if isolation == perClient {
					w.key += w.dial
				}
				has := p.has(w.need())
				m := p.pick(w)
				if (m != nil) != has {
					t.Fatalf("seed %d, step %d: has %v, pick %v", seed, step, has, m)
				}
				if m == nil {
					break
				}
				if m.closing || m.conn == nil || isLost(m.conn) || m.dial != w.dial {
					t.Fatalf("seed %d, step %d: lent %+v to %+v", seed, step, m, w)
				}
				if isolation == perClient && m.owner != w.key || isolation == perRequest && m.users != 1 {
					t.Fatalf("seed %d, step %d: lent %+v to %+v", seed, step, m, w)
				}
			case 5:
				if m := some(func(m *member) bool { return m.users > 0 }); m != nil {
					if m.users--; isolation == perRequest && !m.closing {
						p.close(m)
					}
				}
			case 6:
				if m := some(func(m *member) bool { return !m.closing && m.users == 0 }); m != nil {
					p.close(m)
				}
			case 7:
				if m := some(func(*member) bool { return true }); m != nil {
					if m.conn != nil && r.IntN(2) == 0 {
						m.conn.(*wire).lose()
					}
					p.remove(m)
					p.remove(m) // reported twice
				}
			}
			recount(t, &p, fmt.Sprintf("seed %d, step %d", seed, step))
		}
	}
}

func recount(t *testing.T, p *pool, when string) {
	t.Helper()
	open, pending, closing := 0, 0, 0
	opening := map[string]int{}
	for _, m := range p.members {
		switch {
		case m.closing:
			closing++
		case m.conn == nil:
			pending++
			opening[m.dial]++
		default:
			open++
		}
	}
	if open != p.open || pending != p.pending || closing != p.closing || !maps.Equal(opening, p.opening) {
		t.Fatalf("%s: %d open, %d pending %v, %d closing; it says %d, %d %v, %d",
			when, open, pending, opening, closing, p.open, p.pending, p.opening, p.closing)
	}
	listed := map[*member]int{}
	unused := 0
	for _, lists := range []map[string][]*member{p.spares, p.shared} {
		for dial, list := range lists {
			if len(list) == 0 {
				t.Fatalf("%s: an empty list of %q is kept", when, dial)
			}
			for _, m := range list {
				listed[m]++
				if m.dial != dial || p.members[m.name] != m || m.closing || m.conn == nil {
					t.Fatalf("%s: %+v is lent to %q", when, m, dial)
				}
			}
		}
	}
	for _, list := range p.spares {
		unused += len(list)
		for _, m := range list {
			if m.used || m.owner != "" {
				t.Fatalf("%s: %+v is a spare", when, m)
			}
		}
	}
	for owner, m := range p.owned {
		listed[m]++
		if m.owner != owner || m.closing || p.members[m.name] != m {
			t.Fatalf("%s: %q owns %+v", when, owner, m)
		}
	}
	for m, times := range listed {
		if times > 1 {
			t.Fatalf("%s: %+v is lent in %d ways", when, m, times)
		}
	}
	if p.unused() != unused {
		t.Fatalf("%s: %d unused, it says %d", when, unused, p.unused())
	}
}
