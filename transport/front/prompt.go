package front

import (
	"io"
	"syscall"
)

// prompt writes what a file takes without waiting. It is used by one at a time.
type prompt struct {
	raw syscall.RawConn // nil: this is no file, or one that cannot do that
}

func promptly(w io.Writer) *prompt {
	p := new(prompt)
	if f, ok := w.(syscall.Conn); ok {
		p.raw, _ = f.SyscallConn() // of a nil file there is none
	}
	return p
}

func (p *prompt) able() bool { return p.raw != nil }

// write returns how many bytes have been written. Why it was not all of them is
// found out by whoever writes the rest.
func (p *prompt) write(b []byte) (n int) {
	able := false
	err := p.raw.Control(func(fd uintptr) { n, able = writeNow(int(fd), b) })
	if err != nil || !able {
		p.raw = nil
	}
	return n
}
