//go:build !unix

package h1

// Where sockets cannot be tried, a connection that was closed is found by
// using it, and a goroutine writes each request.

func (c *conn) pokeFD(uintptr) bool {
	c.still = true
	return true
}

func (c *conn) pushFD(uintptr) bool { return true }

const oneVisit = false

func (c *conn) visitFD(uintptr) bool { return true }
