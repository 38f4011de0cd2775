package toon

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"
)

func TestNumbers_AreCanonicalAndExact(t *testing.T) {
	digits := strings.Repeat("1234567890", 40)
	for _, c := range []struct{ in, want string }{
		{"0", "0"}, {"-0", "0"}, {"0.0", "0"}, {"-0.000", "0"}, {"0e5", "0"}, {"-0E-5", "0"}, {"0e99999999999999999999", "0"},
		{"1", "1"}, {"-1", "-1"}, {"10", "10"}, {"100000000000000000000000", "100000000000000000000000"},
		{"1.0", "1"}, {"1.50", "1.5"}, {"-1.500", "-1.5"}, {"0.10", "0.1"}, {"100.001", "100.001"}, {"120.0", "120"},
		{"1e0", "1"}, {"1E+2", "100"}, {"1.5e1", "15"}, {"1.25e1", "12.5"}, {"12e-1", "1.2"}, {"12.0e-1", "1.2"}, {"100e-2", "1"}, {"-2.5E-0", "-2.5"}, {"0.00012e2", "0.012"}, {"0.00012e6", "120"},
		{"1e-6", "0.000001"}, {"1e-06", "0.000001"}, {"1.5e-6", "0.0000015"}, {"9.99e-7", "9.99e-7"}, {"1e-7", "1e-7"}, {"0.1e-6", "1e-7"}, {"-1.50E-0010", "-1.5e-10"},
		{"1e20", "100000000000000000000"}, {"1e21", "1e+21"}, {"999999999999999999999e0", "999999999999999999999"}, {"10e20", "1e+21"}, {"1.50E+0300", "1.5e+300"},
		{"0.0000001", "0.0000001"}, {"1000000000000000000000.50", "1000000000000000000000.5"},
		{digits, digits}, {"-0." + digits, "-0." + strings.TrimRight(digits, "0")}, {digits + "e2", "1." + strings.TrimRight(digits[1:], "0") + "e+401"},
		{"1e400", "1e+400"}, {"1e-400", "1e-400"}, {"1e999999999999999", "1e+999999999999999"},
		{"12.50e0001000000000000000000", "12.5e+1000000000000000000"}, {"12.50E-1000000000000000000", "12.5e-1000000000000000000"},
		{"1e" + digits, "1e+" + digits},
	} {
		got, err := Encode(json.RawMessage(c.in), EncodeOptions{})
		if err != nil || string(got) != c.want {
			t.Errorf("%.60s: got %.60s, %v, want %.60s", c.in, got, err, c.want)
		}
		if back, err := Decode([]byte(c.in), DecodeOptions{}); err != nil || string(back) != c.want {
			t.Errorf("%.60s read: got %.60s, %v, want %.60s", c.in, back, err, c.want)
		}
		if again := appendNumber(nil, got); string(again) != c.want {
			t.Errorf("%.60s a second time: %.60s", c.want, again)
		}
		if len(c.want) < 500 && !strings.Contains(c.want, "0000000000") && !strings.Contains(c.in, "9999999999999") {
			was, fits := new(big.Rat).SetString(c.in)
			is, _ := new(big.Rat).SetString(c.want)
			if fits && was.Cmp(is) != 0 {
				t.Errorf("%.60s became %.60s, which is another number", c.in, c.want)
			}
		}
	}
}

func TestNumbers_WhatLooksLikeOneIsAString(t *testing.T) {
	for _, in := range []string{"NaN", "-NaN", "Infinity", "-Infinity", "+1", "01", "-01", "00", ".5", "1.", "1.e5", "1e", "1e+", "--1", "-", "+", "1 2", "0x10", "1_000", "1,5", "１", "1e5.5", "1.5.5"} {
		back, err := Decode([]byte("k: "+in), DecodeOptions{})
		if want := `{"k":"` + in + `"}`; err != nil || string(back) != want {
			t.Errorf("%s: got %s, %v, want %s", in, back, err, want)
		}
	}
	for _, in := range []string{"NaN", "Infinity", "+1", "01", ".5", "1.", "1", "-1", "-", "1e5", "05e-3", "+0.5E+3", "1e", "١"} {
		text, err := Encode(json.RawMessage(`"`+in+`"`), EncodeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if back, err := Decode(text, DecodeOptions{}); err != nil || string(back) != `"`+in+`"` {
			t.Errorf("the string %s came back as %s, %v, from %s", in, back, err, text)
		}
	}
	for _, in := range []string{"NaN", "Infinity", "-Infinity", "+1", "01", ".5", "1.", "0x10"} {
		if out, err := Encode(json.RawMessage(`[`+in+`]`), EncodeOptions{}); err == nil {
			t.Errorf("%s is no JSON and became %s", in, out)
		}
	}
}
