// Command tokens counts what texts cost a model: it reads a JSON list of texts
// and writes the list of their numbers of tokens in the encoding o200k. It is a
// module of its own, since the encoding's tables weigh 12 MB.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/tiktoken-go/tokenizer"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "tokens:", err)
		os.Exit(1)
	}
}

func run() error {
	var texts []string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		return err
	}
	codec, err := tokenizer.Get(tokenizer.O200kBase)
	if err != nil {
		return err
	}
	counts := make([]int, len(texts))
	for i, text := range texts {
		if counts[i], err = codec.Count(text); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(counts)
}
