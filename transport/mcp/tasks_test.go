package mcp

import (
	"encoding/json"
	"testing"
)

func TestWithoutTasks_TakesAwayThoseOfBothErasAndNothingElse(t *testing.T) {
	for _, c := range []struct{ have, want string }{
		{`{}`, `{}`},
		{`{"tasks":{"list":{}},"tools":{}}`, `{"tools":{}}`},
		{`{"tools":{ },"extensions":{"io.modelcontextprotocol/tasks":{}}}`, `{"tools":{ },"extensions":{}}`},
		{`{"extensions":{"x/y":{},"io.modelcontextprotocol/tasks":{}}}`, `{"extensions":{"x/y":{}}}`},
		{`{"extensions":{"tasks":{}},"experimental":{"tasks":{}}}`, `{"extensions":{"tasks":{}},"experimental":{"tasks":{}}}`},
		{``, ``},
	} {
		if got := WithoutTasks(json.RawMessage(c.have)); string(got) != c.want {
			t.Errorf("%s: %s, want %s", c.have, got, c.want)
		}
	}
}
