package config

import (
	"strings"
	"testing"
)

func TestExpand_ReferencesDefaultsAndLiterals(t *testing.T) {
	env := map[string]string{"A": "1", "B": "two words", "E": "", "R": "${A}"}
	for text, want := range map[string]string{
		"":                         "",
		"plain $A $ {A} }":         "plain $A $ {A} }",
		"${A}":                     "1",
		"${env:A}":                 "1",
		"<${A}|${B}>":              "<1|two words>",
		"${E}":                     "",
		"${E:-x}":                  "x",
		"${N:-}":                   "",
		"${N:-a:-b}":               "a:-b",
		"${env:N:-x}":              "x",
		"${A:-${N}}":               "1",
		"${N:-${M:-${A}}}":         "1",
		"${N:-{\"k\":{}}}rest":     "{\"k\":{}}rest",
		"$${A}":                    "${A}",
		"$$${A}":                   "$${A}",
		"${N:-$${A}}":              "${A}",
		"${R}":                     "${A}", // what a variable holds is not expanded again
		"ä${A}ö":                   "ä1ö",
		strings.Repeat("${A}", 99): strings.Repeat("1", 99),
	} {
		c := &checker{report: &report{used: map[string]bool{}, lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}}
		got, _, ok := c.expand(nowhere, "k", text)
		if got != want || !ok {
			t.Errorf("%s: got %q, want %q; %s", text, got, want, c.problems)
		}
	}
}

func TestExpand_WhatCannotBeExpandedSaysWhy(t *testing.T) {
	for text, want := range map[string]string{
		"${N}":       "environment variable N is not set (${N:-default} would give it a default)",
		"${N}${N}":   "environment variable N is not set (${N:-default} would give it a default)",
		"${E:-${N}}": "environment variable N is not set (${N:-default} would give it a default)",
		"${":         "a ${ " + notAReference,
		"${}":        "a ${ " + notAReference,
		"${1}":       "a ${ " + notAReference,
		"${ A}":      "a ${ " + notAReference,
		"${A":        "the reference to A is never closed",
		"${A-x}":     "the reference to A is neither ${A} nor ${A:-default}",
		"${A:-x":     "the reference to A is never closed",
		"${A:-{}":    "the reference to A is never closed",
		"${A:-${":    "a ${ " + notAReference,
		strings.Repeat("${N:-", 20) + strings.Repeat("}", 20): "too many defaults inside of defaults",
		strings.Repeat("${BIG}", 20):                          "the text grows too long with its variables",
		strings.Repeat("${N:-", 1_000_000):                    "too many defaults inside of defaults",
	} {
		env := map[string]string{"A": "1", "E": "", "BIG": strings.Repeat("x", 100_000)}
		c := &checker{report: &report{used: map[string]bool{}, lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}}
		_, _, ok := c.expand(nowhere, "", text)
		if ok || len(c.problems) != 1 || c.problems[0].Message != want {
			t.Errorf("%.40s: %s", text, c.problems)
		}
	}
}
