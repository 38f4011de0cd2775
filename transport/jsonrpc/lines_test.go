package jsonrpc

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// lines reads everything that r gives, lines over the limit marked.
func lines(r *LineReader) (out []string, end error) {
	for {
		line, err := r.Next()
		switch {
		case err == nil:
			out = append(out, string(line))
		case errors.Is(err, ErrTooLong):
			out = append(out, "TOO LONG "+string(line))
		default:
			return out, err
		}
	}
}

func TestLineReader_ReadsLinesOfEveryForm(t *testing.T) {
	const limit = 5
	for in, want := range map[string]string{
		"":                              "",
		"\n\n \t\n\r\n":                 "",
		"a\nb\r\n\n  c \n":              "a|b|  c ",
		"a\nlast":                       "a|last",
		"a\n  ":                         "a",
		"a\rb\n":                        "a\rb",
		"12345\n12345\r\n12345":         "12345|12345|12345",
		"123456\nb\n":                   "TOO LONG 123456|b",
		"123456\r\nb\n":                 "TOO LONG 123456|b",
		"1234567890\nb":                 "TOO LONG 1234567890|b",
		"b\n123456":                     "b|TOO LONG 123456",
		"       \nb\n":                  "TOO LONG        |b",
		strings.Repeat("x", 99) + "\na": "TOO LONG " + strings.Repeat("x", 99) + "|a",
	} {
		for name, r := range map[string]io.Reader{
			"whole": strings.NewReader(in), "byte by byte": iotest.OneByteReader(strings.NewReader(in)), "with the end": iotest.DataErrReader(strings.NewReader(in)),
		} {
			got, err := lines(NewLineReader(r, limit))
			if strings.Join(got, "|") != want || err != io.EOF {
				t.Errorf("%q %s: %q, %v, want %q", in, name, got, err, want)
			}
		}
	}
}

func TestLineReader_SkipsALineOverTheLimitAndGoesOn(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 20_000) // more than our buffer
	for _, limit := range []int{0, 10, readBuffer - 1, readBuffer, readBuffer + 1, len(long) - 1} {
		r := NewLineReader(strings.NewReader(long+"\n{}\n"+long+"\r\n"+long), limit)
		for i := range 4 {
			line, err := r.Next()
			if i == 1 {
				if limit >= 2 && (string(line) != "{}" || err != nil) {
					t.Errorf("limit %d: the line after it came as %q, %v", limit, line, err)
				}
				continue
			}
			if !errors.Is(err, ErrTooLong) || string(line) != long[:headLen] {
				t.Errorf("limit %d: %d bytes, %v", limit, len(line), err)
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Errorf("limit %d: then %v", limit, err)
		}
	}
	for _, end := range []string{"\n", "\r\n", ""} {
		line, err := NewLineReader(strings.NewReader(long+end), len(long)).Next()
		if err != nil || string(line) != long {
			t.Errorf("a line of exactly the limit before %q: %d bytes, %v", end, len(line), err)
		}
	}
}

func TestLineReader_GivesBuffersToKeep(t *testing.T) {
	r := NewLineReader(strings.NewReader("first\nsecond\n"), 10)
	first, _ := r.Next()
	second, _ := r.Next()
	_ = append(first, "overwritten"...)
	if string(first) != "first" || string(second) != "second" {
		t.Errorf("%q, %q", first, second)
	}
}

func TestLineReader_DropsWhatABrokenReaderCutsOff(t *testing.T) {
	for _, in := range []string{"a\nhalf", "a\n" + strings.Repeat("x", 3*readBuffer)} {
		r := NewLineReader(io.MultiReader(strings.NewReader(in), iotest.ErrReader(os.ErrClosed)), 10)
		if got, err := lines(r); strings.Join(got, "|") != "a" || !errors.Is(err, os.ErrClosed) {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// endless gives the same bytes n times.
type endless struct {
	chunk []byte
	n     int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	e.n--
	return copy(p, e.chunk), nil
}

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestReaders_HoldNoMoreThanTheLimit(t *testing.T) {
	const limit, sent = 1 << 20, 64 << 20
	chunk := bytes.Repeat([]byte("x"), 4096)
	source := func(head string) io.Reader {
		return io.MultiReader(strings.NewReader(head), &endless{chunk, sent / len(chunk)}, strings.NewReader("\n\n"))
	}
	for name, read := range map[string]func() error{
		"line": func() error { _, err := NewLineReader(source(""), limit).Next(); return err },
		"data": func() error { _, err := NewEventReader(source("data:"), limit).Next(); return err },
		"id":   func() error { _, err := NewEventReader(source("id:"), limit).Next(); return err },
		"type": func() error { _, err := NewEventReader(source("event:"), limit).Next(); return err },
	} {
		// Growing by doubling allocates twice the limit in all.
		if n := allocated(func() {
			if err := read(); !errors.Is(err, ErrTooLong) {
				t.Errorf("%s: %v", name, err)
			}
		}); n > 3*limit {
			t.Errorf("%s: %d bytes allocated for a limit of %d", name, n, limit)
		}
	}
	for _, head := range []string{":", "unknown:", "unknown", ""} {
		if n := allocated(func() {
			if _, err := NewEventReader(source(head), limit).Next(); err != io.EOF {
				t.Errorf("%q: %v", head, err)
			}
		}); n > 2*readBuffer {
			t.Errorf("%q: %d bytes allocated for nothing", head, n)
		}
	}
}

// Whatever the parts in which it comes, the end of what was skipped is kept.
func TestTail_IsTheEndOfWhatWasTooLong(t *testing.T) {
	for _, size := range []int{11, 63, 64, 65, 1000, readBuffer, readBuffer + 1, 3*readBuffer + 7} {
		long := strings.Repeat("0123456789abcdef", size/16+1)[:size]
		want := long[max(0, size-tailLen):]
		for name, source := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "with the end": iotest.DataErrReader,
		} {
			l := NewLineReader(source(strings.NewReader("x\n"+long+"\r\n"+long)), 10)
			if _, err := l.Next(); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				_, err := l.Next()
				if got := strings.TrimRight(string(l.Tail()), "\r\n"); !errors.Is(err, ErrTooLong) || !strings.HasSuffix(want, got) || len(got) < len(want)-2 {
					t.Errorf("%d bytes %s: a line ends with %q, %v; want %q", size, name, got, err, want)
				}
			}
			e := NewEventReader(source(strings.NewReader("data: x\n\ndata: "+long+"\nid: 7\n\ndata: abc\ndata: "+long+"\n\n")), 10)
			if _, err := e.Next(); err != nil {
				t.Fatal(err)
			}
			for i := range 2 {
				want := want
				if i == 1 {
					want = ("abc\n" + long)[max(0, 4+size-tailLen):]
				}
				if _, err := e.Next(); !errors.Is(err, ErrTooLong) || string(e.Tail()) != want {
					t.Errorf("%d bytes %s: an event ends with %q, %v; want %q", size, name, e.Tail(), err, want)
				}
			}
		}
	}
}

func FuzzLineReader(f *testing.F) {
	for _, seed := range []string{"a\nb", "\r\n\r\n", "123456789\r\nx\r", "12345678\r\n", "  \n", "\n\n12345678\r"} {
		f.Add([]byte(seed), 8)
	}
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		limit &= 0xff
		got, err := lines(NewLineReader(iotest.HalfReader(bytes.NewReader(b)), limit))
		if err != io.EOF {
			t.Fatal(err)
		}
		var want []string
		parts := strings.Split(string(b), "\n")
		for i, line := range parts {
			whole := line
			if i < len(parts)-1 {
				line = strings.TrimSuffix(line, "\r")
			}
			switch {
			case len(line) > limit:
				want = append(want, "TOO LONG "+whole[:min(len(whole), headLen)])
			case strings.Trim(line, " \t\r") != "":
				want = append(want, line)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%q, limit %d: %q, want %q", b, limit, got, want)
		}
		for i := range got {
			if strings.TrimRight(got[i], "\r") != strings.TrimRight(want[i], "\r") { // a head may hold the CR of the line end
				t.Fatalf("%q, limit %d: %q, want %q", b, limit, got, want)
			}
		}
	})
}

// stuck gives its chunks one by one, and fails the test that reads on.
type stuck struct {
	t      *testing.T
	chunks []string
}

func (s *stuck) Read(p []byte) (int, error) {
	if len(s.chunks) == 0 {
		s.t.Error("read although more was said to be there")
		return 0, io.EOF
	}
	n := copy(p, s.chunks[0])
	s.chunks = s.chunks[1:]
	return n, nil
}

func TestLineReader_MoreIsThereWhereNextNeedNotRead(t *testing.T) {
	for chunk, lines := range map[string]int{
		"1\n":                     1,
		"1\n2\n":                  2,
		"1\r\n\r\n2\r\n":          2,
		"1\n2":                    1,
		"1\n \n\t\r\n":            1,
		"1\n\n\n\n2":              1,
		"1\n\n\n\n2\n\n":          2,
		"1\n" + "123456789\n3\n":  3, // one of them over the limit
		"1\n" + " \n" + "x\ny\nz": 3,
	} {
		r := NewLineReader(&stuck{t, []string{chunk}}, 5)
		if r.More() {
			t.Errorf("%q: more before anything was read", chunk)
		}
		got := 0
		for ok := true; ok; ok = r.More() {
			if _, err := r.Next(); err != nil && !errors.Is(err, ErrTooLong) {
				t.Errorf("%q: %v", chunk, err)
			}
			got++
		}
		if got != lines {
			t.Errorf("%q: %d lines without reading on, want %d", chunk, got, lines)
		}
	}
}
