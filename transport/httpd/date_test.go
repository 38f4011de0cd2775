package httpd

import (
	"testing"
	"time"
)

func TestDates_AreThoseOfTheirSecond(t *testing.T) {
	var d dates
	begin := time.Date(2026, 7, 28, 23, 59, 59, 0, time.FixedZone("", 3600))
	for _, c := range []struct {
		after time.Duration
		want  string
	}{
		{0, "Tue, 28 Jul 2026 22:59:59 GMT"},
		{999 * time.Millisecond, "Tue, 28 Jul 2026 22:59:59 GMT"},
		{time.Second, "Tue, 28 Jul 2026 23:00:00 GMT"},
		{0, "Tue, 28 Jul 2026 22:59:59 GMT"}, // a clock that was put back
	} {
		if got := d.of(begin.Add(c.after)); len(got) != 1 || got[0] != c.want {
			t.Errorf("after %v: %v", c.after, got)
		}
	}
}
