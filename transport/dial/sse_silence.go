package dial

import (
	"io"
	"sync"
	"time"
)

// silence notices that nothing comes while somebody waits: for the limit, since
// the last byte or since the first of them began to wait. Without anybody who
// waits, a stream may be silent as long as it likes.
type silence struct {
	limit time.Duration // 0 for none
	tell  func()        // runs on a goroutine of its own

	mu      sync.Mutex
	waiting int
	since   time.Time
	timer   *time.Timer // runs while somebody waits
}

func (s *silence) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting++; s.waiting > 1 || s.limit <= 0 {
		return
	}
	s.since = time.Now()
	if s.timer == nil {
		s.timer = time.AfterFunc(s.limit, s.look)
	} else {
		s.timer.Reset(s.limit)
	}
}

func (s *silence) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting--; s.waiting == 0 && s.timer != nil {
		s.timer.Stop()
	}
}

// heard notes that something came.
func (s *silence) heard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = time.Now()
}

// look runs when the limit may have passed.
func (s *silence) look() {
	s.mu.Lock()
	left := s.limit - time.Since(s.since)
	over := s.waiting > 0 && left <= 0
	if s.waiting > 0 && left > 0 {
		s.timer.Reset(left)
	}
	s.mu.Unlock()
	if over {
		s.tell()
	}
}

// attentive tells of everything that is read.
type attentive struct {
	io.Reader
	heard func()
}

func (a attentive) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if n > 0 {
		a.heard()
	}
	return n, err
}
