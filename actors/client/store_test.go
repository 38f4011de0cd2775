package client

import (
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
)

// held returns what a store has of a stream behind a number: the messages one
// after the other, or "gone".
func held(s *store, l *log, after uint64) string {
	events, ok := s.after(l, after)
	if !ok {
		return "gone"
	}
	var b strings.Builder
	for _, e := range events {
		b.Write(e.Message)
	}
	return b.String()
}

func TestStore_EachBoundDropsTheOldestOfTheSession(t *testing.T) {
	now := time.Unix(0, 0)
	for _, c := range []struct {
		name   string
		limits messages.Limits
		pause  time.Duration // between two events
		want   string        // of seven, the 1st, 3rd, … on the one stream and the 2nd, 4th, … on the other
	}{
		{"room", messages.Limits{ResumeEvents: 7, ResumeBytes: 7, ResumeFor: time.Hour}, 0, "1357 246"},
		{"events", messages.Limits{ResumeEvents: 4, ResumeBytes: 7, ResumeFor: time.Hour}, 0, "gone gone"},
		{"bytes", messages.Limits{ResumeEvents: 7, ResumeBytes: 6, ResumeFor: time.Hour}, 0, "gone 246"},
		{"age", messages.Limits{ResumeEvents: 7, ResumeBytes: 7, ResumeFor: 7 * time.Second}, time.Second, "gone 246"},
		{"nothing", messages.Limits{}, 0, "gone gone"},
	} {
		var s store
		logs := []*log{s.begin(1, true), s.begin(2, false)}
		at := now
		for i := range 7 {
			s.add(logs[i%2], []byte{byte('1' + i)}, at, &c.limits)
			at = at.Add(c.pause)
		}
		s.expire(at, &c.limits)
		if got := held(&s, logs[0], 0) + " " + held(&s, logs[1], 0); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		for _, l := range logs {
			if got := held(&s, l, l.last); got != "" {
				t.Errorf("%s: behind the last there is %q", c.name, got)
			}
			if lost := held(&s, l, 0) == "gone"; lost != (s.find(messages.EventID{Stream: l.id}) == nil) {
				t.Errorf("%s: stream %d: lost %v, and found it", c.name, l.id, lost)
			}
		}
	}
}

func TestStore_AnEventOverTheBoundTakesNothingElseWithIt(t *testing.T) {
	limits := messages.Limits{ResumeEvents: 10, ResumeBytes: 4, ResumeFor: time.Hour}
	var s store
	one, other := s.begin(1, true), s.begin(2, true)
	now := time.Unix(0, 0)
	s.add(one, []byte("a"), now, &limits)
	s.add(other, []byte("b"), now, &limits)
	s.add(one, []byte("12345"), now, &limits)
	s.add(one, []byte("c"), now, &limits)
	if got := held(&s, one, 0) + held(&s, one, 1) + held(&s, one, 2) + held(&s, other, 0); got != "gonegonecb" {
		t.Errorf("kept %q", got)
	}
}

func TestStore_RemembersAStreamForAsLongAsOneOfItsEnds(t *testing.T) {
	limits := messages.Limits{ResumeEvents: 3, ResumeBytes: 100, ResumeFor: time.Minute}
	var s store
	now := time.Unix(0, 0)
	l := s.begin(1, false)
	s.leave(l, now, &limits)
	if s.find(messages.EventID{Stream: 1}) != l {
		t.Fatal("a stream without an event is gone with its connection")
	}
	l.open++ // it is taken up
	if left := s.expire(now.Add(time.Minute), &limits); left != 0 || s.logs[1] == nil {
		t.Errorf("a stream that is open has gone; %v left", left)
	}
	s.leave(l, now.Add(time.Minute), &limits)
	if left := s.expire(now.Add(time.Minute+time.Second), &limits); left != 59*time.Second {
		t.Errorf("%v left", left)
	}
	s.expire(now.Add(2*time.Minute), &limits)
	if len(s.logs)+len(s.entries)+s.bytes != 0 {
		t.Errorf("left: %+v", s)
	}
	// Streams that begin and end are no more than events are.
	for i := range 100 {
		s.leave(s.begin(messages.StreamID(i+2), true), now, &limits)
	}
	if len(s.logs) != limits.ResumeEvents {
		t.Errorf("%d streams are remembered", len(s.logs))
	}
}
