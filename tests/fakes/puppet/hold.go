package puppet

import (
	"os"
	"os/signal"
	"syscall"
)

// hold is a legacy server whose tool "hold" answers like "echo", but not before
// the process gets SIGUSR1 (a call could be held up by the very calls that it is
// to release). One that is cancelled is never answered.
func hold([]string) { holding(legacyServer()).serve() }

// holdModern is the same in the modern era.
func holdModern([]string) { holding(modernServer()).serve() }

func holding(s *server) *server {
	released := make(chan struct{})
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	go func() {
		<-asked
		close(released)
	}()
	s.tools["hold"] = func(c call) {
		select {
		case <-c.cancelled:
		case <-released:
			echo(c)
		}
	}
	return s
}
