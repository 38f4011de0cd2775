package rest

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mcpx/mcpx/transport/rest/openapi"
	"github.com/swaggest/swgui/v5/static"
	"github.com/vearutop/statigz"
)

// documents keeps each document until what it describes changes. A document is
// rendered by whoever misses it; two who miss it at once make equal ones.
type documents struct{ kept sync.Map } // of documentKey -> *document

type documentKey struct {
	server string // empty for the root's
	short  bool
}

type document struct {
	version uint64   // of the catalog, or of the directory
	hidden  []string // what the caller may not use, and so does not see
	body    []byte
	etag    string
}

// get returns a document that is still right, or renders it.
func (d *documents) get(key documentKey, version uint64, hidden []string, render func() []byte) *document {
	if kept, ok := d.kept.Load(key); ok {
		if doc := kept.(*document); doc.version == version && slices.Equal(doc.hidden, hidden) {
			return doc
		}
	}
	doc := &document{version: version, hidden: hidden, body: render()}
	sum := sha256.Sum256(doc.body)
	doc.etag = `"` + hex.EncodeToString(sum[:16]) + `"`
	d.kept.Store(key, doc)
	return doc
}

// forget drops what belongs to servers that are not there any more.
func (d *documents) forget(there func(server string) bool) {
	for key := range d.kept.Range {
		if server := key.(documentKey).server; server != "" && !there(server) {
			d.kept.Delete(key)
		}
	}
}

// document answers an openapi.json.
func (h *Handler) document(rep *reply, r *request) {
	doc := h.index
	if r.server != "" {
		doc = h.describe
	}
	d, problem := doc(r)
	if problem != nil {
		rep.answer(*problem)
		return
	}
	a := answer{status: http.StatusOK, body: d.body}
	if seen := r.Header.Get("If-None-Match"); seen == "*" || strings.Contains(seen, d.etag) {
		a = answer{status: http.StatusNotModified}
	}
	rep.answer(a.with("ETag", d.etag).with("Cache-Control", "no-cache"))
}

// describe is the document of one server.
func (h *Handler) describe(r *request) (*document, *answer) {
	catalog, problem := h.catalog(r, "")
	if problem != nil {
		return nil, problem
	}
	shown, hidden := *catalog, []string(nil)
	shown.Tools = nil
	for _, tool := range catalog.Tools {
		if h.door.Allowed(r.principal, r.server, tool.Name) == nil {
			shown.Tools = append(shown.Tools, tool)
		} else {
			hidden = append(hidden, tool.Name)
		}
	}
	return h.docs.get(documentKey{r.server, r.short}, catalog.Version, hidden, func() []byte {
		o := h.options(h.opts.Prefix + openapi.Segment(r.server))
		if r.short {
			o.Base, o.Reserved = h.opts.Prefix, func(tool string) bool { return reserved[tool] }
		}
		return openapi.Document(&shown, o)
	}), nil
}

// index is the document of all servers.
func (h *Handler) index(r *request) (*document, *answer) {
	d := h.door.Directory()
	var links []openapi.Link
	var hidden []string
	for _, server := range d.Servers {
		if reserved[server] || h.door.Allowed(r.principal, server, "") != nil {
			hidden = append(hidden, server)
			continue
		}
		base := h.root + h.prefix + openapi.Segment(server)
		links = append(links, openapi.Link{Name: server, Docs: base + "/docs", Document: base + "/openapi.json"})
	}
	return h.docs.get(documentKey{}, d.Version, hidden, func() []byte {
		return openapi.Index(links, h.options(h.opts.Prefix))
	}), nil
}

func (h *Handler) options(base string) openapi.Options {
	return openapi.Options{
		Title: h.opts.Title, Version: h.opts.Version, Description: h.opts.Description,
		Base: base, Root: h.opts.RootPath, Auth: h.keyed,
	}
}

//go:embed page
var pageFiles embed.FS

var docsTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.ParseFS(pageFiles, "page/page.html"))
})

// pagePolicy lets the page load from here and nowhere else: descriptions of
// tools are the upstreams' and may hold pictures.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// docsPage answers with Swagger UI for the openapi.json beside it. Its links are
// relative: behind a proxy it is where the proxy shows it.
func (h *Handler) docsPage(rep *reply, r *request) {
	view := struct{ Title, Assets, Up string }{h.opts.Title, "docs/", ""}
	if r.server != "" {
		if f := h.door.Allowed(r.principal, r.server, ""); f != nil {
			rep.answer(h.failed(f))
			return
		}
		view.Title = r.server
		if !r.short {
			view.Assets, view.Up = "../docs/", "../docs"
		}
	}
	if view.Title == "" {
		view.Title = "mcpx"
	}
	var page bytes.Buffer
	if err := docsTemplate().Execute(&page, view); err != nil {
		panic(err) // texts into a buffer
	}
	rep.answer(answer{status: http.StatusOK, body: page.Bytes()}.
		with("Content-Type", "text/html; charset=utf-8").
		with("Content-Security-Policy", pagePolicy).
		with("Referrer-Policy", "no-referrer").
		with("Cache-Control", "no-cache"))
}

// assetTypes are the files of the page.
var assetTypes = map[string]string{
	"swagger-ui-bundle.js": "application/javascript",
	"swagger-ui.css":       "text/css; charset=utf-8",
	"favicon-32x32.png":    "image/png",
	"start.js":             "application/javascript",
}

// newAssets serves them from the binary, compressed where the client takes that.
func newAssets() http.Handler { return statigz.FileServer(static.FS) }

// assetPatience is what a client gets for a whole file: a few hundred KiB.
const assetPatience = 10

func (h *Handler) asset(rep *reply, r *request) {
	if r.name == "start.js" {
		script, err := pageFiles.ReadFile("page/start.js")
		if err != nil {
			panic(err) // it is in the binary
		}
		rep.answer(answer{status: http.StatusOK, body: script}.with("Content-Type", assetTypes[r.name]).with("Cache-Control", "no-cache"))
		return
	}
	header := rep.w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "public, max-age=3600")
	file := r.Clone(r.Context())
	file.URL.Path = "/" + r.name
	_ = rep.rc.SetWriteDeadline(time.Now().Add(assetPatience * h.opts.WriteTimeout))
	h.assets.ServeHTTP(rep.w, file)
	_ = rep.rc.SetWriteDeadline(time.Time{})
}
