package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestLayers_FlagsWinOverEnvironmentOverFileOverDefaults(t *testing.T) {
	const file = `{"limits": {"depth": 11, "catalog_pages": 12, "catalog_tools": 13}, "port": 1, "mcpServers": {"a": {"command": "x"}}}`
	cfg, problems := Load(LoadOptions{
		Path: "f", Data: []byte(file),
		Environ: []string{"MCPX_LIMITS__CATALOG_PAGES=22", "MCPX_LIMITS__CATALOG_TOOLS=23", "MCPX_PORT=2"},
		Flags:   map[string]any{"limits.catalog_tools": "33"},
	})
	if cfg == nil || len(problems) > 0 {
		t.Fatal(problems)
	}
	got := []int{cfg.Limits.ClientSessions, cfg.Limits.Depth, cfg.Limits.CatalogPages, cfg.Limits.CatalogTools, cfg.Port}
	if want := []int{10_000, 11, 22, 33, 2}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLayers_AServersOwnKeyWinsOverAFlag(t *testing.T) {
	cfg, _ := Load(LoadOptions{
		Path: "f", Data: []byte(`{"mcpServers": {"own": {"command": "x", "max_queue": 1}, "none": {"command": "x"}}}`),
		Environ: []string{}, Flags: map[string]any{"max_queue": 9},
	})
	if cfg.Servers[0].Policy.MaxQueue != 1 || cfg.Servers[1].Policy.MaxQueue != 9 {
		t.Errorf("%+v", cfg.Servers)
	}
}

func TestLayers_NamesWithDotsStayWhole(t *testing.T) {
	cfg, problems := Load(LoadOptions{
		Path: "f", Data: []byte(`{"api_keys": {"ci.prod.eu": "k1"}, "mcpServers": {"a.b.c": {"command": "x", "env": {"x.y": "1"}}}}`),
		Environ: []string{"MCPX_PORT=1"},
	})
	if cfg == nil || cfg.APIKeys["ci.prod.eu"] != "k1" || cfg.Servers[0].Name != "a.b.c" || cfg.Servers[0].Env["x.y"] != "1" {
		t.Errorf("%+v %s", cfg, problems)
	}
}

func TestEnvironment_BadValuesNameTheirVariable(t *testing.T) {
	for entry, want := range map[string]string{
		"MCPX_PORT=x":              `MCPX_PORT: expected a whole number, found "x"`,
		"MCPX_LIMITS__DEPTH=-1":    `MCPX_LIMITS__DEPTH: must be at least 1, found "-1"`,
		"MCPX_INSECURE=perhaps":    `MCPX_INSECURE: expected true or false, found "perhaps"`,
		"MCPX_ALLOWED_ORIGINS=x":   "MCPX_ALLOWED_ORIGINS[0]: expected an origin such as https://app.example.com, without a path",
		"MCPX_API_KEY=":            "MCPX_API_KEY: is empty: leave it out to serve without a key",
		"MCPX_API_KEY= canary":     "MCPX_API_KEY: begins or ends with white space or holds a line break, which no header can carry",
		"MCPX_API_KEYS=canary":     "MCPX_API_KEYS: cannot be set here: api_keys is a key of the file",
		"MCPX_LOG_FORMAT=xml":      `MCPX_LOG_FORMAT: expected auto, json or console, found "xml"`,
		"MCPX_HOST=a:1":            "MCPX_HOST: expected an address or a name alone; the port is a key of its own",
		"MCPX_REQUEST_TIMEOUT=0":   `MCPX_REQUEST_TIMEOUT: must be at least 1 ms, found "0"`,
		"MCPX_SSL_CERTFILE=/c.pem": "ssl_certfile: TLS needs ssl_keyfile as well",
	} {
		cfg, problems := Load(LoadOptions{Environ: []string{entry}})
		if cfg != nil || problems.String() != want+"\n" {
			t.Errorf("%s: got %s", entry, problems)
		}
	}
}

func TestEnvironment_UnknownVariablesWarnUnlessTheFileUsesThem(t *testing.T) {
	cfg, problems := Load(LoadOptions{
		Path:    "f",
		Data:    []byte(`{"mcpServers": {"a": {"command": "${MCPX_MINE}", "args": ["${MCPX_B:-${MCPX_C}}"]}}}`),
		Environ: []string{"MCPX_MINE=x", "MCPX_B=b", "MCPX_C=c", "MCPX_CONFIG=f", "MCPX_PROT=1", "MCPX_FOO_BAR_BAZ=", "MCPX_CONNECTION_SETTINGS__RETRY_ATTEMPTS=1", "NOTMCPX_X=1", "broken"},
	})
	const want = `warning: MCPX_CONNECTION_SETTINGS__RETRY_ATTEMPTS: unknown variable, ignored
warning: MCPX_FOO_BAR_BAZ: unknown variable, ignored
warning: MCPX_PROT: unknown variable, ignored; did you mean MCPX_PORT?
`
	if cfg == nil || problems.String() != want {
		t.Error(problems)
	}
}

func TestEnvironment_EmptyVariablesCountAsUnset(t *testing.T) {
	cfg, problems := Load(LoadOptions{Environ: []string{"MCPX_PORT=", "MCPX_LOG_LEVEL=", "MCPX_HOST="}})
	if cfg == nil || len(problems) > 0 || cfg.PortGiven || cfg.Host != "127.0.0.1" {
		t.Errorf("%+v %s", cfg, problems)
	}
}

func TestEnvironment_OfTheProcessIsUsedWhenNoneIsGiven(t *testing.T) {
	t.Setenv("MCPX_PORT", "4321")
	if cfg, problems := Load(LoadOptions{}); cfg == nil || cfg.Port != 4321 {
		t.Error(problems)
	}
}

func TestEnvironment_EveryKeyOfTheTopHasAVariable(t *testing.T) {
	for _, k := range keys {
		name := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(variable(k.name), envPrefix), "__", "."))
		if name != k.name {
			t.Errorf("%s cannot be told from %s", k.name, name)
		}
	}
}

func TestFlags_TakeTextAndTypedValues(t *testing.T) {
	cfg, problems := Load(LoadOptions{Environ: []string{"MCPX_PORT=1"}, Flags: map[string]any{
		"host": "::1", "port": uint16(9000), "insecure": true, "request_timeout": 90 * time.Second, "close_timeout": 1.5,
		"max_queue": int64(3), "max_concurrency": "4", "limits.request_bytes": "1MiB", "allowed_hosts": []string{"a", "B"},
		"allowed_origins": "https://a,https://b", "api_keys": map[string]string{"ci": "k"}, "api_key": "d",
	}})
	if cfg == nil || len(problems) > 0 {
		t.Fatal(problems)
	}
	got := fmt.Sprint(cfg.Host, cfg.Port, cfg.PortGiven, cfg.Insecure, cfg.Policy.RequestTimeout, cfg.Limits.CloseTimeout,
		cfg.Policy.MaxQueue, cfg.Policy.MaxConcurrency, cfg.Limits.RequestBytes, cfg.AllowedHosts, cfg.AllowedOrigins, cfg.APIKeys)
	if want := fmt.Sprint("::1", 9000, true, true, 90*time.Second, 1500*time.Millisecond,
		3, 4, 1<<20, []string{"a", "b"}, []string{"https://a", "https://b"}, map[string]string{"ci": "k", "default": "d"}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestFlags_BadValuesNameTheirFlag(t *testing.T) {
	_, problems := Load(LoadOptions{Environ: []string{}, Flags: map[string]any{
		"port": "x", "limits.depth": 0, "prot": 1, "host": struct{}{}, "log_format": true, "disabledTools": "a.b", "api_keys": map[string]string{"x": ""},
	}})
	const want = `--api-keys.x: is empty: leave it out to serve without a key
--disabledTools: stands for no key of the configuration
--host: a value of type struct {} cannot be used
--limits.depth: must be at least 1, found 0
--log-format: expected auto, json or console, found true
--port: expected a whole number, found "x"
--prot: stands for no key of the configuration
`
	if problems.String() != want {
		t.Error(problems)
	}
}

func TestProblems_OfTheFileComeFirstAndByPosition(t *testing.T) {
	_, problems := Load(LoadOptions{
		Path: "f", Data: []byte("{\n\"zzz\": 1,\n\"port\": [], \"limits\": {\"depth\": 0}}"),
		Environ: []string{"MCPX_PORT=x"}, Flags: map[string]any{"host": "a b"},
	})
	const want = `f:2:1: warning: zzz: unknown key, ignored
f:3:9: port: expected a whole number, found a list
f:3:33: limits.depth: must be at least 1, found 0
MCPX_PORT: expected a whole number, found "x"
--host: expected an address or a name such as 127.0.0.1 or localhost
`
	if problems.String() != want {
		t.Error(problems)
	}
	if errs := strings.Count(problems.Err().Error(), "\n") + 1; errs != 4 {
		t.Errorf("%d errors:\n%s", errs, problems.Err())
	}
	if SeverityError.String() != "error" || SeverityWarning.String() != "warning" {
		t.Error("the severities have lost their names")
	}
}
