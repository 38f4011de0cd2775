package config

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

func TestMask_HidesSecretsAndNothingElse(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"GITHUB_TOKEN", "canary", Masked},
		{"API_KEY", "canary", Masked},
		{"apikey", "canary", Masked},
		{"X-Api-Key", "canary", Masked},
		{"Authorization", "Bearer canary", Masked},
		{"Cookie", "a=canary", Masked},
		{"DB_PASSWORD", "canary", Masked},
		{"PGPASS", "plain", "plain"},
		{"MY_PASS", "canary", Masked},
		{"CLIENT_SECRET", "canary", Masked},
		{"TOKEN", "", ""},
		{"KEYBOARD", "qwertz", "qwertz"},
		{"HOME", "/root", "/root"},
		{"X", "Bearer canary", "Bearer " + Masked},
		{"DATABASE_URL", "postgres://u:canary@h/db?sslmode=on", "postgres://u:" + Masked + "@h/db?sslmode=on"},
		{"ENDPOINT", "https://h/x?api_key=canary&b=1", "https://h/x?api_key=" + Masked + "&b=1"},
		{"ENDPOINT", "https://user@h/x", "https://user@h/x"},
		{"BROKEN", "http://u:canary@[", Masked},
	} {
		if got := MaskValue(c.name, c.value); got != c.want {
			t.Errorf("%s=%s: got %s, want %s", c.name, c.value, got, c.want)
		}
	}
}

func TestMasked_LeavesNoSecretInACopyAndTheOriginalAlone(t *testing.T) {
	cfg := &Config{
		APIKeys: map[string]string{"ci": "canary"},
		Servers: []messages.ServerSpec{{
			Args:    []string{"--token", "canary", "--api-key=canary", "--secret", "-v", "shown", "https://u:canary@h/", "-H", "Bearer canary"},
			Env:     map[string]string{"TOKEN": "canary", "LANG": "C"},
			Headers: map[string]string{"Authorization": "canary"},
			URL:     "https://h/?token=canary",
		}},
	}
	before, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := json.Marshal(cfg.Masked())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(shown), "canary") || !strings.Contains(string(shown), `"shown"`) || !strings.Contains(string(shown), `"LANG":"C"`) {
		t.Errorf("%s", shown)
	}
	if after, _ := json.Marshal(cfg); string(after) != string(before) {
		t.Errorf("masking changed the configuration: %s", after)
	}
}
