package front

import (
	"net/http"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/transport/mcp"
)

func TestBatch_ProgressMakesItAStreamAndCancelledElementsGetNoAnswer(t *testing.T) {
	w := newWorld(t, Options{})
	session := w.initialize(mcp.V20250326)
	done := w.background("["+call(1, "wait")+","+call(2, "progress")+","+call(3, "echo")+"]", session...)
	await(t, "the start", w.service.started)
	w.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`, session...)
	got := await(t, "the answer", done)
	if got.media != typeSSE || strings.Contains(got.body, `"id":1,"result"`) ||
		strings.Count(got.body, `"id":2,"result"`) != 1 || strings.Count(got.body, `"id":3,"result"`) != 1 ||
		strings.Count(got.body, `"progressToken":"p2"`) != 3 {
		t.Errorf("%+v", got)
	}
}

func TestBatch_AllCancelledEndsWithoutAnAnswer(t *testing.T) {
	w := newWorld(t, Options{})
	session := w.initialize(mcp.V20250326)
	done := w.background("["+call(1, "wait")+"]", session...)
	await(t, "the start", w.service.started)
	w.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`, session...)
	if got := await(t, "the end", done); got != (ended{http.StatusOK, typeSSE, ""}) {
		t.Errorf("%+v", got)
	}
}

func TestBatch_HasABound(t *testing.T) {
	w := newWorld(t, Options{})
	session := w.initialize(mcp.V20250326)
	ping := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	status, _, body := w.post("["+ping+strings.Repeat(","+ping, batchMax)+"]", session...)
	if status != http.StatusBadRequest || code(t, body) != -32600 {
		t.Errorf("%d %.200s", status, body)
	}
}
