package gatewaytools

import (
	"flag"
	"testing"

	"github.com/mcpx/mcpx/tests/leak"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) { leak.Main(m) }
