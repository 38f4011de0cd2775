// Command puppet runs one of the puppet servers: puppet BEHAVIOUR ARGS…
package main

import (
	"fmt"
	"os"

	"github.com/mcpx/mcpx/tests/fakes/puppet"
)

func main() {
	puppet.Main() // relatives of a family are started by their environment
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: puppet BEHAVIOUR [ARGUMENT…]")
		os.Exit(2)
	}
	puppet.Run(os.Args[1], os.Args[2:])
}
