package front

import (
	"net/http"
	"testing"

	"github.com/mcpx/mcpx/transport/mcp"
)

const rootsAsked = `{"jsonrpc":"2.0","id":7,"method":"roots/list"}`

func TestRelayQuestion_IsAnsweredByThePostOfItsClient(t *testing.T) {
	w := newRelayed(t)
	session := w.initialize(mcp.V20250618)
	stream := w.open(http.MethodPost, call(1, "ask"), session...)
	stream.expect(rootsAsked)
	if status, _, _ := w.post(`{"jsonrpc":"2.0","id":7,"result":{"roots":[]}}`, session...); status != http.StatusAccepted {
		t.Errorf("the answer: %d", status)
	}
	stream.expect(`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"{\"roots\":[]}"}]}}`)
}

func TestRelayQuestion_OfAConnectionThatHasGoneIsNotWaitedFor(t *testing.T) {
	w := newRelayed(t)
	session := w.initialize(mcp.V20250618)
	stream := w.open(http.MethodPost, call(1, "ask"), session...)
	stream.expect(rootsAsked)
	stream.close()
	if err := await(t, "the end of the server's waiting", w.service.ended); err != nil {
		t.Error(err)
	}

	// Who takes no stream cannot be asked at all.
	_, _, got := w.post(call(2, "ask"), append(session, "Accept", typeJSON)...)
	if want := `{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":""}]}}`; got != want {
		t.Errorf("%s", got)
	}
}

func TestRelayQuestion_TakenBackItIsNobodysToAnswer(t *testing.T) {
	w := newRelayed(t)
	session := w.initialize(mcp.V20250618)
	stream := w.open(http.MethodPost, call(1, "ask and take back"), session...)
	stream.expect(rootsAsked)
	stream.expect(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`)
	stream.expect(`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"never mind"}]}}`)
	if status, _, _ := w.post(`{"jsonrpc":"2.0","id":7,"result":{"roots":[]}}`, session...); status != http.StatusAccepted {
		t.Errorf("the late answer: %d", status)
	}
	select {
	case got := <-w.service.started:
		t.Errorf("the server got %q", got)
	default:
	}
}
