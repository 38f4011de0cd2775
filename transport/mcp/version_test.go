package mcp

import (
	"slices"
	"strings"
	"testing"

	mcpgo "github.com/mark3labs/mcp-go/mcp"
)

func TestVersions_AreNewestFirstAndTheCallersOwn(t *testing.T) {
	got := Versions()
	if !slices.IsSortedFunc(got, func(a, b string) int { return strings.Compare(b, a) }) || got[0] != LatestModern || len(got) != 5 {
		t.Errorf("got %v", got)
	}
	got[0] = "changed"
	if Versions()[0] != LatestModern {
		t.Error("a caller can change our versions")
	}
}

func TestIsModern_LooksAtTheDate(t *testing.T) {
	for v, want := range map[string]bool{
		V20241105: false, V20250326: false, V20250618: false, V20251125: false, V20260728: true,
		"2026-07-27": false, "2026-07-29": true, "2027-01-01": true, "9999-12-31": true, "1900-01-01": false,
		"": false, "latest": false, "3": false, "2026-07-28x": false, "2026-07-2": false, "2026/07/28": false, "2O26-07-28": false, "DRAFT-2026": false,
	} {
		if IsModern(v) != want {
			t.Errorf("%q: %v", v, !want)
		}
		if isDate(v) && mcpgo.IsModernProtocol(v) != want {
			t.Errorf("mcp-go differs at %q", v)
		}
	}
}

func TestNegotiateLegacy_OffersOurLatestForWhatWeDoNotSpeak(t *testing.T) {
	for requested, want := range map[string]string{
		V20241105: V20241105, V20250326: V20250326, V20250618: V20250618, V20251125: V20251125,
		V20260728: V20251125, "2030-01-01": V20251125, "1.0": V20251125, "": V20251125,
	} {
		if got := NegotiateLegacy(requested); got != want {
			t.Errorf("%q: %q, want %q", requested, got, want)
		}
	}
}

func TestChoose_FollowsConfigurationAndServer(t *testing.T) {
	both := []string{V20250618, "2031-01-01", V20260728, V20251125}
	for _, tc := range []struct {
		protocol  string
		supported []string
		want      string
		says      []string // of the error
	}{
		{"", both, V20260728, nil},
		{"auto", both, V20260728, nil},
		{"legacy", both, V20251125, nil},
		{"modern", both, V20260728, nil},
		{V20250618, both, V20250618, nil},
		{"auto", []string{V20241105}, V20241105, nil},
		{"modern", []string{V20251125, V20241105}, "", []string{"the server supports 2025-11-25, 2024-11-05", `protocol "modern" allows 2026-07-28`}},
		{"legacy", []string{V20260728}, "", []string{"the server supports 2026-07-28", "allows 2025-11-25, 2025-06-18, 2025-03-26, 2024-11-05"}},
		{V20250326, both, "", []string{`protocol "2025-03-26" allows 2025-03-26`}},
		{"", []string{"2031-01-01"}, "", []string{"supports 2031-01-01", `protocol "auto" allows 2026-07-28`}},
		{"auto", nil, "", []string{"no version at all"}},
		{"newest", both, "", []string{`unknown protocol "newest"`, "auto, legacy, modern, 2026-07-28", "2024-11-05"}},
		{"2031-01-01", both, "", []string{`unknown protocol "2031-01-01"`}},
		{"Legacy", both, "", []string{"unknown protocol"}},
	} {
		got, err := Choose(tc.protocol, tc.supported)
		if got != tc.want || (err != nil) != (tc.want == "") {
			t.Errorf("%q of %v: %q, %v", tc.protocol, tc.supported, got, err)
		}
		for _, part := range tc.says {
			if err != nil && !strings.Contains(err.Error(), part) {
				t.Errorf("%q of %v: %q does not say %q", tc.protocol, tc.supported, err, part)
			}
		}
	}
}
