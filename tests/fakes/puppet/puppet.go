// Package puppet holds MCP servers over stdio that misbehave on purpose, one
// per file, for tests. They speak raw JSON and use no MCP library, so that they
// can be wrong in every way.
//
// A test binary is its own puppet: its TestMain calls Main first, and Command
// says how to start it. Programs that are no test run tests/fakes/puppet/cmd/puppet.
package puppet

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The variables by which a puppet is started and found again.
const (
	EnvBehaviour = "MCPX_PUPPET"
	EnvMark      = "MCPX_PUPPET_MARK" // any text; see Marked
)

// lifetime bounds a puppet that everybody has forgotten.
const lifetime = 10 * time.Minute

var behaviours map[string]func(args []string)

func init() { // not a literal: record and family refer to Run
	behaviours = map[string]func(args []string){
		"plain":           plain,
		"modern":          modern,
		"dual":            dual,
		"discover-legacy": discoverLegacy,
		"discover-silent": discoverSilent,
		"discover-late":   discoverLate,
		"discover-dies":   discoverDies,
		"discover-junk":   discoverJunk,
		"probe-averse":    probeAverse,
		"unsupported":     unsupported,
		"old":             old,
		"counter":         counter,
		"ledger":          keepsLedger,
		"mute":            mute,
		"stubborn":        stubborn,
		"crash":           crash,
		"exit":            exit,
		"deaf":            deaf,
		"hush":            hush,
		"plug":            plug,
		"last-words":      lastWords,
		"half":            half,
		"overlong":        overlong,
		"banner":          banner,
		"confused":        confused,
		"flood":           flood,
		"grow":            grow,
		"family":          family,
		"relative":        relative,
		"asks":            asks,
		"asks-modern":     asksModern,
		"input":           input,
		"record":          record,
		"deep":            deep,
		"environment":     environment,
		"unsubscribes":    unsubscribes,
		"forger":          forger,
		"hold":            hold,
		"hold-modern":     holdModern,
		"greeter":         greeter,
		"garbled":         garbled,
		"slow":            slow,
		"mended":          mended,
		"library":         library,
		"curious":         curious,
		"wire":            wire,
	}
}

// Main runs a puppet and exits when the environment asks for one; else it
// returns at once. A TestMain calls it first.
func Main() {
	if name := os.Getenv(EnvBehaviour); name != "" {
		Run(name, os.Args[1:])
	}
}

// Run runs one puppet and exits.
func Run(name string, args []string) {
	run, ok := behaviours[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "no puppet %q; there are %s\n", name, strings.Join(slices.Sorted(maps.Keys(behaviours)), ", "))
		quit(2)
	}
	time.AfterFunc(lifetime, func() { quit(99) })
	run(args)
	quit(0)
}

// quit exits as a server that is no test binary would: at once, without the
// second that the race detector adds to os.Exit.
func quit(code int) { syscall.Exit(code) }

// Command returns what a server specification needs to start a puppet from a
// binary that calls Main.
func Command(behaviour string, args ...string) (command string, arguments []string, env map[string]string) {
	self, err := os.Executable()
	if err != nil {
		panic(err) // Linux always knows
	}
	return self, args, map[string]string{EnvBehaviour: behaviour}
}
