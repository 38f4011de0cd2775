package httpd

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var past = time.Unix(1, 0)

// watched is a network connection that notes what it is told.
type watched struct {
	net.Conn
	mu     sync.Mutex
	told   []string // deadlines
	wrote  []int    // lengths
	closed bool
}

func (w *watched) note(what string, t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case t.IsZero():
		what += " never"
	case t.Equal(past):
		what += " past"
	}
	w.told = append(w.told, what)
}

func (w *watched) SetReadDeadline(t time.Time) error {
	w.note("read", t)
	return w.Conn.SetReadDeadline(t)
}

func (w *watched) SetWriteDeadline(t time.Time) error {
	w.note("write", t)
	return w.Conn.SetWriteDeadline(t)
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	w.wrote = append(w.wrote, len(p))
	w.mu.Unlock()
	return w.Conn.Write(p)
}

func (w *watched) Close() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	return w.Conn.Close()
}

// pair is a connection of ours and its client's end.
func pair(t *testing.T) (c *conn, nc *watched, client net.Conn) {
	t.Helper()
	ours, client := net.Pipe()
	nc = &watched{Conn: ours}
	c = newConn(nc)
	t.Cleanup(func() { _, _ = c.Close(), client.Close() })
	return c, nc, client
}

// waiting waits until so many are under a deadline.
func waiting(t *testing.T, d *deadline, n int) {
	t.Helper()
	for until := time.Now().Add(patience); ; {
		d.mu.Lock()
		now := d.waiting
		d.mu.Unlock()
		if now == n {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("%d wait, want %d", now, n)
		}
		runtime.Gosched()
	}
}

func TestConn_ADeadlineHoldsWheneverItIsSet(t *testing.T) {
	type half struct {
		name     string
		set      func(*conn, time.Time) error
		deadline func(*conn) *deadline
		do       func(*conn) error
		other    func(net.Conn) // what ends it well
	}
	for _, h := range []half{
		{"reading", (*conn).SetReadDeadline, func(c *conn) *deadline { return &c.reading },
			func(c *conn) error { _, err := c.Read(make([]byte, 1)); return err }, func(nc net.Conn) { _, _ = nc.Write([]byte("x")) }},
		{"writing", (*conn).SetWriteDeadline, func(c *conn) *deadline { return &c.writing },
			func(c *conn) error { _, err := c.Write([]byte("x")); return err }, func(nc net.Conn) { _, _ = nc.Read(make([]byte, 1)) }},
		{"both", (*conn).SetDeadline, func(c *conn) *deadline { return &c.reading },
			func(c *conn) error { _, err := c.Read(make([]byte, 1)); return err }, func(nc net.Conn) { _, _ = nc.Write([]byte("x")) }},
	} {
		t.Run(h.name, func(t *testing.T) {
			c, _, client := pair(t)
			set := func(d time.Time) {
				t.Helper()
				if err := h.set(c, d); err != nil {
					t.Fatal(err)
				}
			}
			well := func() {
				t.Helper()
				go h.other(client)
				if err := h.do(c); err != nil {
					t.Fatalf("without a deadline that has passed: %v", err)
				}
			}
			set(past) // before
			if err := h.do(c); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("after a deadline that had passed: %v", err)
			}
			set(time.Time{})
			well()
			set(past) // and taken back, as net/http does
			set(time.Now().Add(time.Hour))
			well()
			for _, begins := range []time.Time{time.Now().Add(time.Hour), {}} { // meanwhile
				set(begins)
				ended := make(chan error, 1)
				go func() { ended <- h.do(c) }()
				waiting(t, h.deadline(c), 1)
				set(past)
				if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("with a deadline that came while it waited: %v", err)
				}
			}
			set(time.Time{})
			well()
		})
	}
}

func TestConn_TheNetworkHearsOfNoDeadlineUnderWhichNobodyWaits(t *testing.T) {
	c, nc, client := pair(t)
	for range 3 { // as a request does
		_ = c.SetReadDeadline(time.Now().Add(time.Hour))
		_ = c.SetReadDeadline(time.Time{})
		_ = c.SetWriteDeadline(past)
		_ = c.SetWriteDeadline(time.Time{})
	}
	go func() { _, _ = client.Write([]byte("x")) }()
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(past)
	_, _ = c.Read(make([]byte, 1))
	if want := []string{"read past"}; !slices.Equal(nc.told, want) {
		t.Errorf("it heard of %q, want %q", nc.told, want)
	}
}

func TestTogether_LeavesInOnePieceAndInOrder(t *testing.T) {
	c, nc, client := pair(t)
	piece := func(n int, letter string) []byte { return []byte(strings.Repeat(letter, n)) }
	got := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(client)
		got <- b
	}()
	write := func(pieces ...[]byte) func() error {
		return func() error {
			for _, p := range pieces {
				if n, err := c.Write(p); n != len(p) || err != nil {
					return errors.New("it was not taken")
				}
			}
			return nil
		}
	}
	for _, err := range []error{
		c.together(write(piece(4096, "a"), piece(6000, "b"))),
		c.together(write()),
		write(piece(10, "c"), piece(20, "d"))(), // outside of it
		c.together(write(piece(bundleBytes-1, "e"), piece(1, "f"))),
		c.together(write(piece(4096, "g"), piece(2*bundleBytes, "h"))),
		c.together(write(piece(1, "i"))),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	_ = c.Close()
	want := slices.Concat(piece(4096, "a"), piece(6000, "b"), piece(10, "c"), piece(20, "d"), piece(bundleBytes-1, "e"), piece(1, "f"),
		piece(4096, "g"), piece(2*bundleBytes, "h"), piece(1, "i"))
	if b := <-got; !slices.Equal(b, want) {
		t.Errorf("%d bytes, want %d, or in another order", len(b), len(want))
	}
	if want := []int{10096, 10, 20, bundleBytes, bundleBytes, bundleBytes, 4096, 1}; !slices.Equal(nc.wrote, want) {
		t.Errorf("written in pieces of %v, want %v", nc.wrote, want)
	}
}

// net/http takes for sent what waits for the rest: another response must not
// follow one of which a part is lost.
func TestTogether_WhoDoesNotTakeAllGetsNothingMore(t *testing.T) {
	for name, pieces := range map[string][][]byte{
		"at its end":        {make([]byte, 100)},
		"when it is full":   {make([]byte, bundleBytes), make([]byte, 100)},
		"when it overflows": {make([]byte, 3*bundleBytes)},
	} {
		t.Run(name, func(t *testing.T) {
			c, nc, _ := pair(t) // whose client does not read
			if err := c.SetWriteDeadline(past); err != nil {
				t.Fatal(err)
			}
			err := c.together(func() error {
				for _, p := range pieces {
					if _, err := c.Write(p); err != nil {
						return err
					}
				}
				return nil
			})
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("it ended with %v", err)
			}
			if !nc.closed {
				t.Error("the connection is still open")
			}
		})
	}
}

func TestTogether_ABugInTheMiddleLeavesNothingBehind(t *testing.T) {
	c, _, client := pair(t)
	got := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(client)
		got <- b
	}()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the bug is gone")
			}
		}()
		_ = c.together(func() error {
			_, _ = c.Write([]byte("begun, "))
			panic("a bug")
		})
	}()
	_, _ = c.Write([]byte("and over"))
	_ = c.Close()
	if b := string(<-got); b != "begun, and over" {
		t.Errorf("the client got %q", b)
	}
}

// Over the network: whole answers, one after the other on one connection, also
// where what a handler writes is not what a conn gets.
func TestTogether_AnswersStayWhole(t *testing.T) {
	cert, key := certificate(t)
	for name, opts := range map[string]Options{"http/1.1": {}, "TLS and http/1.1": {TLSCert: cert, TLSKey: key}, "http/2": {TLSCert: cert, TLSKey: key}} {
		t.Run(name, func(t *testing.T) {
			opts.Addr = "127.0.0.1:0"
			s, err := New(opts)
			if err != nil {
				t.Fatal(err)
			}
			s.Handle("/long", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				err := w.(interface{ Together(func() error) error }).Together(func() error {
					if _, err := io.WriteString(w, strings.Repeat(r.URL.Query().Get("letter"), 10<<10)); err != nil {
						return err
					}
					return http.NewResponseController(w).Flush()
				})
				if err != nil {
					t.Error(err)
				}
			}))
			start(t, s)
			transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: name == "http/2"} // self-signed
			defer transport.CloseIdleConnections()
			for _, letter := range []string{"a", "b", "c"} {
				response, err := (&http.Client{Transport: transport}).Get(s.URL() + "/long?letter=" + letter)
				if err != nil {
					t.Fatal(err)
				}
				if got := body(t, response); got != strings.Repeat(letter, 10<<10) {
					t.Errorf("%d bytes, %.20q…", len(got), got)
				}
				if major := response.ProtoMajor; (major == 2) != (name == "http/2") {
					t.Errorf("over %s", response.Proto)
				}
			}
		})
	}
}
