package jsonrpc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

// show renders an event, so that tables read like streams.
func show(ev Event, err error) string {
	var s strings.Builder
	if err != nil {
		fmt.Fprintf(&s, "TOO LONG ")
	}
	s.WriteString(ev.Type)
	if ev.Data != nil {
		fmt.Fprintf(&s, " %q", ev.Data)
	}
	if ev.HasID {
		fmt.Fprintf(&s, " id=%q", ev.ID)
	}
	if ev.Retry >= 0 {
		fmt.Fprintf(&s, " retry=%d", ev.Retry)
	}
	return s.String()
}

func events(r *EventReader) (out []string, end error) {
	for {
		ev, err := r.Next()
		if err != nil && !errors.Is(err, ErrTooLong) {
			return out, err
		}
		out = append(out, show(ev, err))
	}
}

func TestEventReader_ReadsStreamsAsTheStandardSays(t *testing.T) {
	const limit = 20
	for _, tc := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"data: a\n\n", []string{`message "a"`}},
		{"data: a\r\n\r\ndata: b\r\rdata: c\n\n", []string{`message "a"`, `message "b"`, `message "c"`}},
		{"data: a\r\n\rdata: b\n\r\n", []string{`message "a"`, `message "b"`}},
		{"\ufeffdata: a\n\n", []string{`message "a"`}},
		{"\ufeff\ufeffdata: a\n\ndata: b\n\n", []string{`message "b"`}}, // the second one belongs to a name
		{"\n\ufeffdata: a\n\n", nil},
		{"data: a\ndata: b\r\ndata\ndata:c\n\n", []string{`message "a\nb\n\nc"`}},
		{"data\n\n", []string{`message ""`}},
		{"data:\ndata:\n\n", []string{`message "\n"`}},
		{"data:  a \n\n", []string{`message " a "`}},
		{"data:a:b\n\n", []string{`message "a:b"`}},
		{": comment\n\n:\n:data: x\n\ndata: a\n: comment\n\n", []string{`message "a"`}},
		{"event: endpoint\ndata: /x\n\ndata: y\n\n", []string{`endpoint "/x"`, `message "y"`}},
		{"event: a\nevent: b\ndata:\n\nevent: c\nevent:\ndata\n\n", []string{`b ""`, `message ""`}},
		{"event: alone\n\ndata: a\n\n", []string{`message "a"`}},
		{"id: 1\ndata: a\n\ndata: b\n\nid\n\nid: 7\nid: 8\n\n", []string{`message "a" id="1"`, `message "b"`, `message id=""`, `message id="8"`}},
		{"id: a\x00b\ndata: x\n\nid: 1\nid: \x00\ndata: y\n\n", []string{`message "x"`, `message "y" id="1"`}},
		{"retry: 1500\n\nretry: 1\nretry: 2\ndata: a\n\n", []string{`message retry=1500`, `message "a" retry=2`}},
		{"retry: -1\n\nretry: 1s\n\nretry:\n\nretry: 1 \n\nretry: ٣\n\ndata: a\n\n", []string{`message "a"`}},
		{"retry: 99999999999999999\n\n", []string{fmt.Sprintf("message retry=%d", math.MaxInt32)}},
		{"Data: a\ndat: b\ndataa: c\n data: d\nunknown: e\nx\n\ndata: f\n\n", []string{`message "f"`}},
		{"data: whole\n\ndata: cut off", []string{`message "whole"`}},
		{"data: whole\n\ndata: cut off\n", []string{`message "whole"`}},
		{"data: 12345678901234567890\n\n", []string{`message "12345678901234567890"`}},
		{"data: 1234567890\ndata: 123456789\n\n", []string{`message "1234567890\n123456789"`}},
		{"data: 123456789012345678901\n\ndata: b\n\n", []string{`TOO LONG message "123456789012345678901"`, `message "b"`}},
		{"data: 1234567890\ndata: 1234567890\ndata: x\nid: 3\n\nid: 4\ndata: b\n\n", []string{`TOO LONG message "1234567890\n1234567890"`, `message "b" id="4"`}},
		{"event: 123456789012345678901\nid: 3\n\ndata: a\n\n", []string{`TOO LONG message`, `message "a"`}},
		{"id: 3\ndata: 123456789012345678901\n\n", []string{`TOO LONG message "123456789012345678901" id="3"`}},
		{"data: 1234567890123456789012345\n", nil},
		{": 123456789012345678901234567890\n123456789012345678901234567890: x\ndata: a\n\n", []string{`message "a"`}},
	} {
		for name, r := range map[string]io.Reader{
			"whole": strings.NewReader(tc.in), "byte by byte": iotest.OneByteReader(strings.NewReader(tc.in)), "with the end": iotest.DataErrReader(strings.NewReader(tc.in)),
		} {
			got, err := events(NewEventReader(r, limit))
			if name == "byte by byte" { // a part that is over the limit counts as it came
				for i := range got {
					if strings.HasPrefix(got[i], "TOO LONG") {
						got[i] = tc.want[i]
					}
				}
			}
			if strings.Join(got, "\n") != strings.Join(tc.want, "\n") || err != io.EOF {
				t.Errorf("%q %s:\n got %q, %v\nwant %q", tc.in, name, got, err, tc.want)
			}
		}
	}
}

func TestEventReader_DoesNotWaitForMoreThanTheEventNeeds(t *testing.T) {
	r, w := io.Pipe()
	defer r.Close()
	e := NewEventReader(r, 100)
	for _, part := range []string{"data: a\r\r", "\ndata: a\r\n\r", "\ndata: a\n\n"} {
		go func() { _, _ = io.WriteString(w, part) }()
		// A reader that looked for the LF after the CR would wait for ever.
		if ev, err := e.Next(); err != nil || string(ev.Data) != "a" {
			t.Fatalf("%q: %s", part, show(ev, err))
		}
	}
}

func TestEventReader_TellsOfEachComment(t *testing.T) {
	e := NewEventReader(strings.NewReader(":\n: ping\r\ndata: :\n:\rx:\n\n:unfinished"), 100)
	comments := 0
	e.OnComment = func() { comments++ }
	if ev, err := e.Next(); err != nil || string(ev.Data) != ":" || comments != 3 {
		t.Errorf("%s, %d comments", show(ev, err), comments)
	}
	if _, err := e.Next(); err != io.EOF || comments != 3 {
		t.Errorf("%v, %d comments", err, comments)
	}
}

func TestEventReader_GivesDataToKeepAndTheErrorOfItsReader(t *testing.T) {
	e := NewEventReader(io.MultiReader(strings.NewReader("id: 1\ndata: a\n\nid: 2\ndata: b\n\ndata: c\n"), iotest.ErrReader(os.ErrDeadlineExceeded)), 100)
	a, _ := e.Next()
	b, _ := e.Next()
	_ = append(a.Data, "overwritten"...)
	if string(a.Data) != "a" || a.ID != "1" || string(b.Data) != "b" || b.ID != "2" {
		t.Errorf("%s, %s", show(a, nil), show(b, nil))
	}
	if _, err := e.Next(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestEventReader_KeepsTheFirstKiBOfDataOverTheLimit(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 20_000)
	e := NewEventReader(strings.NewReader("data: "+long+"\n\ndata: {}\n\n"), 100_000)
	if ev, err := e.Next(); !errors.Is(err, ErrTooLong) || string(ev.Data) != long[:headLen] {
		t.Errorf("%d bytes, %v", len(ev.Data), err)
	}
	if ev, err := e.Next(); err != nil || string(ev.Data) != "{}" {
		t.Errorf("the event after it: %s", show(ev, err))
	}
}

func TestAppendEvent_WritesWhatTheReaderReads(t *testing.T) {
	for _, tc := range []struct{ id, data, wire, read string }{
		{"", "{}", "data: {}\n\n", "{}"},
		{"7", " x", "id: 7\ndata:  x\n\n", " x"},
		{"", "", "data: \n\n", ""},
		{"", "a\nb\r\nc\rd\n", "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n", "a\nb\nc\nd\n"},
	} {
		wire := AppendEvent([]byte("x"), tc.id, []byte(tc.data))
		if string(wire) != "x"+tc.wire {
			t.Errorf("%q is written as %q, want %q", tc.data, wire, tc.wire)
		}
		ev, err := NewEventReader(bytes.NewReader(wire[1:]), 100).Next()
		if err != nil || string(ev.Data) != tc.read || ev.ID != tc.id || ev.HasID != (tc.id != "") {
			t.Errorf("%q is read as %s", wire, show(ev, err))
		}
	}
}

// reference reads a stream as the standard's text says it, all at once.
func reference(in string) (out []Event) {
	in = strings.TrimPrefix(in, "\ufeff")
	in = strings.ReplaceAll(strings.ReplaceAll(in, "\r\n", "\n"), "\r", "\n")
	ev, data, hasData := Event{Retry: -1}, "", false
	list := strings.Split(in, "\n")
	for _, line := range list[:len(list)-1] { // the last one has no end
		if line == "" {
			if hasData || ev.HasID || ev.Retry >= 0 {
				if hasData {
					ev.Data = []byte(strings.TrimSuffix(data, "\n"))
				}
				if ev.Type == "" {
					ev.Type = "message"
				}
				out = append(out, ev)
			}
			ev, data, hasData = Event{Retry: -1}, "", false
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "data":
			data, hasData = data+value+"\n", true
		case "event":
			ev.Type = value
		case "id":
			if !strings.Contains(value, "\x00") {
				ev.ID, ev.HasID = value, true
			}
		case "retry":
			if value != "" && strings.Trim(value, "0123456789") == "" {
				ev.Retry = math.MaxInt32
				var n int
				if _, err := fmt.Sscanf(value, "%d", &n); err == nil {
					ev.Retry = min(n, math.MaxInt32)
				}
			}
		}
	}
	return out
}

func FuzzEventReader(f *testing.F) {
	for _, seed := range []string{
		"data: a\n\n", "\ufeffid: 1\r\ndata:b\rdata\r\r", ": c\n\nevent:x\ndata: \n\nretry: 10\n\n", "id: \x00\n\nid\n\n", "event: e\n\ndata\n\r\n", "retry: 99999999999999999999\n\n",
	} {
		f.Add([]byte(seed), "1", "data")
	}
	f.Fuzz(func(t *testing.T, b []byte, id, data string) {
		want := []string(nil)
		for _, ev := range reference(string(b)) {
			want = append(want, show(ev, nil))
		}
		for _, r := range []io.Reader{bytes.NewReader(b), iotest.OneByteReader(bytes.NewReader(b))} {
			got, err := events(NewEventReader(r, 1<<20))
			if err != io.EOF || strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Fatalf("%q:\n got %q, %v\nwant %q", b, got, err, want)
			}
		}
		small := NewEventReader(bytes.NewReader(b), 8)
		for {
			ev, err := small.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil && len(ev.Data)+len(ev.ID) > 8 {
				t.Fatalf("%q: %s is over the limit", b, show(ev, err))
			}
		}
		if id = strings.Map(func(r rune) rune {
			if strings.ContainsRune("\r\n\x00", r) {
				return -1
			}
			return r
		}, id); strings.HasPrefix(id, " ") {
			id = "x" + id
		}
		ev, err := NewEventReader(bytes.NewReader(AppendEvent(nil, id, []byte(data))), 1<<20).Next()
		flat := strings.ReplaceAll(strings.ReplaceAll(data, "\r\n", "\n"), "\r", "\n")
		if err != nil || string(ev.Data) != flat || ev.ID != id {
			t.Fatalf("%q, %q came back as %s", id, data, show(ev, err))
		}
	})
}
