package puppet

import (
	"fmt"
	"io"
	"net"
	"os"
)

// wire SOCKET is a server that somebody else speaks for: it connects to the
// Unix socket and hands on what its client says, and what is said there. It ends
// when the connection does; the end of its input is handed on, too.
func wire(args []string) {
	conn, err := net.Dial("unix", args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		quit(2)
	}
	go func() {
		_, _ = io.Copy(conn, stdin)
		_ = conn.(*net.UnixConn).CloseWrite()
	}()
	_, _ = io.Copy(os.Stdout, conn)
}
