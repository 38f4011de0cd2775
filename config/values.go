package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// valueKind is the type of a key's value: how it is read from the tree and how
// the documentation speaks of it.
type valueKind interface {
	// read returns the value, or reports what is wrong with it; of lists and
	// objects it returns the valid part even then.
	read(c *checker, key string, n node) (any, bool)
	// doc says what may be written.
	doc() string
	// show renders a value for the documentation.
	show(v any) string
}

// str reads a string and expands its references.
func (c *checker) str(key string, n node, want string) (s string, substituted, ok bool) {
	if n.kind != stringNode {
		c.errorf(n.at, key, "expected %s, found %s", want, n.describe())
		return "", false, false
	}
	s, ok = n.text, true
	if !n.literal {
		s, substituted, ok = c.expand(n.at, key, s)
	}
	switch {
	case !ok:
	case strings.ContainsRune(s, 0):
		c.errorf(n.at, key, "holds a NUL character, which no program and no server accepts")
		ok = false
	case n.at != nowhere && strings.Contains(s, Masked):
		c.errorf(n.at, key, "holds the mask %s in the place of a secret: refer to a variable there, such as ${TOKEN}", Masked)
		ok = false
	}
	return s, substituted, ok
}

// scalar reads the text of a number, or of a string that stands for one.
// bare: a number, or a string that may stand for one; found is how to speak of it.
func (c *checker) scalar(key string, n node, want string) (text, found string, bare, ok bool) {
	if n.kind == numberNode {
		return n.text, shorten(n.text), true, true
	}
	s, substituted, ok := c.str(key, n, want)
	found = fmt.Sprintf("%q", shorten(s))
	if substituted {
		found = "something else in the variable" // which may be a secret
	}
	return strings.TrimSpace(s), found, n.loose || substituted, ok
}

type verdict uint8

const (
	fits     verdict = iota
	fraction         // fits, but is not whole before it is scaled
	tooSmall
	tooLarge
	notANumber
)

// amount scales a number and holds it against its bounds.
func amount(text string, unit, least, most float64) (int64, verdict) {
	f, err := strconv.ParseFloat(text, 64)
	scaled := math.Round(f * unit)
	switch {
	case err != nil && !math.IsInf(f, 0), math.IsNaN(f):
		return 0, notANumber
	case scaled < least:
		return 0, tooSmall
	case scaled > most:
		return 0, tooLarge
	case f != math.Trunc(f):
		return int64(scaled), fraction
	default:
		return int64(scaled), fits
	}
}

// whole is a number without fraction.
type whole struct{ least, most int }

func (k whole) doc() string { return "whole number" }

func (k whole) read(c *checker, key string, n node) (any, bool) {
	text, found, bare, ok := c.scalar(key, n, "a whole number")
	if !ok {
		return nil, false
	}
	v, verdict := amount(text, 1, float64(k.least), float64(k.most))
	switch {
	case !bare || verdict == notANumber || verdict == fraction:
		c.errorf(n.at, key, "expected a whole number, found %s", found)
	case verdict == tooSmall:
		c.errorf(n.at, key, "must be at least %d, found %s", k.least, found)
	case verdict == tooLarge:
		c.errorf(n.at, key, "must be at most %d, found %s", k.most, found)
	default:
		return int(v), true
	}
	return nil, false
}

func (k whole) show(v any) string {
	digits := strconv.Itoa(v.(int))
	if len(digits) > 4 {
		digits = digits[:len(digits)-3] + "," + digits[len(digits)-3:]
	}
	return digits
}

// size is a number of bytes, as a number or as text with a unit.
type size struct{ least int }

const maxSize = 1 << 40

// The longest suffix first.
var sizeUnits = []struct {
	suffix string
	bytes  float64
}{
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40},
	{"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12}, {"b", 1},
}

func (k size) doc() string { return `bytes, or text such as "16MiB"` }

func (k size) read(c *checker, key string, n node) (any, bool) {
	const want = `a number of bytes, or text such as "16MiB"`
	text, found, bare, ok := c.scalar(key, n, want)
	if !ok {
		return nil, false
	}
	number, unit := strings.ToLower(text), 0.0
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(number, u.suffix); ok {
			number, unit, bare = strings.TrimSpace(rest), u.bytes, true
			break
		}
	}
	v, verdict := amount(number, max(unit, 1), float64(k.least), maxSize)
	switch {
	case !bare || verdict == notANumber || verdict == fraction && unit == 0:
		c.errorf(n.at, key, "expected %s, found %s", want, found)
	case verdict == tooSmall:
		c.errorf(n.at, key, "must be at least %s, found %s", k.show(k.least), found)
	case verdict == tooLarge:
		c.errorf(n.at, key, "must be at most %s, found %s", k.show(maxSize), found)
	default:
		return int(v), true
	}
	return nil, false
}

func (k size) show(v any) string {
	n := v.(int)
	for _, u := range []struct {
		name  string
		bytes int
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.bytes && n%u.bytes == 0 {
			return fmt.Sprintf("%d %s", n/u.bytes, u.name)
		}
	}
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// span is a duration: seconds, or text with units.
type span struct{ least time.Duration }

const maxSpan = 366 * 24 * time.Hour

func (k span) doc() string { return `seconds, or text such as "30s"` }

func (k span) read(c *checker, key string, n node) (any, bool) {
	const want = `seconds, or text with a unit such as "30s"`
	text, found, bare, ok := c.scalar(key, n, want)
	if !ok {
		return nil, false
	}
	v, verdict := time.Duration(0), fits
	if d, err := time.ParseDuration(text); err == nil {
		v, bare = d, true
	} else {
		var ns int64
		ns, verdict = amount(text, float64(time.Second), -float64(maxSpan), float64(maxSpan))
		v = time.Duration(ns)
	}
	switch {
	case !bare || verdict == notANumber:
		c.errorf(n.at, key, "expected %s, found %s", want, found)
	case verdict == tooLarge, v > maxSpan:
		c.errorf(n.at, key, "must be at most %s, found %s", k.show(maxSpan), found)
	case verdict == tooSmall, v < k.least:
		c.errorf(n.at, key, "must be at least %s, found %s", k.show(k.least), found)
	default:
		return v, true
	}
	return nil, false
}

func (k span) show(v any) string {
	d := v.(time.Duration)
	switch {
	case d == 0:
		return "0"
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d%time.Minute == 0 && d > time.Minute:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d%time.Second == 0:
		return fmt.Sprintf("%d s", d/time.Second)
	default:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
}

// toggle is true or false.
type toggle struct{}

// switches are the words for on and off, out of a variable or, without quotes, in YAML.
var switches = map[string]bool{"true": true, "yes": true, "on": true, "1": true, "false": false, "no": false, "off": false, "0": false}

func (toggle) doc() string { return "true or false" }

func (toggle) read(c *checker, key string, n node) (any, bool) {
	if n.kind == boolNode {
		return n.on, true
	}
	if on, ok := switches[strings.ToLower(n.text)]; ok && n.kind == unclearNode {
		return on, true // here all readers agree
	}
	s, substituted, ok := c.str(key, n, "true or false")
	if !ok {
		return nil, false
	}
	if n.loose || substituted {
		if on, ok := switches[strings.ToLower(strings.TrimSpace(s))]; ok {
			return on, true
		}
	}
	found := fmt.Sprintf("%q", shorten(s))
	if substituted {
		found = "something else in the variable"
	}
	c.errorf(n.at, key, "expected true or false, found %s", found)
	return nil, false
}

func (toggle) show(v any) string { return strconv.FormatBool(v.(bool)) }

// text is any string.
type text struct{}

func (text) doc() string { return "text" }

func (text) read(c *checker, key string, n node) (any, bool) {
	if s, _, ok := c.str(key, n, "a string"); ok {
		return s, true
	}
	return nil, false
}

func (text) show(v any) string { return v.(string) }

// choice is one of a few words.
type choice []string

func (k choice) doc() string {
	return strings.Join(k[:len(k)-1], ", ") + " or " + k[len(k)-1]
}

func (k choice) read(c *checker, key string, n node) (any, bool) {
	s, substituted, ok := c.str(key, n, k.doc())
	if !ok {
		return nil, false
	}
	if slices.Contains(k, s) {
		return s, true
	}
	found := fmt.Sprintf("%q", shorten(s))
	if substituted {
		found = "something else in the variable"
	}
	c.errorf(n.at, key, "expected %s, found %s", k.doc(), found)
	return nil, false
}

func (choice) show(v any) string { return v.(string) }

// list is a list of strings. What comes from a variable is split at commas, unless whole.
type list struct{ whole bool }

func (list) doc() string { return "list of text" }

func (k list) read(c *checker, key string, n node) (any, bool) {
	var out []string
	if n.kind == stringNode && !k.whole {
		s, substituted, ok := c.str(key, n, "a list of strings")
		switch {
		case !ok:
			return nil, false
		case !n.loose && !substituted:
			c.errorf(n.at, key, "expected a list of strings, found a string")
			return nil, false
		}
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
		return out, true
	}
	if n.kind != listNode {
		c.errorf(n.at, key, "expected a list of strings, found %s", n.describe())
		return nil, false
	}
	valid := true
	for i, entry := range n.items {
		s, _, ok := c.str(item(key, i), entry, "a string")
		if valid = valid && ok; ok {
			out = append(out, s)
		}
	}
	return out, valid
}

func (list) show(v any) string {
	if len(v.([]string)) == 0 {
		return "none"
	}
	return strings.Join(v.([]string), ", ")
}

// table is an object of strings under names of the user's choice.
type table struct{}

func (table) doc() string { return "object of text" }

func (table) read(c *checker, key string, n node) (any, bool) {
	if n.kind != objectNode {
		c.errorf(n.at, key, "expected an object of strings, found %s", n.describe())
		return nil, false
	}
	valid := c.unique(key+".", n)
	out := map[string]string{}
	for _, m := range n.members {
		s, _, ok := c.str(key+"."+token(m.name), m.value, "a string")
		if valid = valid && ok; ok {
			out[m.name] = s
		}
	}
	return out, valid
}

func (table) show(v any) string {
	if len(v.(map[string]string)) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d entries", len(v.(map[string]string)))
}

// spans is an object of durations under names of the user's choice.
type spans struct{}

func (spans) doc() string { return "object of durations" }

func (spans) read(c *checker, key string, n node) (any, bool) {
	if n.kind != objectNode {
		c.errorf(n.at, key, "expected an object of durations, found %s", n.describe())
		return nil, false
	}
	valid := c.unique(key+".", n)
	out := map[string]time.Duration{}
	for _, m := range n.members {
		if m.value.kind == nullNode { // as if it were not there
			continue
		}
		v, ok := orZero.read(c, key+"."+label(m.name), m.value)
		if valid = valid && ok; ok {
			out[m.name] = v.(time.Duration)
		}
	}
	return out, valid
}

func (spans) show(v any) string {
	if len(v.(map[string]time.Duration)) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d entries", len(v.(map[string]time.Duration)))
}

// anything is a value whose shape is not known yet.
type anything struct{}

func (anything) doc() string { return "object" }

func (anything) read(_ *checker, _ string, n node) (any, bool) { return n, true }

func (anything) show(any) string { return "none" }

// unique reports names that occur twice in one object.
func (c *checker) unique(prefix string, n node) bool {
	first := map[string]int{}
	valid := true
	for _, m := range n.members {
		if at, again := first[m.name]; again {
			c.errorf(m.at, prefix+token(m.name), "this key stands twice in the same object, first at %s", c.place(at))
			valid = false
			continue
		}
		first[m.name] = m.at
	}
	return valid
}
