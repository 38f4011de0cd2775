package testkit

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestFolder_WhatAKilledProgramLeftIsRemovedAndNothingElse(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	theirs, remove, err := Folder("mcpx-x-")
	if err != nil {
		t.Fatal(err)
	}
	left, err := os.MkdirTemp("", "mcpx-x-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(left, "puppet"), []byte("x"), 0o700); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-2 * time.Hour)
	for _, dir := range []string{theirs, left} {
		if err := os.Chtimes(dir, long, long); err != nil {
			t.Fatal(err)
		}
	}
	young, err := os.MkdirTemp("", "mcpx-x-")
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.MkdirTemp("", "mcpx-y-")
	if err != nil {
		t.Fatal(err)
	}
	ours, removeOurs, err := Folder("mcpx-x-")
	if err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]bool{theirs: true, left: false, young: true, other: true, ours: true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s: %v", dir, err)
		}
	}
	remove()
	removeOurs()
	if all, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(all) != 2 { // young and other
		t.Errorf("left: %q", all)
	}
}
