package jsonrpc

import (
	"encoding/json"
	"iter"
)

// Members iterates over the members of a valid JSON object in their order;
// nothing for any other value. Keys are decoded, values alias obj.
func Members(obj json.RawMessage) iter.Seq2[string, json.RawMessage] { panic("todo") }

// Get returns the raw value at the path of object keys (the first of equal keys).
func Get(obj json.RawMessage, path ...string) (json.RawMessage, bool) { panic("todo") }

// GetString returns the string at the path; false when there is none or it is no string.
func GetString(obj json.RawMessage, path ...string) (string, bool) { panic("todo") }

// Set returns obj with the value at path replaced, or added at the end of its
// object (missing objects on the way are made). Every other byte stays as it
// is. obj nil or empty counts as {}. obj is not modified.
func Set(obj json.RawMessage, value json.RawMessage, path ...string) json.RawMessage { panic("todo") }

// Delete returns obj without the member at path; every other byte stays. obj is not modified.
func Delete(obj json.RawMessage, path ...string) json.RawMessage { panic("todo") }

// Quote returns s as a JSON string, non-ASCII unescaped, HTML characters unescaped.
func Quote(s string) json.RawMessage { panic("todo") }

// Marshal is json.Marshal without HTML escaping and without a trailing newline.
func Marshal(v any) (json.RawMessage, error) { panic("todo") }
