//go:build unix

package h1

import (
	"io"
	"syscall"
)

// pokeFD reads a byte without waiting. On a connection that nobody has asked
// anything there must be none: one that has ended, and one on which the server
// speaks unasked, are both of no use.
func (c *conn) pokeFD(fd uintptr) bool {
	for {
		_, err := syscall.Read(int(fd), c.probe[:])
		if err == syscall.EINTR {
			continue
		}
		c.still = err == syscall.EAGAIN
		return true
	}
}

// pushFD writes until the kernel takes no more.
func (c *conn) pushFD(fd uintptr) bool {
	for c.pushed < len(c.pending) {
		n, err := syscall.Write(int(fd), c.pending[c.pushed:])
		switch {
		case n > 0:
			c.pushed += n
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return true
		case err == nil:
			c.pushErr = io.ErrShortWrite
			return true
		default:
			c.pushErr = err
			return true
		}
	}
	return true
}
