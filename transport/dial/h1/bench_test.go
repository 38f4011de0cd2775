package h1

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// benchServer makes this test's binary a server, so that the CPU time of the
// benchmarks is that of the client alone.
const benchServer = "H1_BENCH_SERVER"

// serveBench answers /N with N bytes, until its input ends.
func serveBench() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("http://" + listener.Addr().String())
	text := strings.Repeat("x", 1<<20)
	go func() {
		_ = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // ends with the process
			_, _ = io.Copy(io.Discard, r.Body)
			n, _ := strconv.Atoi(r.URL.Path[1:])
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", r.URL.Path[1:])
			_, _ = io.WriteString(w, text[:n])
		}))
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func startBenchServer(b *testing.B) string {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), benchServer+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(url)
}

// BenchmarkRoundTrip is a request of 200 bytes and its answer, by this client
// and by net/http's, one at a time and 16. cpu-µs/op is the CPU time of the
// client's process.
func BenchmarkRoundTrip(b *testing.B) {
	url := startBenchServer(b)
	ours := New(Options{})
	defer ours.Close()
	theirs := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	defer theirs.CloseIdleConnections()
	for _, size := range []int{100, 10 << 10, 1 << 20} {
		for _, callers := range []int{1, 16} {
			for _, client := range []struct {
				name string
				rt   http.RoundTripper
			}{{"h1", ours}, {"nethttp", theirs}} {
				b.Run(fmt.Sprintf("size=%d/callers=%d/client=%s", size, callers, client.name), func(b *testing.B) {
					benchmark(b, client.rt, fmt.Sprintf("%s/%d", url, size), size, callers)
				})
			}
		}
	}
}

func benchmark(b *testing.B, rt http.RoundTripper, url string, size, callers int) {
	body := []byte(strings.Repeat("q", 200))
	header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"},
		"User-Agent": {"mcpx"}, "Mcp-Protocol-Version": {"2025-11-25"}, "Mcp-Session-Id": {"0123456789abcdef0123456789abcdef"}}
	one := func(answer *bytes.Buffer) error {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header = header
		resp, err := rt.RoundTrip(req)
		if err != nil {
			return err
		}
		answer.Reset()
		_, err = answer.ReadFrom(resp.Body)
		_ = resp.Body.Close()
		if err == nil && answer.Len() != size {
			err = fmt.Errorf("%d bytes", answer.Len())
		}
		return err
	}
	b.ReportAllocs()
	b.SetBytes(int64(size))
	b.ResetTimer()
	before := cpuTime()
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			answer := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
			for left.Add(-1) >= 0 {
				if err := one(answer); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
