package mcp

import (
	"fmt"
	"strings"
	"testing"
)

func TestReadDiscover_ReadsTheExampleOfTheSpecification(t *testing.T) {
	d, ok := ReadDiscover(raw(`{"resultType":"complete","supportedVersions":["2026-07-28","2025-11-25",7],"capabilities":{"tools":{},"resources":{}},
		"_meta":{"@serverInfo":{"name":"ExampleServer","version":"1.0.0"}},"instructions":"This \"server\"","ttlMs":3600000,"cacheScope":"public"}`))
	if !ok || fmt.Sprint(d.Versions) != "[2026-07-28 2025-11-25]" {
		t.Fatalf("got %v, %v", d.Versions, ok)
	}
	p := d.Peer
	if p.Name != "ExampleServer" || p.Version != "1.0.0" || string(p.Info) != `{"name":"ExampleServer","version":"1.0.0"}` ||
		string(p.Capabilities) != `{"tools":{},"resources":{}}` || p.Instructions != `This "server"` || p.Protocol != "" || p.Modern {
		t.Errorf("got %+v", p)
	}
	d, ok = ReadDiscover(raw(`{"supportedVersions":[],"serverInfo":{"name":"s"},"capabilities":null}`))
	if !ok || len(d.Versions) != 0 || d.Peer.Name != "s" || string(d.Peer.Capabilities) != "{}" {
		t.Errorf("got %+v, %v", d, ok)
	}
	for _, in := range []string{``, `{}`, `[]`, `{"supportedVersions":"2026-07-28"}`, `{"supportedVersions":null}`, `{"protocolVersion":"2025-11-25"}`} {
		if d, ok := ReadDiscover(raw(in)); ok {
			t.Errorf("%s: %+v", in, d)
		}
	}
}

func TestReadInitialize_TakesLegacyVersionsThatWeSpeak(t *testing.T) {
	p, err := ReadInitialize(raw(`{"protocolVersion":"2025-06-18","capabilities":{"logging":{}},"serverInfo":{"name":"n","title":"T","version":"2"},"instructions":"i"}`))
	if err != nil || p.Protocol != V20250618 || p.Modern || p.Name != "n" || p.Version != "2" || p.Instructions != "i" ||
		string(p.Capabilities) != `{"logging":{}}` || string(p.Info) != `{"name":"n","title":"T","version":"2"}` {
		t.Errorf("got %+v, %v", p, err)
	}
	if p, err := ReadInitialize(raw(`{"protocolVersion":"2024-11-05"}`)); err != nil || p.Info != nil || string(p.Capabilities) != "{}" {
		t.Errorf("the least a server may say: %+v, %v", p, err)
	}
	for in, says := range map[string]string{
		`{}`: "without a protocolVersion", `null`: "without", `{"protocolVersion":20250618}`: "without",
		`{"protocolVersion":"1.0"}`:        `version "1.0"; mcpx speaks 2025-11-25, 2025-06-18, 2025-03-26, 2024-11-05`,
		`{"protocolVersion":"2026-07-28"}`: `version "2026-07-28"`,
	} {
		if p, err := ReadInitialize(raw(in)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %+v, %v", in, p, err)
		}
	}
}
