package messages

import (
	"encoding/json"
	"testing"
)

func TestEffectiveIsolation_DependsOnTheTransportUntilItIsConfigured(t *testing.T) {
	for _, c := range []struct {
		spec ServerSpec
		want Isolation
		most int
	}{
		{ServerSpec{Transport: TransportStdio}, IsolationClient, 8},
		{ServerSpec{Transport: TransportHTTP}, IsolationRequest, 64},
		{ServerSpec{Transport: TransportSSE}, IsolationRequest, 64},
		{ServerSpec{Transport: TransportHTTP, Policy: Policy{Isolation: IsolationShared, PoolMax: 3}}, IsolationShared, 3},
		{ServerSpec{Transport: TransportStdio, Exclusive: true, Policy: Policy{Isolation: IsolationRequest, PoolMax: 3}}, IsolationShared, 1},
	} {
		if got := c.spec.EffectiveIsolation(); got != c.want {
			t.Errorf("%+v: isolation %q, want %q", c.spec, got, c.want)
		}
		if got := c.spec.EffectivePoolMax(); got != c.most {
			t.Errorf("%+v: pool of %d, want %d", c.spec, got, c.most)
		}
	}
}

func TestSessionKey_IsEqualOnlyForThoseWhoMayShare(t *testing.T) {
	sampling, roots := json.RawMessage(`{"sampling":{}}`), json.RawMessage(`{"roots":{}}`)
	alice, bob := Principal{Name: "alice"}, Principal{Name: "bob"}
	token := func(v string) map[string]string { return map[string]string{"X-Token": v} }
	calls := map[string]Call{
		"nobody":              {},
		"modern nobody":       {Caller: Caller{Modern: true}},
		"alice":               {Principal: alice},
		"bob":                 {Principal: bob},
		"alice with sampling": {Principal: alice, Caller: Caller{Capabilities: sampling}},
		"alice with roots":    {Principal: alice, Caller: Caller{Capabilities: roots}},
		"alice with token 1":  {Principal: alice, Caller: Caller{Headers: token("1")}},
		"alice with token 2":  {Principal: alice, Caller: Caller{Headers: token("2")}},
		"session 1 of alice":  {Principal: alice, Client: "1"},
		"session 2 of alice":  {Principal: alice, Client: "2"},
		"session 1, token 1":  {Principal: alice, Client: "1", Caller: Caller{Headers: token("1")}},
		"alice in her name":   {Principal: alice, Caller: Caller{Capabilities: sampling, Mirror: true}},
		"alice, other client": {Principal: alice, Caller: Caller{Capabilities: sampling, Mirror: true, Info: json.RawMessage(`{"name":"x"}`)}},
		"session 1, its name": {Principal: alice, Client: "1", Caller: Caller{Mirror: true, Client: "1"}},
	}
	seen := map[string]string{}
	for name, c := range calls {
		key := c.SessionKey()
		if other, taken := seen[key]; taken {
			t.Errorf("%s shares with %s", name, other)
		}
		seen[key] = name
		again := c
		if again.SessionKey() != key {
			t.Errorf("%s does not share with itself", name)
		}
	}
}

func TestDialKey_IsEmptyUntilSomethingOfTheCallerGoesUpstream(t *testing.T) {
	plain := Caller{Modern: true, Capabilities: json.RawMessage(`{"roots":{}}`)}
	if plain.DialKey() != "" {
		t.Error("capabilities that are not mirrored decide how a session is opened")
	}
	mirrored := plain
	mirrored.Mirror = true
	legacy := mirrored
	legacy.Modern = false
	with := Caller{Headers: map[string]string{"A": "1", "B": "2"}}
	seen := map[string]bool{}
	for _, c := range []Caller{plain, mirrored, legacy, with} {
		if key := c.DialKey(); seen[key] {
			t.Errorf("%+v is opened like another", c)
		} else {
			seen[key] = true
		}
	}
}
