package openapi

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

// problem is what the linter says of a document.
type problem struct {
	RuleID, Severity, Message string
	Location                  []struct {
		Source  struct{ Ref string }
		Pointer string
	}
}

// limits are what openapi-typescript does not manage, and how it shows: it
// decodes the path of a schema once for each level above it, so that a percent
// sign in a name is an error; and a list that holds itself, with no object
// between, becomes a type that the compiler refuses. Nor do two that are wrong.
var limits = map[string]string{"percent": "URI malformed", "lists": "TS2502", "bad": "Can't resolve $ref", "index_bad": "/missing"}

// harmless are the warnings for servers that people use: nobody knows their
// licenses; health has no id on purpose; and what is required in one branch of a
// condition may be declared outside of it.
var harmless = []string{"info-license", "operation-operationId", "no-required-schema-properties-undefined"}

// Documents of the servers and of the hostile catalogs, all at once: a process
// of each tool for all of them.
func TestDocuments_PassTheLinterAndBecomeClientsThatCompile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	catalogs := hostile(t)
	for name, c := range servers(t) {
		catalogs[name] = c
	}
	for name, c := range catalogs {
		write(t, dir, name+".json", Document(c, Options{Base: "/" + name, Auth: true}))
	}
	write(t, dir, "random.json", Document(random(60), Options{}))
	write(t, dir, "index.json", Index([]Link{{Name: "a b", Title: "A [B]", Docs: "/a%20b/docs", Document: "/a%20b/openapi.json"}}, Options{}))
	write(t, dir, "index_empty.json", Index(nil, Options{Description: "Nothing."}))

	// Whoever is asked wrongly accepts everything: something must be found.
	document := string(Document(&messages.Catalog{Server: "x"}, Options{}))
	write(t, dir, "bad.json", []byte(strings.Replace(document, `"#/components/schemas/Health"`, `"#/components/schemas/Missing"`, 1)))
	write(t, dir, "index_bad.client.ts", []byte(`import type { paths } from "./index"; export const p: paths["/missing"] = null!;`))

	unresolved := 0
	for _, p := range lint(t, dir) {
		name := strings.TrimSuffix(p.Location[0].Source.Ref, ".json")
		switch {
		case name == "bad" && p.RuleID == "no-unresolved-refs":
			unresolved++
		case p.Severity == "error", commands[name] != nil && !slices.Contains(harmless, p.RuleID):
			t.Errorf("%s %s: %s (%s)", p.Location[0].Source.Ref, p.Location[0].Pointer, p.Message, p.RuleID)
		}
	}
	if unresolved == 0 {
		t.Error("the linter has not found what is wrong")
	}
	failed := generate(t, dir)
	compile(t, dir, failed)
	// Random schemas make lists of that kind; nothing else may be wrong with them.
	for complaint := range strings.Lines(failed["random"]) {
		if !strings.Contains(complaint, limits["lists"]) {
			t.Errorf("random: %s", complaint)
		}
	}
	delete(failed, "random")
	for name, want := range limits {
		if !strings.Contains(failed[name], want) {
			t.Errorf("%s: want %s, got %q", name, want, failed[name])
		}
		delete(failed, name)
	}
	for name, why := range failed {
		t.Errorf("%s: %.2000s", name, why)
	}
}

func write(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// lint returns what redocly says of all documents in a directory, by its
// recommended rules.
func lint(t *testing.T, dir string) (all []problem) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	args := []string{npm(t, "node_modules", "@redocly", "cli", "bin", "cli.js"), "lint", "--format=json", "--max-problems=100000"}
	for _, f := range files {
		args = append(args, filepath.Base(f))
	}
	out, ran := runNode(t, dir, args...)
	reports := 0
	for d := json.NewDecoder(strings.NewReader(out)); ; reports++ {
		var report struct {
			Totals   struct{ Errors, Warnings int }
			Problems []problem
		}
		if err := d.Decode(&report); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the linter failed: %v, %v\n%.2000s", ran, err, out)
		}
		if report.Totals.Errors+report.Totals.Warnings != len(report.Problems) {
			t.Fatalf("%+v and %d problems", report.Totals, len(report.Problems))
		}
		all = append(all, report.Problems...)
	}
	// Each document has at least one warning: nobody knows its license.
	for _, f := range files {
		if !slices.ContainsFunc(all, func(p problem) bool { return p.Location[0].Source.Ref == filepath.Base(f) }) {
			t.Fatalf("the linter has not looked at %s: %v\n%.2000s", f, ran, out)
		}
	}
	return all
}

// generate makes types and clients of all documents in a directory, and returns
// what could not be made.
func generate(t *testing.T, dir string) map[string]string {
	t.Helper()
	out, err := runNode(t, dir, npm(t, "drivers", "openapi-types.mjs"), dir)
	if err != nil {
		t.Fatalf("openapi-typescript: %v\n%.2000s", err, out)
	}
	failed := map[string]string{}
	for d := json.NewDecoder(strings.NewReader(out)); d.More(); {
		var f struct{ Name, Error string }
		if err := d.Decode(&f); err != nil {
			t.Fatalf("%v in %.2000s", err, out)
		}
		failed[f.Name] = f.Error
	}
	return failed
}

var complaint = regexp.MustCompile(`(?m)^([a-z0-9_-]+)(\.client)?\.ts\(\d+,\d+\): (error TS\d+: .*)$`)

// compile has the compiler look at all types and clients in a directory, and
// adds what it refuses.
func compile(t *testing.T, dir string, failed map[string]string) {
	t.Helper()
	if err := os.Symlink(npm(t, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.ts"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files (%v)", len(files), err)
	}
	args := []string{npm(t, "node_modules", "typescript", "bin", "tsc"), "--noEmit", "--strict", "--pretty", "false", "--target", "es2022",
		"--module", "preserve", "--moduleResolution", "bundler", "--lib", "es2022,dom,dom.iterable"}
	for _, f := range files {
		args = append(args, filepath.Base(f))
	}
	out, err := runNode(t, dir, args...)
	if err == nil {
		return
	}
	found := complaint.FindAllStringSubmatch(out, -1)
	if len(found) == 0 {
		t.Fatalf("the compiler failed: %v\n%.2000s", err, out)
	}
	for _, f := range found {
		failed[f[1]] += f[1] + f[2] + ": " + f[3] + "\n"
	}
}
