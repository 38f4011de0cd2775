package main

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestPrintResult(t *testing.T) {
	for _, c := range []struct {
		name, result string
		raw, isError bool
		want         string
	}{
		{"text", `{"content":[{"type":"text","text":"a"},{"type":"text","text":"b\n"}]}`, false, false, "a\nb\n"},
		{"an error of the tool", `{"content":[{"type":"text","text":"no"}],"isError":true}`, false, true, "no\n"},
		{"an error, raw", `{"content":[], "isError":true}`, true, true, `{"content":[],"isError":true}` + "\n"},
		{"raw keeps big numbers and order", `{"z": 9007199254740993, "a": 1}`, true, false, `{"z":9007199254740993,"a":1}` + "\n"},
		{"an embedded text", `{"content":[{"type":"resource","resource":{"uri":"x:","text":"t"}}]}`, false, false, "t\n"},
		{"an image", `{"content":[{"type":"image","data":"AA==","mimeType":"image/png"}]}`, false, false, `{"type":"image","data":"AA==","mimeType":"image/png"}` + "\n"},
		{"an unknown type", `{"content":[{"type":"hologram","beam":9007199254740993}]}`, false, false, `{"type":"hologram","beam":9007199254740993}` + "\n"},
		{"text that is no string", `{"content":[{"type":"text","text":7}]}`, false, false, `{"type":"text","text":7}` + "\n"},
		{"structured only", `{"content":[],"structuredContent":{"sum":3}}`, false, false, `{"sum":3}` + "\n"},
		{"nothing", `{"content":[]}`, false, false, ""},
		{"no result of a tool", `{"task":{"id":"t1"}}`, false, false, `{"task":{"id":"t1"}}` + "\n"},
		{"content of another form", `{"content":"text"}`, false, false, `{"content":"text"}` + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			isError, err := printResult(&out, json.RawMessage(c.result), c.raw)
			if err != nil || isError != c.isError || out.String() != c.want {
				t.Errorf("got %q, %v, %v; want %q, %v", out.String(), isError, err, c.want, c.isError)
			}
		})
	}
}
