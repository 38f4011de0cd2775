package dial

import (
	"testing"

	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	puppet.Main() // the binary of this package is its own upstream server
	goleak.VerifyTestMain(m)
}
