package actors_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/messages"
)

const crashGateway = "MCPX_TEST_CRASH_GATEWAY"

// A bug in the gateway ends the program: a table that nobody owns must not go
// on answering. The test runs itself as that program.
func TestGateway_APanicEndsTheProgram(t *testing.T) {
	if os.Getenv(crashGateway) != "" {
		r := actors.New(actors.Options{Limits: messages.DefaultLimits()})
		if err := r.Crash("gateway", "a bug"); err != nil {
			t.Fatal(err)
		}
		select {} // until the program ends
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestGateway_APanicEndsTheProgram$")
	cmd.Env = append(os.Environ(), crashGateway+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "panic: bug: gateway failed on kit.Crash: a bug") {
		t.Errorf("the program ended with %v and printed:\n%s", err, out)
	}
}
