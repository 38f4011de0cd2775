package puppet

import (
	"bufio"
	"fmt"
)

// greeter is no MCP server at all: it greets, reads everything and answers
// nothing that is JSON.
func greeter([]string) {
	fmt.Println("Welcome! Type help for help.")
	in := bufio.NewScanner(stdin)
	for in.Scan() {
		fmt.Println("Unknown command.")
	}
}
