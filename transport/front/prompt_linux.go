package front

import (
	"errors"

	"golang.org/x/sys/unix"
)

// writeNow writes what fd takes without waiting, also where fd is in blocking
// mode: stdout may be shared with others, so its mode is not ours to change. false: that
// cannot be done here. Pipes can from Linux 6.4 on, sockets from 5.7.
func writeNow(fd int, b []byte) (n int, able bool) {
	n, err := unix.Pwritev2(fd, [][]byte{b}, -1, unix.RWF_NOWAIT)
	switch {
	case err == nil, errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR), errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENOMEM):
		return max(n, 0), true
	}
	return 0, false
}
