package workload_test

import (
	"context"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/workload"
)

// What the generator costs beside the wire: a request that is answered at once.
func BenchmarkRequest(b *testing.B) {
	answer := good()
	p := &puppet{do: func(context.Context, int, messages.Request) messages.Outcome { return answer }}
	b.ReportAllocs()
	run(b, workload.Plan{Target: p, Steps: calling(b), Clients: 2, Requests: int64(b.N)})
}
