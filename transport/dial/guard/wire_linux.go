package guard

import (
	"errors"
	"io"
	"time"
)

// The descriptors of a guard. The first three become the server's.
const (
	fdControl = 3
	fdReports = 4
	fdEntry   = 5 // its end lets the server be executed: one end for many guards
	fdExit    = 6 // given up when it has been
)

// What the owner writes: the command once, then any number of deadlines.
//
//	command   uint32 length, then fields, each ended by NUL (no argument, variable
//	          or path can hold one): kill_after in ms, path, dir, number of
//	          arguments, arguments, variables
//	deadline  uint32 milliseconds: SIGTERM now, SIGKILL by then; 0 is SIGKILL now
//
// What the guard writes are records: one byte, a uint32, and when, in nanoseconds
// since 1970, as a uint64.
const (
	recordReady   = 'r' // for a command
	recordStarted = 's' // the server's pid
	recordFailed  = 'f' // errno of the exec; nothing follows
	recordExited  = 'x' // the server's wait status
	recordGone    = 'g' // no process is left; how many were killed by force
)

type record struct {
	op    byte
	value uint32
	at    int64
}

func (r record) encode() []byte {
	b := appendUint32([]byte{r.op}, r.value)
	return appendUint32(appendUint32(b, uint32(r.at)), uint32(r.at>>32))
}

func readRecord(from io.Reader) (record, error) {
	var b [13]byte
	if _, err := io.ReadFull(from, b[:]); err != nil {
		return record{}, err
	}
	return record{op: b[0], value: uint32At(b[1:]), at: int64(uint32At(b[5:])) | int64(uint32At(b[9:]))<<32}, nil
}

func encodeDeadline(remaining time.Duration) []byte {
	return appendUint32(nil, milliseconds(remaining))
}

func encodeCommand(c Command) []byte {
	b := make([]byte, 4, 4<<10)
	field := func(s string) { b = append(append(b, s...), 0) }
	number := func(n uint32) { b = append(appendUint32(b, n), 0) }
	number(milliseconds(c.KillAfter))
	field(c.Path)
	field(c.Dir)
	number(uint32(len(c.Argv)))
	for _, s := range c.Argv {
		field(s)
	}
	for _, s := range c.Env {
		field(s)
	}
	copy(b, appendUint32(nil, uint32(len(b)-4)))
	return b
}

// maxCommand bounds what a guard reads: far more than a system lets a program
// have of arguments and environment.
const maxCommand = 16 << 20

var errCommand = errors.New("malformed command")

func readCommand(from io.Reader) (Command, error) {
	var head [4]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return Command{}, err
	}
	n := uint32At(head[:])
	if n > maxCommand {
		return Command{}, errCommand
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(from, b); err != nil {
		return Command{}, err
	}
	return decodeCommand(b)
}

func decodeCommand(b []byte) (c Command, err error) {
	number := func() uint32 {
		if len(b) < 5 {
			err, b = errCommand, nil
			return 0
		}
		n := uint32At(b)
		b = b[5:]
		return n
	}
	field := func() string {
		for i, x := range b {
			if x == 0 {
				s := string(b[:i])
				b = b[i+1:]
				return s
			}
		}
		err, b = errCommand, nil
		return ""
	}
	c.KillAfter = time.Duration(number()) * time.Millisecond
	c.Path, c.Dir = field(), field()
	for n := number(); n > 0 && err == nil; n-- {
		c.Argv = append(c.Argv, field())
	}
	for len(b) > 0 {
		c.Env = append(c.Env, field())
	}
	return c, err
}

// milliseconds rounds up: what is not over yet must not become "at once".
func milliseconds(d time.Duration) uint32 {
	if d <= 0 {
		return 0
	}
	return uint32(min((d+time.Millisecond-1)/time.Millisecond, 1<<31))
}

func appendUint32(b []byte, n uint32) []byte {
	return append(b, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
}

func uint32At(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}
