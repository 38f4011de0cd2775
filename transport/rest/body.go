package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// readChunk is how much of a body is made room for before it has come.
const readChunk = 64 << 10

// arguments reads the body: one JSON object, or nothing, which counts as {}.
// Numbers, nulls and the order of members stay as they came.
func (h *Handler) arguments(rep *reply, r *request) (json.RawMessage, *answer) {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, refuse(http.StatusUnsupportedMediaType, "bodies in the Content-Encoding %q are not read; send them plain", coding)
	}
	body, problem := h.readBody(rep, r)
	if problem != nil {
		return nil, problem
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return json.RawMessage("{}"), nil
	}
	if declared := r.Header.Get("Content-Type"); declared != "" && !isJSON(declared) {
		return nil, refuse(http.StatusUnsupportedMediaType, "the body must be JSON; send it with Content-Type: application/json, not %q", declared)
	}
	if !utf8.Valid(body) {
		return nil, refuse(http.StatusBadRequest, "the body is not JSON: it is not UTF-8")
	}
	compact, err := jsonrpc.AppendCompact(make([]byte, 0, len(body)), body, h.opts.Limits.Depth)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the body is not JSON, or nested deeper than %d levels (limits.depth): %v", h.opts.Limits.Depth, err)
	}
	if compact[0] != '{' {
		a := invalid([]flaw{{Loc: []any{"body"}, Msg: "$ must be an object that holds the arguments"}})
		return nil, &a
	}
	return compact, nil
}

// isJSON tells whether a media type is JSON, in UTF-8 as JSON always is.
func isJSON(declared string) bool {
	media, params, err := mime.ParseMediaType(declared)
	if err != nil {
		return false
	}
	charset := params["charset"]
	return (media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")) &&
		(charset == "" || strings.EqualFold(charset, "utf-8"))
}

// readBody reads the whole body, within the limit and without waiting for a
// client that stalls.
func (h *Handler) readBody(rep *reply, r *request) ([]byte, *answer) {
	limit := int64(h.opts.Limits.RequestBytes)
	tooLarge := refuse(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes (limits.request_bytes)", limit)
	if r.ContentLength > limit {
		return nil, tooLarge
	}
	var body bytes.Buffer
	if r.ContentLength > 0 {
		body.Grow(int(min(r.ContentLength, readChunk)) + bytes.MinRead)
	}
	_, err := io.Copy(&body, &patientReader{r: http.MaxBytesReader(rep.w, r.Body, limit), rc: rep.rc, patience: h.opts.ReadTimeout})
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge
	case err != nil:
		// The deadline stays: net/http reads on before it answers.
		rep.w.Header().Set("Connection", "close")
		return nil, refuse(http.StatusBadRequest, "the body could not be read: %v", err)
	}
	// From here on the connection is only watched for its end.
	_ = rep.rc.SetReadDeadline(time.Time{})
	return body.Bytes(), nil
}

// patientReader reads with a deadline that every read renews.
type patientReader struct {
	r        io.Reader
	rc       *http.ResponseController
	patience time.Duration
}

func (p *patientReader) Read(b []byte) (int, error) {
	// Not supported by every ResponseWriter: those are bounded by others.
	_ = p.rc.SetReadDeadline(time.Now().Add(p.patience))
	return p.r.Read(b)
}
