package kit

import "testing"

func TestFifo_KeepsNothingThatWasTaken(t *testing.T) {
	for _, waiting := range []int{1, 3, 4, 100, 2 * keptRoom} {
		var q fifo
		q.messages = q.first[:0]
		for i := range waiting {
			q.push(i)
		}
		for i := range waiting {
			if got := q.pop(); got != i {
				t.Fatalf("%v came where %d was", got, i)
			}
		}
		for _, room := range [][]any{q.first[:], q.messages[:cap(q.messages)]} {
			for _, kept := range room {
				if kept != nil {
					t.Errorf("of %d that were taken, %v is kept", waiting, kept)
				}
			}
		}
	}
}

// One that comes for each that is taken: whatever waits meanwhile, and however
// full the queue is, is moved once in a while only.
func TestFifo_ThatStaysNearlyFullMovesLittle(t *testing.T) {
	for waiting := range 200 {
		var q fifo
		q.messages = q.first[:0]
		for i := range waiting {
			q.push(i)
		}
		moved := 0
		const more = 2000
		for i := range more {
			before := q.head
			if q.push(waiting + i); q.head < before {
				moved += len(q.messages) - 1
			}
			if got := q.pop(); got != i {
				t.Fatalf("%v came where %d was", got, i)
			}
		}
		if moved > 4*more+4*waiting {
			t.Errorf("with %d waiting, %d were moved for %d that came", waiting, moved, more)
		}
	}
}
