// Package tests holds what is true of the tree as a whole.
package tests

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/tests/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

const module = "github.com/mcpx/mcpx/"

// pkg is what the rules look at: a package and what its program code imports.
// Tests may import more: a test of a transport may well use the runtime.
type pkg struct {
	ImportPath string
	Imports    []string
}

// mayImport is the one direction in which imports point: the part of the tree
// by its first folder, and the parts of which it may import packages.
var mayImport = map[string][]string{
	"cmd":       {"cmd", "transport", "actors", "config", "messages"},
	"transport": {"transport", "actors", "messages"},
	"actors":    {"actors", "messages"},
	"config":    {"config", "messages"},
	"messages":  {},
	"tests":     {"cmd", "transport", "actors", "config", "messages", "tests"},
}

// meeting are the folders of transport in which siblings may meet.
var meeting = []string{"jsonrpc", "mcp", "schema", "compact"}

const (
	actorLibrary = "github.com/asynkron/protoactor-go/"
	guard        = "transport/dial/guard"
)

// violations says which imports break a rule, sorted.
func violations(pkgs []pkg) []string {
	var bad []string
	for _, p := range pkgs {
		from := strings.TrimPrefix(p.ImportPath, module)
		for _, path := range p.Imports {
			if why := forbidden(from, path); why != "" {
				bad = append(bad, fmt.Sprintf("%s imports %s: %s", from, path, why))
			}
		}
	}
	slices.Sort(bad)
	return bad
}

func forbidden(from, path string) string {
	part, _, _ := strings.Cut(from, "/")
	to, ours := strings.CutPrefix(path, module)
	toPart, _, _ := strings.Cut(to, "/")
	allowed, known := mayImport[part]
	switch {
	case !known:
		return "the folder " + part + " has no rule yet: add one"
	case part == "messages" && !isStandard(path):
		return "messages imports the standard library only"
	// Packages are initialised in the order of their paths as far as they do not
	// need each other: with golang.org/x/sys it would be behind seventy others.
	case from == guard && !isStandard(path):
		return "the guard is a leaf: it runs before anything else of the program"
	case strings.HasPrefix(path, actorLibrary) && part != "actors":
		return "the actor library is a matter of actors/ alone"
	case !ours:
		return ""
	case !slices.Contains(allowed, toPart):
		return part + " may import only " + strings.Join(allowed, ", ")
	case part == "transport" && toPart == "transport":
		mine, other := sibling(from), sibling(to)
		if mine != other && !slices.Contains(meeting, other) {
			return "siblings in transport meet only in " + strings.Join(meeting, ", ")
		}
	}
	return ""
}

// sibling is the folder under transport that a package belongs to.
func sibling(path string) string {
	_, rest, _ := strings.Cut(path, "/")
	first, _, _ := strings.Cut(rest, "/")
	return first
}

// isStandard tells a package of the standard library by its first element,
// which holds no dot.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

func TestImports_PointOneWay(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
	for _, want := range []string{"cmd/mcpx", "transport/dial", "actors", "messages", "config"} {
		if !slices.ContainsFunc(pkgs, func(p pkg) bool { return p.ImportPath == module+want }) {
			t.Errorf("go list does not know %s: the rules look at a tree that is not there", want)
		}
	}
	for _, v := range violations(pkgs) {
		t.Error(v)
	}
}

func TestImports_EachRuleCatchesItsBreach(t *testing.T) {
	for _, c := range []struct{ from, path, want string }{
		{"cmd/mcpx", module + "config", ""},
		{"cmd/mcpx", module + "transport/front", ""},
		{"config", module + "messages", ""},
		{"transport/front", module + "transport/mcp", ""},
		{"transport/dial", module + "transport/dial/guard", ""},
		{"transport/dial", module + "actors/link", ""},
		{"actors/gateway", "github.com/asynkron/protoactor-go/actor", ""},
		{"transport/dial/guard", "syscall", ""},

		{"messages", "github.com/rs/zerolog", "standard library only"},
		{"messages", module + "config", "standard library only"},
		{"config", module + "actors", "config may import only"},
		{"config", module + "transport/mcp", "config may import only"},
		{"transport/front", module + "config", "transport may import only"},
		{"actors/link", module + "transport/dial", "actors may import only"},
		{"transport/front", module + "transport/dial", "siblings in transport"},
		{"transport/front", module + "tests/testkit", "transport may import only"},
		{"transport/mcp", module + "transport/front", "siblings in transport"},
		{"transport/front", "github.com/asynkron/protoactor-go/actor", "actors/ alone"},
		{"transport/dial/guard", module + "messages", "leaf"},
		{"transport/dial/guard", "golang.org/x/sys/unix", "leaf"},
		{"transport/dial/guard", "github.com/rs/zerolog", "leaf"},
		{"plugins", module + "messages", "no rule yet"},
	} {
		got := forbidden(c.from, c.path)
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s -> %s: got %q, want %q", c.from, c.path, got, c.want)
		}
	}
}
