// Command reverseproxy is the measure of all rows: the standard library's proxy,
// with as many idle connections as there are clients, and with -pooled, buffers
// that it uses again. Usage: reverseproxy [-pooled] URL.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"time"
)

func main() {
	pooled := flag.Bool("pooled", false, "use buffers again")
	flag.Parse()
	upstream, err := url.Parse(flag.Arg(0))
	if err != nil {
		fail(err)
	}
	transport := &http.Transport{
		MaxIdleConns: 4096, MaxIdleConnsPerHost: 4096, IdleConnTimeout: time.Minute,
		DisableCompression: true, // or it would ask for gzip, and the client did not
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(upstream); r.Out.URL.Path = upstream.Path },
		Transport: transport,
	}
	if *pooled {
		proxy.BufferPool = &buffers{sync.Pool{New: func() any { return new([32 << 10]byte) }}}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err)
	}
	fmt.Printf("Listening on http://%s/mcp\n", listener.Addr())
	fail((&http.Server{Handler: proxy, ReadHeaderTimeout: time.Minute}).Serve(listener))
}

// buffers spare the proxy 32 KiB of garbage per request.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte  { return b.pool.Get().(*[32 << 10]byte)[:] }
func (b *buffers) Put(p []byte) { b.pool.Put((*[32 << 10]byte)(p)) }

func fail(err error) {
	fmt.Fprintln(os.Stderr, "reverseproxy:", err)
	os.Exit(1)
}
