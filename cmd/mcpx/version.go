package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/mcpx/mcpx/transport/mcp"
	"github.com/spf13/cobra"
)

// version is the version of the program, as CHANGELOG.md has it.
const version = "0.1.0"

// implementation is how mcpx introduces itself, to clients and to upstreams.
func implementation() json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"name":"mcpx","title":"mcpx","version":%q}`, version))
}

func newVersion(s streams) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version and the protocol versions it speaks",
		Args:    none,
		Example: "  mcpx version",
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(s.out, "mcpx %s%s, %s %s/%s\nMCP %s\n", version, revision(),
				runtime.Version(), runtime.GOOS, runtime.GOARCH, strings.Join(mcp.Versions(), ", "))
			return err
		},
	}
}

// revision is the commit the binary was built from, where the build knows it.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return " (" + s.Value[:12] + ")"
		}
	}
	return ""
}
