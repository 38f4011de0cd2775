package upstream

import (
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
)

const (
	perRequest = messages.IsolationRequest
	perClient  = messages.IsolationClient
	shared     = messages.IsolationShared
)

func TestSizing_SparesFollowArrivalsAndStartUp(t *testing.T) {
	for _, tc := range []struct {
		name string
		l    load
		want int
	}{
		{"request: always one", load{isolation: perRequest}, 1},
		{"request: calls are rare", load{isolation: perRequest, rate: 0.1, startUp: time.Second}, 2},
		{"request: those that are used up while one starts, and twice the deviation", load{isolation: perRequest, rate: 100, startUp: 40 * time.Millisecond}, 1 + 4 + 4},
		{"request: twice the start-up time", load{isolation: perRequest, rate: 50, startUp: 80 * time.Millisecond}, 1 + 4 + 4},
		{"request: sessions that start at once", load{isolation: perRequest, rate: 1000}, 1},
		{"request: whatever is open already", load{isolation: perRequest, open: 5, spare: 2}, 1},
		{"request: one without state serves everybody", load{isolation: perRequest, stateless: true, open: 1, rate: 1000, startUp: time.Second}, 0},
		{"request: one without state must be there", load{isolation: perRequest, stateless: true}, 1},
		{"client: the first", load{isolation: perClient}, 1},
		{"client: the first is not used yet", load{isolation: perClient, open: 1, spare: 1}, 1},
		{"client: the first is being opened", load{isolation: perClient, opening: 1, spareSoon: 1}, 1},
		{"client: whoever comes next opens his own", load{isolation: perClient, open: 1, rate: 100, startUp: time.Second}, 0},
		{"shared: the first", load{isolation: shared}, 1},
		{"shared: there is one", load{isolation: shared, open: 1}, 0},
		{"for particular callers none is kept ready", load{isolation: perRequest, otherwise: true, rate: 100, startUp: time.Second}, 0},
	} {
		if got := tc.l.spares(); got != tc.want {
			t.Errorf("%s: %d spares, want %d", tc.name, got, tc.want)
		}
	}
}

func TestSizing_GrowsWithTheDemandWithinItsBounds(t *testing.T) {
	at := func(isolation messages.Isolation, change func(*load)) load {
		l := load{isolation: isolation, max: 8, atOnce: 4}
		change(&l)
		return l
	}
	for _, tc := range []struct {
		name string
		l    load
		want int
	}{
		// request
		{"request: a spare at rest", at(perRequest, func(*load) {}), 1},
		{"request: the spare is there", at(perRequest, func(l *load) { l.open, l.spare = 1, 1 }), 0},
		{"request: the spare is coming", at(perRequest, func(l *load) { l.opening, l.spareSoon = 1, 1 }), 0},
		{"request: the spare is in use", at(perRequest, func(l *load) { l.open = 1 }), 1},
		{"request: one for each who waits, and a spare", at(perRequest, func(l *load) { l.wanted = 2 }), 3},
		{"request: what is coming counts", at(perRequest, func(l *load) { l.wanted, l.opening, l.spareSoon = 3, 2, 2 }), 2},
		{"request: a start-up storm is bounded", at(perRequest, func(l *load) { l.wanted = 200 }), 4},
		{"request: the storm is on", at(perRequest, func(l *load) { l.wanted, l.opening, l.spareSoon = 200, 4, 4 }), 0},
		{"request: not more than max", at(perRequest, func(l *load) { l.wanted, l.open = 200, 6 }), 2},
		{"request: full", at(perRequest, func(l *load) { l.wanted, l.open, l.opening, l.spareSoon = 200, 6, 2, 2 }), 0},
		{"request: those that close are still there", at(perRequest, func(l *load) { l.wanted, l.open, l.closing = 200, 2, 5 }), 1},
		{"request: nothing but closing", at(perRequest, func(l *load) { l.wanted, l.closing = 200, 8 }), 0},
		{"request: more close than there may be", at(perRequest, func(l *load) { l.wanted, l.closing = 200, 12 }), 0},
		// client
		{"client: the first", at(perClient, func(*load) {}), 1},
		{"client: nobody new", at(perClient, func(l *load) { l.open = 3 }), 0},
		{"client: one for each newcomer", at(perClient, func(l *load) { l.open, l.wanted = 3, 2 }), 2},
		{"client: newcomers for whom it is coming", at(perClient, func(l *load) { l.open, l.opening, l.spareSoon, l.wanted = 3, 2, 2, 2 }), 0},
		{"client: full", at(perClient, func(l *load) { l.open, l.wanted = 8, 2 }), 0},
		// shared
		{"shared: the first", at(shared, func(*load) {}), 1},
		{"shared: the least busy one has room", at(shared, func(l *load) { l.open, l.busiest, l.most = 2, 7, 8 }), 0},
		{"shared: the least busy one is busy", at(shared, func(l *load) { l.open, l.busiest, l.most = 2, 8, 8 }), 1},
		{"shared: one at a time", at(shared, func(l *load) { l.open, l.opening, l.spareSoon, l.busiest, l.most = 2, 1, 1, 50, 8 }), 0},
		{"shared: full", at(shared, func(l *load) { l.open, l.busiest, l.most = 8, 8, 8 }), 0},
		{"shared: one without state takes any load", at(shared, func(l *load) { l.open, l.busiest, l.most, l.stateless = 1, 64, 8, true }), 0},
		{"shared: of this kind none is open, and nobody wants one", at(shared, func(l *load) { l.open = 1 }), 0},
		// without state
		{"stateless: one serves everybody", at(perRequest, func(l *load) { l.open, l.stateless, l.rate, l.startUp = 1, true, 100, time.Second }), 0},
		{"stateless: one for other headers", at(perRequest, func(l *load) { l.open, l.stateless, l.wanted, l.otherwise = 1, true, 1, true }), 1},
		// exclusive
		{"exclusive: one ever", load{isolation: shared, max: 1, atOnce: 4, open: 1, busiest: 64, most: 64}, 0},
		{"exclusive: the one", load{isolation: shared, max: 1, atOnce: 4}, 1},
		{"exclusive: not beside one that closes", load{isolation: shared, max: 1, atOnce: 4, closing: 1}, 0},
		// pool.min
		{"min: up to it", at(perClient, func(l *load) { l.min, l.open = 4, 1 }), 3},
		{"min: what is coming counts", at(perClient, func(l *load) { l.min, l.open, l.opening = 4, 1, 2 }), 1},
		{"min: not beyond a start-up storm", at(perClient, func(l *load) { l.min, l.max = 6, 8 }), 4},
		{"min: not beyond max", at(perClient, func(l *load) { l.min, l.max, l.open = 9, 8, 7 }), 1},
		{"min: of those that anybody may use", at(perClient, func(l *load) { l.min, l.open, l.wanted, l.otherwise = 4, 1, 1, true }), 1},
		// others wait
		{"others wait: spares can wait", at(perRequest, func(l *load) { l.open, l.reserved = 7, 1 }), 0},
		{"others wait: there is room for both", at(perRequest, func(l *load) { l.open, l.reserved = 6, 1 }), 1},
		{"others wait: those who wait here come first, too", at(perRequest, func(l *load) { l.open, l.wanted, l.reserved = 6, 2, 5 }), 2},
		{"others wait: a start-up storm bounds them all", at(perRequest, func(l *load) { l.reserved = 4 }), 0},
	} {
		if got := tc.l.grow(); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
}

func TestSizing_SaysHowManySparesMayGo(t *testing.T) {
	for _, tc := range []struct {
		name string
		l    load
		want int
	}{
		{"as many as should be ready", load{isolation: perRequest, open: 1, spare: 1}, 0},
		{"more than should be ready", load{isolation: perRequest, open: 5, spare: 5}, 4},
		{"more, while calls go on", load{isolation: perRequest, open: 12, spare: 10, rate: 100, startUp: 40 * time.Millisecond}, 1},
		{"pool.min stays", load{isolation: perRequest, open: 5, spare: 5, min: 3}, 2},
		{"less than pool.min", load{isolation: perRequest, open: 2, spare: 2, min: 3}, 0},
		{"client: the first", load{isolation: perClient, open: 1, spare: 1}, 0},
		{"client: beside used ones", load{isolation: perClient, open: 3, spare: 1}, 1},
		{"for particular callers", load{isolation: perRequest, otherwise: true, open: 3, spare: 2}, 2},
	} {
		if got := tc.l.surplus(); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
}

// Whatever the load: never beyond the bounds, never a negative number, and
// whoever waits is not forgotten while there is room.
func TestSizing_KeepsItsBoundsForEveryLoad(t *testing.T) {
	for _, isolation := range []messages.Isolation{perRequest, perClient, shared} {
		for n := range 4 * 4 * 4 * 4 * 4 * 3 {
			digit := func(base int) int { d := n % base; n /= base; return d }
			l := load{isolation: isolation, max: 3, atOnce: 2, most: 1}
			l.open, l.closing, l.wanted, l.busiest, l.reserved, l.opening = digit(4), digit(4), digit(4), digit(4), digit(4), digit(3)
			l.spare, l.spareSoon = min(l.open, 1), l.opening
			got := l.grow()
			room := max(0, min(l.max-l.open-l.opening-l.closing, l.atOnce-l.opening))
			if got < 0 || got > room {
				t.Fatalf("%+v: %d, room for %d", l, got, room)
			}
			if need := l.wanted - l.spare - l.spareSoon; room > 0 && need > 0 && got < min(need, room) {
				t.Fatalf("%+v: %d, though %d wait and there is room for %d", l, got, need, room)
			}
		}
	}
}
