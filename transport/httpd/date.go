package httpd

import (
	"net/http"
	"sync/atomic"
	"time"
)

// dates are the values of the header Date (RFC 9110, 6.6.1), one for each second:
// net/http would write it out for every response.
type dates struct{ latest atomic.Pointer[date] }

type date struct {
	second int64 // since 1970
	values []string
}

// of returns the header of a moment. It is not to be changed.
func (d *dates) of(now time.Time) []string {
	second := now.Unix()
	if known := d.latest.Load(); known != nil && known.second == second {
		return known.values
	}
	made := &date{second, []string{now.UTC().Format(http.TimeFormat)}}
	d.latest.Store(made)
	return made.values
}
