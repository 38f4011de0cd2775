package mcp

import (
	"fmt"
	"slices"
	"strings"
)

var versions = [...]string{V20260728, V20251125, V20250618, V20250326, V20241105}

// Versions returns all revisions that mcpx speaks, newest first.
func Versions() []string { return slices.Clone(versions[:]) }

// IsModern tells whether version belongs to the modern era (2026-07-28 and any later date).
func IsModern(version string) bool { return isDate(version) && version >= V20260728 }

// isDate tells whether version looks like 2026-07-28, so that the order of the
// texts is the order of the dates.
func isDate(version string) bool {
	const form = "0000-00-00"
	if len(version) != len(form) {
		return false
	}
	for i := range len(form) {
		if c := version[i]; form[i] == '-' && c != '-' || form[i] == '0' && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// Known tells whether mcpx speaks the version.
func Known(version string) bool { return slices.Contains(versions[:], version) }

// NegotiateLegacy answers an initialize: the requested version if it is a
// legacy one that mcpx speaks, else the latest legacy one (2025-11-25, lifecycle: version negotiation).
func NegotiateLegacy(requested string) string {
	if Known(requested) && !IsModern(requested) {
		return requested
	}
	return LatestLegacy
}

// Choose picks the version to speak with a server that supports the given
// versions, under the configuration's protocol key ("auto", "legacy", "modern"
// or a version; empty is auto). auto prefers the newest. An error names both sides when nothing fits.
func Choose(protocol string, supported []string) (string, error) {
	allowed, err := Allowed(protocol)
	if err != nil {
		return "", err
	}
	for _, v := range allowed {
		if slices.Contains(supported, v) {
			return v, nil
		}
	}
	theirs := "no version at all"
	if len(supported) > 0 {
		theirs = strings.Join(supported, ", ")
	}
	return "", fmt.Errorf("no common protocol version: the server supports %s, and protocol %q allows %s",
		theirs, word(protocol), strings.Join(allowed, ", "))
}

// Allowed returns the versions that the configuration's protocol key permits,
// newest first; an error for a word that is none.
func Allowed(protocol string) ([]string, error) {
	switch {
	case word(protocol) == "auto":
		return Versions(), nil
	case protocol == "legacy" || protocol == "modern":
		return slices.DeleteFunc(Versions(), func(v string) bool { return IsModern(v) != (protocol == "modern") }), nil
	case Known(protocol):
		return []string{protocol}, nil
	}
	return nil, fmt.Errorf("unknown protocol %q: allowed are auto, legacy, modern, %s",
		protocol, strings.Join(versions[:], ", "))
}

func word(protocol string) string {
	if protocol == "" {
		return "auto"
	}
	return protocol
}
