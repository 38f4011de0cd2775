package openapi

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxNameBytes = 64

// reserved are words that the languages of client generators keep for
// themselves, and what every object in JavaScript has.
var reserved = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`
		abstract and any arguments as assert async await bool boolean break byte case catch chan char class const constructor continue
		debugger def default defer del delete do double elif else enum eval except export extends fallthrough false final finally
		float for from func function global go goto hasownproperty if implements import in infer instanceof int interface internal is
		isprototypeof lambda let long map namespace native new nil none nonlocal not null number object operator or package pass private
		propertyisenumerable protected prototype public raise range readonly return select self short static string struct super switch
		symbol synchronized this throw throws tolocalestring tostring transient true try type typeof undefined unknown use valueof var
		void volatile while with yield __proto__`) {
		m[w] = true
	}
	return m
}()

// identifier makes a name one of letters, digits and underscores that client
// generators use as it is.
func identifier(name string) string {
	out := make([]byte, 0, min(len(name), maxNameBytes))
	speaks := false
	for _, r := range name {
		if len(out) == maxNameBytes {
			break
		}
		if r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			out, speaks = append(out, byte(r)), true
		} else {
			out = append(out, '_')
		}
	}
	id := string(out)
	switch {
	case !speaks:
		return "tool"
	case out[0] == '_' || out[0] <= '9' || reserved[strings.ToLower(id)]:
		return "tool_" + id
	}
	return id
}

// operationIDs gives each name an id that depends on nothing but the names. A
// name that is an identifier keeps it, unless it is taken by something fixed; of
// others that would meet, each gets a digest of its own.
func operationIDs(names []string, taken ...string) map[string]string {
	used, wanted := map[string]bool{}, map[string]int{}
	for _, t := range taken {
		used[t] = true
	}
	ids := make(map[string]string, len(names))
	for _, n := range names {
		id := identifier(n)
		wanted[id]++
		if id == n && !used[id] {
			ids[n] = id
		}
	}
	for _, id := range ids {
		used[id] = true
	}
	for _, n := range names {
		if ids[n] != "" {
			continue
		}
		id := identifier(n)
		if sum := sha256.Sum256([]byte(n)); used[id] || wanted[id] > 1 {
			digest := hex.EncodeToString(sum[:])
			for size := 8; used[id] || size == 8; size += 8 {
				id = identifier(n) + "_" + digest[:size]
			}
		}
		ids[n], used[id] = id, true
	}
	return ids
}

// componentNames gives out names for components/schemas. It counts how often
// each was asked for, in lower case: generators write files of these names.
type componentNames map[string]int

func (c componentNames) name(owner, what string) string {
	clean := make([]byte, 0, min(len(what), maxNameBytes))
	for _, r := range what {
		if len(clean) == maxNameBytes {
			break
		}
		if r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_' || r == '.') {
			clean = append(clean, byte(r))
		} else {
			clean = append(clean, '_')
		}
	}
	base := owner + "." + first(string(clean), "schema")
	name, key := base, strings.ToLower(base)
	for c[strings.ToLower(name)] > 0 {
		c[key]++
		name = base + "_" + strconv.Itoa(c[key])
	}
	c[strings.ToLower(name)]++
	return name
}

// titleCase makes a name a title: "get-sum" and "getSum" become "Get Sum".
func titleCase(name string) string {
	var words []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			word[0] = unicode.ToUpper(word[0])
			words = append(words, string(word))
			word = nil
		}
	}
	lower := false
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
			end()
			lower = false
			continue
		}
		if unicode.IsUpper(r) && lower {
			end()
		}
		lower = unicode.IsLower(r) || unicode.IsDigit(r)
		word = append(word, r)
	}
	end()
	return first(strings.Join(words, " "), name, "Tool")
}
