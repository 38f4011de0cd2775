package messages

import "time"

// HealthState is what the last checks of a server say.
type HealthState string

// The health of a server: unknown until something was heard or missed.
const (
	Healthy       HealthState = "healthy"
	Unhealthy     HealthState = "unhealthy"
	HealthUnknown HealthState = "unknown"
)

// Health is how a server answers. Every call's outcome updates it; probes do
// where they are switched on or asked for.
type Health struct {
	Status              HealthState `json:"status"`
	LastCheck           time.Time   `json:"last_check,omitzero"`
	LastSuccess         time.Time   `json:"last_success,omitzero"`
	ConsecutiveFailures int         `json:"consecutive_failures"`
	LastError           string      `json:"last_error,omitempty"` // of the last failure, also after a success
}

// After returns the health after one more check. problem is empty for a
// success; threshold failures in a row make a server unhealthy.
func (h Health) After(problem string, now time.Time, threshold int) Health {
	h.LastCheck = now
	if problem == "" {
		h.Status, h.LastSuccess, h.ConsecutiveFailures = Healthy, now, 0
		return h
	}
	h.ConsecutiveFailures++
	h.LastError = problem
	if h.ConsecutiveFailures >= max(1, threshold) {
		h.Status = Unhealthy
	} else if h.Status == "" {
		h.Status = HealthUnknown
	}
	return h
}
