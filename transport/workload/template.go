package workload

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Template is a text with places for what differs between requests:
//
//	{{seq}}     a number that no other request of the run has
//	{{client}}  the number of the client
//
// Its zero value is the empty text.
type Template struct {
	text  string
	parts []part
}

// part is a piece of fixed text and what follows it.
type part struct {
	text string
	hole hole
}

type hole uint8

const (
	holeNone hole = iota
	holeSeq
	holeClient
)

var holes = map[string]hole{"seq": holeSeq, "client": holeClient}

// NewTemplate reads a template; the error names a place that it does not know.
func NewTemplate(text string) (Template, error) {
	t := Template{text: text}
	for rest := text; rest != ""; {
		fixed, after, open := strings.Cut(rest, "{{")
		name, tail, closed := strings.Cut(after, "}}")
		if !open || !closed {
			t.parts = append(t.parts, part{rest, holeNone})
			break
		}
		h, known := holes[strings.TrimSpace(name)]
		if !known {
			return t, fmt.Errorf("{{%s}} means nothing here; there are {{seq}} and {{client}}", name)
		}
		t.parts = append(t.parts, part{fixed, h})
		rest = tail
	}
	return t, nil
}

// Append appends the text of one request.
func (t *Template) Append(dst []byte, client int, seq int64) []byte {
	for i := range t.parts {
		dst = append(dst, t.parts[i].text...)
		switch t.parts[i].hole {
		case holeNone:
		case holeSeq:
			dst = strconv.AppendInt(dst, seq, 10)
		case holeClient:
			dst = strconv.AppendInt(dst, int64(client), 10)
		}
	}
	return dst
}

// Fixed tells whether all requests get the same text.
func (t *Template) Fixed() bool {
	return len(t.parts) == 0 || len(t.parts) == 1 && t.parts[0].hole == holeNone
}

// String returns the template as it was written.
func (t *Template) String() string { return t.text }

// object insists that what a template makes is a JSON object.
func (t *Template) object() error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(t.Append(nil, 0, 1), &members); err != nil || members == nil {
		return fmt.Errorf(`must be a JSON object such as {"n": {{seq}}}`)
	}
	return nil
}
