package puppet

import (
	"fmt"
	"os"
	"time"
)

// slow FILE takes until there is such a file to start.
func slow(args []string) {
	for !exists(args[0]) {
		time.Sleep(5 * time.Millisecond)
	}
	legacyServer().serve()
}

// mended FILE dies as soon as it has started until there is such a file.
func mended(args []string) {
	if !exists(args[0]) {
		fmt.Fprintln(os.Stderr, "the database is locked")
		quit(7)
	}
	legacyServer().serve()
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
