package toon

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// tree is a JSON value as encoding/json reads it: written without anything of
// the package, so that it can judge it.
type tree struct {
	kind   byte   // '{', '[' or '=' for a scalar
	scalar string // %T and value; a number in its one normal form
	keys   []string
	items  []tree
}

func parsed(t testing.TB, raw []byte) tree {
	t.Helper()
	tr, err := parseTree(raw)
	if err != nil {
		t.Fatalf("no JSON: %v\n%.500s", err, raw)
	}
	return tr
}

func parseTree(raw []byte) (tree, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	tr, err := readTree(dec)
	if err != nil {
		return tr, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return tr, fmt.Errorf("more than one value")
	}
	return tr, nil
}

func readTree(dec *json.Decoder) (tree, error) {
	tok, err := dec.Token()
	if err != nil {
		return tree{}, err
	}
	d, isDelim := tok.(json.Delim)
	if !isDelim {
		return tree{kind: '=', scalar: scalarText(tok)}, nil
	}
	tr := tree{kind: byte(d)}
	for dec.More() {
		if d == '{' {
			key, err := dec.Token()
			if err != nil {
				return tr, err
			}
			tr.keys = append(tr.keys, key.(string))
		}
		item, err := readTree(dec)
		if err != nil {
			return tr, err
		}
		tr.items = append(tr.items, item)
	}
	_, err = dec.Token()
	return tr, err
}

func scalarText(tok json.Token) string {
	n, isNumber := tok.(json.Number)
	if !isNumber {
		return fmt.Sprintf("%T %v", tok, tok)
	}
	return "number " + normal(n.String())
}

// normal is the one form of a decimal number: all its digits from the first to
// the last that is not zero, and the power of ten they are multiplied by.
func normal(number string) string {
	mantissa, exp, _ := strings.Cut(strings.ToLower(number), "e")
	unsigned, negative := strings.CutPrefix(mantissa, "-")
	whole, frac, _ := strings.Cut(unsigned, ".")
	power, _ := new(big.Int).SetString("0"+strings.TrimLeft(exp, "+-"), 10)
	if strings.HasPrefix(exp, "-") {
		power.Neg(power)
	}
	digits := strings.TrimLeft(whole+frac, "0")
	significant := strings.TrimRight(digits, "0")
	zeros := len(digits) - len(significant)
	if significant == "" {
		return "0"
	}
	if negative {
		significant = "-" + significant
	}
	return significant + "e" + power.Add(power, big.NewInt(int64(zeros-len(frac)))).String()
}

// different says where two values differ, or nothing: objects by their keys in
// order, but for the rows of a table, which get the order of the first (§2).
func different(a, b tree) string { return differ(a, b, true, "$") }

func differ(a, b tree, ordered bool, at string) string {
	if a.kind != b.kind || a.scalar != b.scalar || len(a.items) != len(b.items) {
		return fmt.Sprintf("%s: %.200v and %.200v", at, a, b)
	}
	if !ordered && a.kind == '{' {
		b = arranged(b, a.keys)
	}
	if !slices.Equal(a.keys, b.keys) {
		return fmt.Sprintf("%s: keys %.200q and %.200q", at, a.keys, b.keys)
	}
	table := rowsOf(a) && (a.kind == '[' || len(a.items) > 1)
	for i := range a.items {
		if d := differ(a.items[i], b.items[i], (ordered || a.kind == '[') && !table, fmt.Sprintf("%s.%d", at, i)); d != "" {
			return d
		}
	}
	return ""
}

// rowsOf tells whether the items are objects of which §9.3 makes a table: with
// the same keys, and behind each key scalars only, or again such objects only.
func rowsOf(a tree) bool {
	for _, it := range a.items {
		if it.kind != '{' || len(it.keys) == 0 || len(it.keys) != len(a.items[0].keys) {
			return false
		}
	}
	for _, key := range firstKeys(a) {
		column := tree{kind: '['}
		for _, it := range a.items {
			i := slices.Index(it.keys, key)
			if i < 0 {
				return false
			}
			column.items = append(column.items, it.items[i])
		}
		scalar := func(it tree) bool { return it.kind == '=' }
		if !rowsOf(column) && slices.ContainsFunc(column.items, func(it tree) bool { return !scalar(it) }) {
			return false
		}
	}
	return len(a.items) > 0
}

func firstKeys(a tree) []string {
	if len(a.items) == 0 {
		return nil
	}
	return a.items[0].keys
}

// arranged puts the members of an object in the order of the keys, if it has those.
func arranged(o tree, keys []string) tree {
	out := tree{kind: o.kind}
	for _, k := range keys {
		if i := slices.Index(o.keys, k); i >= 0 {
			out.keys, out.items = append(out.keys, k), append(out.items, o.items[i])
		}
	}
	if len(out.keys) != len(o.keys) {
		return o
	}
	return out
}
