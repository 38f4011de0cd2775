package config

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func envFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEnvFile_IsReadAsOthersReadIt(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"":                      {},
		"\n# comment\n  \n#A=1": {},
		"A=1\nB=2":              {"A": "1", "B": "2"},
		"A=1\r\nB = 2 \r\n":     {"A": "1", "B": "2"},
		"\xef\xbb\xbfA=1":       {"A": "1"},
		"export A=1\nexport\tB=2\nexport=3\nexported=4": {"A": "1", "B": "2", "export": "3", "exported": "4"},
		"A=\nB= \nC=''\nD=\"\"":                         {"A": "", "B": "", "C": "", "D": ""},
		"A=a b  # c\nB=a#b\nC=# c\nD=http://h/#x":       {"A": "a b", "B": "a#b", "C": "", "D": "http://h/#x"},
		"A=x=y==":                                   {"A": "x=y=="},
		"A='it''s'":                                 nil,
		"A='a $B ${B} \\n # x' # c\nB=1":            {"A": `a $B ${B} \n # x`, "B": "1"},
		`A="a\tb\n\"c\" \\ \d 'e' # f" # g`:         {"A": "a\tb\n\"c\" \\ \\d 'e' # f"},
		"A=\"one\ntwo\n\"\nB='\nthree'\nC=3":        {"A": "one\ntwo\n", "B": "\nthree", "C": "3"},
		"A=pa$word$1$\nB=\"$A\"\nC=a\"b'c":          {"A": "pa$word$1$", "B": "$A", "C": `a"b'c`},
		"A=1\nB=${A}2\nC=\"${B}3 ${OUT} \\${A}\"":   {"A": "1", "B": "12", "C": "123 outside ${A}"},
		"A=${NOPE:-x}\nB=${A:-y}\nOUT=in\nC=${OUT}": {"A": "x", "B": "x", "OUT": "in", "C": "in"},
		"A=1\nA=2":  {"A": "2"},
		"a.b-c_1=x": {"a.b-c_1": "x"},
	} {
		got, problems := ReadEnvFile(envFile(t, text), []string{"OUT=outside"})
		if want == nil {
			if got != nil || !problems.HasErrors() {
				t.Errorf("%q was read as %q", text, got)
			}
		} else if !maps.Equal(got, want) || len(problems) > 0 {
			t.Errorf("%q:\n got %q\nwant %q\n%s", text, got, want, problems)
		}
	}
}

func TestEnvFile_MistakesAreNamedWithTheirPlaceAndWithoutValues(t *testing.T) {
	for text, want := range map[string]string{
		"canary":                            ":1:1: expected NAME=value",
		"A=1\n\n=canary":                    ":3:1: expected NAME=value",
		"1A=canary":                         ":1:1: expected NAME=value",
		"A B=canary":                        ":1:1: expected NAME=value",
		"A=1\nB='canary\nC=3":               ":2:1: B: the quote is never closed",
		"A=\"canary\" canary":               ":1:1: A: something stands behind the closing quote",
		"A=${NOPE}canary":                   ":1:1: A: environment variable NOPE is not set (${NOPE:-default} would give it a default)",
		"A=${canary":                        ":1:1: A: the reference to canary is never closed",
		"canary\nB\nC=1":                    ":1:1: expected NAME=value\n:2:1: expected NAME=value",
		"A=\x00":                            ": holds a NUL character, which no variable can hold",
		"A=\xff":                            ":1:3: the text is not valid UTF-8",
		strings.Repeat("#", maxFileBytes+1): ": is larger than 2 MiB",
	} {
		path := envFile(t, text)
		got, problems := ReadEnvFile(path, []string{})
		if said := strings.TrimSpace(strings.ReplaceAll(problems.String(), path, "")); got != nil || said != want {
			t.Errorf("%.40q:\n got %s\nwant %s", text, said, want)
		}
	}
	if _, problems := ReadEnvFile("no/such/.env", nil); problems.String() != "no/such/.env: there is no such file\n" {
		t.Error(problems)
	}
}
