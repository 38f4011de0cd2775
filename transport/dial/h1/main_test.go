package h1

import (
	"os"
	"testing"

	"github.com/mcpx/mcpx/tests/leak"
)

func TestMain(m *testing.M) {
	if os.Getenv(benchServer) != "" {
		serveBench() // the benchmarks' other side
		return
	}
	leak.Main(m)
}
