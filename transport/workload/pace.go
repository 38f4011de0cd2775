package workload

import "time"

// pace says when requests are to begin, as times since the start of the run.
type pace struct {
	rate    float64 // requests per second of all clients; 0 for the closed loop
	clients int

	warmup time.Duration // requests that begin before that are not measured
	length time.Duration // measured after it; 0: until the quota is used up
	quota  int64         // measured requests of all clients; 0: until the time is over
}

// open tells whether requests have appointments.
func (p *pace) open() bool { return p.rate > 0 }

// appointment is when the k-th request of a client is to begin in the open
// loop. The clients take turns, so that the appointments of all are equally far
// apart.
func (p *pace) appointment(client int, k int64) time.Duration {
	turn := float64(client) + float64(k)*float64(p.clients)
	return time.Duration(turn / p.rate * float64(time.Second))
}

// measured tells whether a request that begins then counts.
func (p *pace) measured(at time.Duration) bool { return at >= p.warmup }

// over tells whether no request begins any more.
func (p *pace) over(at time.Duration) bool { return p.length > 0 && at >= p.warmup+p.length }

// share is how many measured requests a client makes, or -1 for as many as
// there is time for.
func (p *pace) share(client int) int64 {
	if p.quota == 0 {
		return -1
	}
	share := p.quota / int64(p.clients)
	if int64(client) < p.quota%int64(p.clients) {
		share++
	}
	return share
}
