package e2e_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What mcpx is for, in numbers: how many tokens (o200k) a model reads.

// tokens counts the tokens of texts.
func tokens(t *testing.T, texts ...string) []int {
	t.Helper()
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), builtTool(t, "tokens"))
	cmd.Stdin = bytes.NewReader(in)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, &errs)
	}
	var counts []int
	if decode(t, out, &counts); len(counts) != len(texts) {
		t.Fatalf("%d texts have %d counts", len(texts), len(counts))
	}
	return counts
}

// report prints a table, and with MCPX_REPORTS writes it into that folder.
func report(t *testing.T, file, table string) {
	t.Helper()
	t.Log("\n" + table)
	if dir := os.Getenv("MCPX_REPORTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(table), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// fourServers are those of npm, as many start them.
func fourServers(t *testing.T, dir string) map[string]any {
	t.Helper()
	servers, err := npmServers(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	delete(servers, "everything-http")
	if servers["thinking"], err = npmServer("sequential-thinking", nil); err != nil {
		t.Fatal(err)
	}
	return servers
}

func TestTokens_AProfileCostsAFifthOfTheToolsBehindItAtMost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	servers := fourServers(t, dir)
	raw, lean := "", ""
	for _, server := range []string{"everything", "files", "memory", "thinking"} {
		spec := servers[server].(map[string]any)
		direct := dialStdio(t, dir, spec["command"].(string), spec["args"].([]string)...).client(t, v20251125)
		list := result(t, direct, "tools/list", `{}`)
		raw, lean = raw+string(list), lean+essence(t, list)
	}
	texts, profiles := []string{raw, lean}, []string{"inspect", "describe", "invoke"}
	for _, profile := range profiles {
		list := result(t, dialHTTP(t, serve(t, servers, map[string]any{"profile": profile}).URL, v20251125), "tools/list", `{}`)
		texts = append(texts, string(list), essence(t, list))
	}
	counts := tokens(t, texts...)
	var table strings.Builder
	fmt.Fprintf(&table, "# What a client holds at the start of a conversation\n\nTokens (o200k) of tools/list: of the servers everything, filesystem, memory and sequential-thinking from npm together,\n"+
		"and of mcpx with these four behind it. The second pair of columns counts name, description and input schema of the\ntools alone, which is what most clients show their model.\n\n"+
		"| | tools/list | saved | name, description, schema | saved |\n|---|---|---|---|---|\n| the servers themselves | %d | | %d | |\n", counts[0], counts[1])
	for i, profile := range profiles {
		whole, lean := counts[2+2*i], counts[3+2*i]
		fmt.Fprintf(&table, "| profile %s | %d | %.1f %% | %d | %.1f %% |\n", profile, whole, saved(counts[0], whole), lean, saved(counts[1], lean))
		if saved(counts[0], whole) < 80 {
			t.Errorf("profile %s saves only %.1f %%", profile, saved(counts[0], whole))
		}
	}
	report(t, "tokens_start.md", table.String())
}

// essence is what a model sees of tools/list in most clients.
func essence(t *testing.T, list json.RawMessage) string {
	t.Helper()
	var tools struct {
		Tools []struct {
			Name        string          `json:"name"`
			Description string          `json:"description"`
			InputSchema json.RawMessage `json:"inputSchema"`
		} `json:"tools"`
	}
	decode(t, list, &tools)
	text, err := json.Marshal(tools)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func saved(before, after int) float64 { return 100 - 100*float64(after)/float64(before) }

// payloads are calls of tools whose results are of all shapes that the four
// servers know: objects, rows, nested trees, settings, and plain text.
var payloads = []struct{ what, server, tool, arguments string }{
	{"entities created", "memory", "create_entities", `{"entities":[` +
		`{"name":"Ada Lovelace","entityType":"person","observations":["wrote the first program","daughter of Lord Byron"]},` +
		`{"name":"Charles Babbage","entityType":"person","observations":["designed the Analytical Engine"]},` +
		`{"name":"Analytical Engine","entityType":"machine","observations":["never built","1,000 numbers of 40 digits"]},` +
		`{"name":"London","entityType":"city","observations":[]}]}`},
	{"relations created", "memory", "create_relations", `{"relations":[` +
		`{"from":"Ada Lovelace","to":"Analytical Engine","relationType":"programmed"},` +
		`{"from":"Charles Babbage","to":"Analytical Engine","relationType":"designed"},` +
		`{"from":"Ada Lovelace","to":"London","relationType":"lived in"},` +
		`{"from":"Charles Babbage","to":"London","relationType":"lived in"}]}`},
	{"observations added", "memory", "add_observations", `{"observations":[{"entityName":"London","contents":["capital: yes","größer als Bath"]},{"entityName":"Ada Lovelace","contents":["1815-1852"]}]}`},
	{"the whole graph", "memory", "read_graph", `{}`},
	{"nodes found", "memory", "search_nodes", `{"query":"Engine"}`},
	{"one node", "memory", "open_nodes", `{"names":["London"]}`},
	{"no node", "memory", "open_nodes", `{"names":["nobody"]}`},
	{"a tree of files", "files", "directory_tree", `{"path":"$DIR"}`},
	{"a deep tree of files", "files", "directory_tree", `{"path":"$DIR/deep"}`},
	{"a list of files", "files", "list_directory", `{"path":"$DIR"}`},
	{"what is known of a file", "files", "get_file_info", `{"path":"$DIR/poem.txt"}`},
	{"a file of settings", "files", "read_text_file", `{"path":"$DIR/package.json"}`},
	{"a file of rows", "files", "read_text_file", `{"path":"$DIR/rows.json"}`},
	{"a file of uneven rows", "files", "read_text_file", `{"path":"$DIR/uneven.json"}`},
	{"a file of rows by kind", "files", "read_text_file", `{"path":"$DIR/kinds.json"}`},
	{"the weather", "everything", "get-structured-content", `{"location":"New York"}`},
	{"the environment", "everything", "get-env", `{}`},
	{"a sum", "everything", "get-sum", `{"a":1,"b":2}`},
	{"a first thought", "thinking", "sequentialthinking", `{"thought":"count","nextThoughtNeeded":true,"thoughtNumber":1,"totalThoughts":3}`},
	{"a branch of thought", "thinking", "sequentialthinking", `{"thought":"or not","nextThoughtNeeded":false,"thoughtNumber":2,"totalThoughts":3,"branchFromThought":1,"branchId":"doubt"}`},
}

func TestTokens_NoResultCostsMoreThanAsCompactJSON(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	servers := fourServers(t, dir)
	files := filepath.Join(dir, "files")
	if err := os.MkdirAll(filepath.Join(files, "deep", "er", "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	rows := []map[string]any{}
	for i := range 40 {
		rows = append(rows, map[string]any{"id": i, "name": fmt.Sprintf("item %d", i), "price": float64(i) * 1.25, "sold": i%3 == 0, "tags": nil})
	}
	uneven := []any{map[string]any{"id": 1}, map[string]any{"id": 2, "why": "it has one more"}, "and this is none", []int{1, 2, 3}}
	kinds := map[string]any{"sold": rows[:5], "left": rows[5:9], "total": len(rows)}
	settings, err := npm("package.json")
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string]any{"rows.json": rows, "uneven.json": uneven, "kinds.json": kinds, "deep/a.txt": "a", "deep/er/b.txt": "b", "deep/er/c, d.txt": "c"} {
		text, err := json.MarshalIndent(content, "", "  ")
		if err == nil {
			err = os.WriteFile(filepath.Join(files, path), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(settings)
	if err == nil {
		err = os.WriteFile(filepath.Join(files, "package.json"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}

	clients := []client{}
	for _, on := range []bool{false, true} {
		servers["memory"].(map[string]any)["env"] = map[string]string{"MEMORY_FILE_PATH": filepath.Join(dir, fmt.Sprintf("toon-%t.jsonl", on))}
		clients = append(clients, dialHTTP(t, serve(t, servers, map[string]any{"toon_compression_enabled": on}).URL, v20251125))
	}
	var texts []string
	var encodings []string
	for _, p := range payloads {
		arguments := strings.ReplaceAll(p.arguments, "$DIR", files)
		for _, client := range clients {
			r := result(t, client, "tools/call", fmt.Sprintf(`{"name":"exec","arguments":%s}`, execution(p.server, p.tool, arguments)))
			var as toolResult
			if decode(t, r, &as); as.IsError {
				t.Fatalf("%s: %s", p.what, r)
			}
			var meta struct {
				Meta struct {
					Encoding string `json:"mcpx/encoding"`
				} `json:"_meta"`
			}
			decode(t, r, &meta)
			texts, encodings = append(texts, as.text(t)), append(encodings, meta.Meta.Encoding)
		}
	}
	counts := tokens(t, texts...)
	var table strings.Builder
	table.WriteString("# What results cost\n\nThe same results of tools as compact JSON (or the text that came, where that is none) and as mcpx gives them by default.\n\n" +
		"| result | bytes | tokens (o200k) | given as | bytes | tokens | saved |\n|---|---|---|---|---|---|---|\n")
	before, after, toon := 0, 0, 0
	for i, p := range payloads {
		was, is := 2*i, 2*i+1
		fmt.Fprintf(&table, "| %s: `%s` | %d | %d | %s | %d | %d | %.0f %% |\n", p.what, p.tool, len(texts[was]), counts[was],
			cmp.Or(encodings[is], "text"), len(texts[is]), counts[is], saved(counts[was], counts[is]))
		if len(texts[is]) > len(texts[was]) || counts[is] > counts[was] {
			t.Errorf("%s costs more than as JSON", p.what)
		}
		if encodings[was] == "toon" {
			t.Errorf("%s is TOON though that is switched off", p.what)
		}
		if encodings[is] == "toon" {
			toon++
		}
		before, after = before+counts[was], after+counts[is]
	}
	fmt.Fprintf(&table, "| together | | %d | | | %d | %.0f %% |\n", before, after, saved(before, after))
	if toon < 4 || toon > 15 {
		t.Errorf("%d of %d results are TOON: this proves little of the other form", toon, len(payloads))
	}
	report(t, "tokens_results.md", table.String())
}
