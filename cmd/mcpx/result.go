package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// toolResult is what printing needs of a tools/call result.
type toolResult struct {
	Content           []json.RawMessage `json:"content"`
	StructuredContent json.RawMessage   `json:"structuredContent"`
	IsError           bool              `json:"isError"`
}

// printResult writes a result of tools/call for people and pipes: the text of
// its text items, any other item as one line of JSON; without content the
// structured content, and what is no result of a tool as it is. raw keeps the
// whole as one line of JSON.
func printResult(w io.Writer, result json.RawMessage, raw bool) (isError bool, err error) {
	var r toolResult
	isTool := json.Unmarshal(result, &r) == nil
	switch {
	case raw || !isTool:
		return r.IsError, printJSON(w, result)
	case len(r.Content) == 0 && len(r.StructuredContent) > 0:
		return r.IsError, printJSON(w, r.StructuredContent)
	case len(r.Content) == 0 && !bytes.Contains(result, []byte(`"content"`)):
		return r.IsError, printJSON(w, result)
	}
	for _, item := range r.Content {
		if err := printItem(w, item); err != nil {
			return r.IsError, err
		}
	}
	return r.IsError, nil
}

func printItem(w io.Writer, item json.RawMessage) error {
	var c struct {
		Type     string  `json:"type"`
		Text     *string `json:"text"`
		Resource struct {
			Text *string `json:"text"`
		} `json:"resource"`
	}
	if err := json.Unmarshal(item, &c); err != nil {
		return printJSON(w, item)
	}
	switch {
	case c.Type == "text" && c.Text != nil:
		return printText(w, *c.Text)
	case c.Type == "resource" && c.Resource.Text != nil:
		return printText(w, *c.Resource.Text)
	}
	return printJSON(w, item)
}

func printText(w io.Writer, text string) error {
	_, err := fmt.Fprintln(w, strings.TrimSuffix(text, "\n"))
	return err
}

func printJSON(w io.Writer, raw json.RawMessage) error {
	var line bytes.Buffer
	if err := json.Compact(&line, raw); err != nil {
		return fmt.Errorf("the server's answer is not JSON: %w", err)
	}
	line.WriteByte('\n')
	_, err := w.Write(line.Bytes())
	return err
}
