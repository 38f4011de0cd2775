package config

import (
	"bytes"
	"strings"
	"testing"
)

func TestStateKey_IsThirtyTwoBytesAndNeverShown(t *testing.T) {
	good := strings.Repeat("Q", 43) + "="
	loadKey := func(value string) (*Config, Problems) {
		return Load(LoadOptions{Environ: []string{"MCPX_STATE_KEY=" + value}, Data: []byte(`{"mcpServers": {}}`), Path: "f.json"})
	}
	for _, bad := range []string{"canary", strings.Repeat("Q", 40), strings.Repeat("Q", 44), good + good} {
		if cfg, problems := loadKey(bad); cfg != nil || !strings.Contains(problems.String(), "expected 32 bytes as Base64") || strings.Contains(problems.String(), bad) {
			t.Errorf("%q: %s", bad, problems)
		}
	}
	cfg, problems := loadKey(good)
	if cfg == nil || len(cfg.StateKeyBytes()) != 32 {
		t.Fatal(problems)
	}
	var out bytes.Buffer
	if err := cfg.Print(&out); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.Contains(text, good) || !strings.Contains(text, "state_key") {
		t.Errorf("printed:\n%s", text)
	}
	// What is printed loads again, if without the key.
	if again := loadAgain(t, out.String()); again.StateKey != "" || again.StateKeyBytes() != nil {
		t.Errorf("it comes back as %q", again.StateKey)
	}
}
