package dial

import (
	"context"

	"github.com/mcpx/mcpx/actors/link"
)

func (d *Dialer) dialHTTP(ctx context.Context, req link.DialRequest) (link.Conn, error) {
	panic("todo")
}
