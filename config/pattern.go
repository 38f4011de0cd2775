package config

import (
	"regexp"
	"sync"
)

// pattern is a regular expression that is compiled when it is first used, since
// most starts of the program use none of ours.
func pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
