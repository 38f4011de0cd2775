package puppethttp

import "testing"

// Hold answers with the arguments of the call when released is closed, and never
// if it is cancelled before, as the client's era demands. How a call ended that
// was not answered is noted: see Ended.
func Hold(released <-chan struct{}) Behaviour {
	return func(x *Exchange) {
		p, told := x.P, make(chan string, 1)
		gone := x.R.Context().Done()
		if !x.modern() {
			gone = nil // a disconnect is no cancellation here
			key := x.session() + " " + string(x.ID)
			p.mu.Lock()
			if p.overtaken[key] {
				told <- "notified"
			} else {
				p.running[key] = told
			}
			p.tellLocked()
			p.mu.Unlock()
			defer func() {
				p.mu.Lock()
				defer p.mu.Unlock()
				delete(p.running, key)
			}()
		}
		x.Stream()
		x.Raw(": on hold\n\n")
		end := Ended{ID: string(x.ID)}
		select {
		case <-released:
			x.text(string(x.argument("n")))
			return
		case end.How = <-told:
		case <-gone:
			end.How = "disconnected"
		case <-p.stopped:
			return
		}
		p.mu.Lock()
		p.ended = append(p.ended, end)
		p.tellLocked()
		p.mu.Unlock()
	}
}

// AwaitHeld waits until n calls of the legacy era are on hold.
func (p *Puppet) AwaitHeld(t testing.TB, n int) {
	t.Helper()
	p.until(t, "a call on hold", func() bool { return len(p.running) == n })
}

// Ended returns the calls that ended before their time so far.
func (p *Puppet) Ended() []Ended {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Ended(nil), p.ended...)
}
