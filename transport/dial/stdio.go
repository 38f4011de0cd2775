package dial

import (
	"context"

	"github.com/mcpx/mcpx/actors/link"
)

func (d *Dialer) dialStdio(ctx context.Context, req link.DialRequest) (link.Conn, error) {
	panic("todo")
}
