package rest

import (
	"context"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

func TestResult_BecomesItsValue(t *testing.T) {
	f := clock()
	s := serve(t, f, Options{})
	for what, c := range map[string]struct{ result, want string }{
		"structured content":               {`{"content":[{"type":"text","text":"x"}],"structuredContent":{"b":1,"a":[9007199254740993]}}`, `{"b":1,"a":[9007199254740993]}`},
		"structured content that is false": {`{"content":[],"structuredContent":false}`, `false`},
		"structured content of null":       {`{"content":[{"type":"text","text":"x"}],"structuredContent":null}`, `"x"`},
		"a text":                           {`{"content":[{"type":"text","text":"plain \u00e9 \"q\""}]}`, `"plain é \"q\""`},
		"an empty text":                    {`{"content":[{"type":"text","text":""}]}`, `""`},
		"a text that is an object":         {`{"content":[{"type":"text","text":"{ \"z\": 12345678901234567890, \"a\": 1.10 }"}]}`, `{"z":12345678901234567890,"a":1.10}`},
		"a text that is a number":          {`{"content":[{"type":"text","text":" 1e400 "}]}`, `1e400`},
		"a text that is a string":          {`{"content":[{"type":"text","text":"\"s\""}]}`, `"s"`},
		"a text that is null":              {`{"content":[{"type":"text","text":"null"}]}`, `null`},
		"a text that begins like JSON":     {`{"content":[{"type":"text","text":"true story"}]}`, `"true story"`},
		"a text with two values":           {`{"content":[{"type":"text","text":"1 2"}]}`, `"1 2"`},
		"an image":                         {`{"content":[{"type":"image","mimeType":"image/png","data":"iVBO"}]}`, `"data:image/png;base64,iVBO"`},
		"a sound":                          {`{"content":[{"type":"audio","mimeType":"audio/wav","data":"UklG"}]}`, `"data:audio/wav;base64,UklG"`},
		"an embedded text":                 {`{"content":[{"type":"resource","resource":{"uri":"a:b","text":"{\"a\":1}"}}]}`, `"{\"a\":1}"`},
		"an embedded blob":                 {`{"content":[{"type":"resource","resource":{"uri":"a:b","blob":"AAEC"}}]}`, `"AAEC"`},
		"a link":                           {`{"content":[{"type":"resource_link","uri":"file:///a","name":"a"}]}`, `"file:///a"`},
		"a type that nobody knows":         {`{"content":[{"type":"hologram","of":{"n":1}}]}`, `{"type":"hologram","of":{"n":1}}`},
		"a text without a text":            {`{"content":[{"type":"text"}]}`, `{"type":"text"}`},
		"several":                          {`{"content":[{"type":"text","text":"1"},{"type":"text","text":"one"},{"type":"image","mimeType":"a/b","data":"c"}]}`, `[1,"one","data:a/b;base64,c"]`},
		"none":                             {`{"content":[]}`, `[]`},
		"no content at all":                {`{}`, `[]`},
		"content of null":                  {`{"content":null}`, `[]`},
		"no error":                         {`{"content":[{"type":"text","text":"x"}],"isError":false}`, `"x"`},
	} {
		f.answer = func(context.Context, messages.Call, messages.Sink) messages.Outcome {
			return messages.Outcome{Result: []byte(c.result)}
		}
		s.want(what, s.post("/time/now", ""), 200, c.want)
	}
}

func TestResult_AToolThatSaysErrorIs500WithItsOwnText(t *testing.T) {
	f := clock()
	s := serve(t, f, Options{})
	for what, c := range map[string]struct{ result, want string }{
		"a text":             {`{"isError":true,"content":[{"type":"text","text":"no zone \"X\""}]}`, `{"detail":{"message":"no zone \"X\""}}`},
		"JSON":               {`{"isError":true,"content":[{"type":"text","text":"{\"code\":1}"}]}`, `{"detail":{"message":"{\"code\":1}"}}`},
		"texts and an image": {`{"isError":true,"content":[{"type":"text","text":"a"},{"type":"image","data":"x"},{"type":"text","text":"b"}]}`, `{"detail":{"message":"a\nb"}}`},
		"structured content": {`{"isError":true,"content":[],"structuredContent":{"why":1}}`, `{"detail":{"message":"{\"why\":1}"}}`},
		"nothing":            {`{"isError":true}`, `{"detail":{"message":"Unknown tool execution error"}}`},
	} {
		f.answer = func(context.Context, messages.Call, messages.Sink) messages.Outcome {
			return messages.Outcome{Result: []byte(c.result)}
		}
		s.want(what, s.post("/time/now", "{}"), 500, c.want)
	}
}
