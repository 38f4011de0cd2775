package dial

import (
	"testing"

	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/leak"
)

func TestMain(m *testing.M) {
	puppet.Main() // the binary of this package is its own upstream server
	leak.Main(m)
}
