package messages

import "testing"

func TestEventID_IsReadAsItWasSentAndInNoOtherWay(t *testing.T) {
	for _, id := range []EventID{{1, 0}, {7, 3}, {1 << 63, 1<<64 - 1}} {
		if got, ok := ParseEventID(id.String()); !ok || got != id {
			t.Errorf("%v came back as %v, %v", id, got, ok)
		}
	}
	for _, text := range []string{"", "-", "7", "7-", "-3", "0-1", "07-3", "7-03", "+7-3", "7-3-1", "7-x", "18446744073709551616-1", " 7-3"} {
		if got, ok := ParseEventID(text); ok {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}
