package openapi

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
)

var odd = []string{"a", "get-sum", "a/b", "a.b", ".", "..", "...", "50%", "%2F", "a b", "a+b", "{id}", "a?b#c", "名前", "é", "🦀", `a\b"c`, "~", "\x00\n", "prompts/x", "-", "_", "9lives", "class", "Class",
	"__proto__", "constructor", "hasOwnProperty", strings.Repeat("x", 300), "a;b,c:d@e$f!*'()", "\u2028"}

func TestSegment_SurvivesARoundTrip(t *testing.T) {
	for _, name := range append(odd, "\xff") {
		s := Segment(name)
		if back, err := url.PathUnescape(s); err != nil || back != name {
			t.Errorf("%q became %q and then %q (%v)", name, s, back, err)
		}
		if strings.ContainsAny(s, "/?#{} \"<>\\^`|") || s == "." || s == ".." {
			t.Errorf("%q became %q", name, s)
		}
		if u, err := url.Parse("http://host/x/" + s); err != nil || u.EscapedPath() != "/x/"+s {
			t.Errorf("%q: the path of a URL becomes %v (%v)", name, u, err)
		}
	}
}

func TestOperationIDs_AreIdentifiersThatDependOnNothingButTheNames(t *testing.T) {
	plain := regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]*$`)
	ids := operationIDs(odd, "mcpx_fixed")
	seen := map[string]string{}
	for _, name := range odd {
		id := ids[name]
		if !plain.MatchString(id) || reserved[strings.ToLower(id)] || len(id) > 2*maxNameBytes {
			t.Errorf("%q: %q", name, id)
		}
		if other := seen[id]; other != "" {
			t.Errorf("%q and %q are both %q", name, other, id)
		}
		seen[id] = name
	}
	for i := range odd { // in any order
		for name, id := range operationIDs(append(odd[i:len(odd):len(odd)], odd[:i]...), "mcpx_fixed") {
			if ids[name] != id {
				t.Errorf("%q is now %q, now %q", name, ids[name], id)
			}
		}
	}
}

func TestOperationIDs_KeepWhatIsOne(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  []string
	}{
		{[]string{"read_file", "get-sum", "Read File"}, []string{"read_file", "get_sum", "Read_File"}},
		{[]string{"a_b", "a-b"}, []string{"a_b", "a_b_d44362d6"}},
		{[]string{"a-b", "a.b"}, []string{"a_b_d44362d6", "a_b_2e7336dc"}},
		{[]string{"fixed", "1st", "_x", "import", "名前"}, []string{"fixed_992a9345", "tool_1st", "tool__x", "tool_import", "tool"}},
		{[]string{"a_b", "a_b_d44362d6", "a-b"}, []string{"a_b", "a_b_d44362d6", "a_b_d44362d67d921091"}},
	} {
		ids := operationIDs(c.names, "fixed")
		for i, name := range c.names {
			if ids[name] != c.want[i] {
				t.Errorf("%q of %q is %q, want %q", name, c.names, ids[name], c.want[i])
			}
		}
	}
}

func TestTitleCase_ReadsAsATitle(t *testing.T) {
	for name, want := range map[string]string{
		"get-sum": "Get Sum", "read_text_file": "Read Text File", "readTextFile": "Read Text File", "HTTPGet": "HTTPGet", "a.b/c d": "A B C D",
		"élan_vital": "Élan Vital", "名前": "名前", "x2y": "X2y", "--": "--", "": "Tool", "get__x": "Get X",
	} {
		if got := titleCase(name); got != want {
			t.Errorf("%q became %q, want %q", name, got, want)
		}
	}
}
