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

// A kept connection is looked at, written to and read from in one visit: three
// system calls, and one wait.
const oneVisit = true

// visitFD is that visit. Whoever calls it with false as the answer calls it again
// when there is something to read. A visit begins by forgetting that there was
// (runtime_pollReset), so it must look before it writes, and may wait only when
// there was nothing then: what comes after is not forgotten.
func (c *conn) visitFD(fd uintptr) bool {
	if c.step == looking {
		if c.pokeFD(fd); !c.still {
			return true
		}
		c.gotConn(c.trace)
		if c.pushFD(fd); c.pushErr != nil || c.pushed < len(c.pending) {
			return true
		}
		wroteRequest(c.trace, nil)
		c.step = waiting
		return false // the answer takes its time
	}
	for {
		n, err := syscall.Read(int(fd), c.into)
		switch err {
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return false
		case nil:
			if c.got = n; n == 0 {
				c.gotErr = io.EOF
			}
		default:
			c.gotErr = c.broken("read", err)
		}
		c.step = done
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
			c.pushErr = c.broken("write", err)
			return true
		}
	}
	return true
}
