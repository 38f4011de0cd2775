package tsschema

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// declared is a type that a test has made of a schema.
type declared struct{ schema, text string }

// The compiler looks at one program of all types: to start it costs more than
// to have it look at most of them.
func TestCompiler_AcceptsAllTypesOfHostileSchemasMonstersAndServers(t *testing.T) {
	var p program
	p.canaries()
	p.values(t)
	hostile, monsters, servers := hostileTypes(t), monsterTypes(t), serverTypes(t)
	for _, d := range slices.Concat(hostile, monsters, servers) {
		p.add(inNamespace(len(p.lines), d.text), fmt.Sprintf("schema %.2000s\ntype %.2000s", d.schema, d.text))
	}
	took := p.compile(t)
	t.Logf("tsc took %s for %d types of %d hostile schemas, %d of monsters and %d of the tools of servers",
		took.Round(time.Millisecond), len(hostile), hostileSchemas(), len(monsters), len(servers))
}

// program is a file for the compiler.
type program struct {
	lines  []string
	about  []string // for each line, what to say if the compiler refuses it
	wanted []int    // lines that it must refuse, from 1
}

func (p *program) add(line, about string) {
	p.lines, p.about = append(p.lines, line), append(p.about, about)
}

// canaries: a compiler that is asked wrongly accepts everything.
func (p *program) canaries() {
	for declaration, good := range map[string]bool{
		"type Input = {a: string};":                    true,
		"type Input = {a: Missing};":                   false,
		"type Input = Node;":                           false, // which browsers have
		"type Input = Record<string, Input>;":          false,
		"type Input = string[]; type Other = unknown;": true,
	} {
		p.add(inNamespace(len(p.lines), declaration), declaration)
		if !good {
			p.wanted = append(p.wanted, len(p.lines))
		}
	}
}

// inNamespace is one line that declares types by themselves and uses them.
func inNamespace(i int, declaration string) string {
	return fmt.Sprintf("export namespace n%d { export %s export declare const input: Input; export const key: keyof Input = null!; export const all: Input[] = [input]; }", i, declaration)
}

// complaint is an error of the compiler.
type complaint struct {
	line int // from 1
	text string
}

// compile reports each line that the compiler refuses and should not, and each
// that it should refuse and does not. It returns how long it took.
func (p *program) compile(t *testing.T) time.Duration {
	t.Helper()
	complaints, took := compile(t, p.lines)
	reported := 0
	for _, c := range complaints {
		if i := slices.Index(p.wanted, c.line); i >= 0 {
			p.wanted = slices.Delete(p.wanted, i, i+1)
			continue
		}
		if reported++; reported <= 10 {
			t.Errorf("line %d: %s\n%s", c.line, c.text, p.about[c.line-1])
		}
	}
	if reported > 10 {
		t.Errorf("and %d more", reported-10)
	}
	for _, line := range p.wanted {
		t.Errorf("the compiler accepts %s", p.about[line-1])
	}
	return took
}

// compile has the TypeScript compiler look at a file of these lines and returns
// its errors, and how long it took. It knows the library of the language alone:
// that of browsers is large, and has a type for many a name that nobody declared.
func compile(t *testing.T, lines []string) ([]complaint, time.Duration) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "types.ts")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, nodejs(t), npm(t, "typescript", "bin", "tsc"),
		"--noEmit", "--strict", "--exactOptionalPropertyTypes", "--lib", "es5", "--pretty", "false", file)
	cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	start := time.Now()
	out, err := cmd.Output()
	took := time.Since(start)
	if err == nil {
		return nil, took
	}
	var found []complaint
	for _, m := range regexp.MustCompile(`(?m)^types\.ts\((\d+),\d+\): (error TS\d+: .*)$`).FindAllStringSubmatch(string(out), -1) {
		line, _ := strconv.Atoi(m[1])
		found = append(found, complaint{line, m[2]})
	}
	if exit := new(exec.ExitError); len(found) == 0 || !errors.As(err, &exit) {
		t.Fatalf("the compiler failed: %v\n%s", err, out)
	}
	return found, took
}
