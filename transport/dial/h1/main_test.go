package h1

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(benchServer) != "" {
		serveBench() // the benchmarks' other side
		return
	}
	goleak.VerifyTestMain(m)
}
