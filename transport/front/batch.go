package front

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"

	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// Bounds of one batch. Beyond batchMax elements it is refused as a whole; of
// its requests batchParallel run at a time over HTTP, the others wait; on stdio
// they share the connection's bound.
const (
	batchMax      = 1024
	batchParallel = 16
)

// splitBatch takes a batch apart, if the session's revision knows batches.
func (e *endpoint) splitBatch(body []byte, protocol string) ([]json.RawMessage, *jsonrpc.Error) {
	if protocol != mcp.V20250326 {
		return nil, invalidRequest("batches exist in %s only; send one message at a time", mcp.V20250326)
	}
	elements, problem := jsonrpc.SplitBatch(body, e.opts.Limits.Depth)
	if problem == nil && len(elements) > batchMax {
		problem = invalidRequest("the batch has %d elements; at most %d are taken at a time", len(elements), batchMax)
	}
	return elements, problem
}

// element reads one element of a batch: a request that is to be answered, or
// else an error to answer with, or else nothing (a notification or a response
// was taken).
func (e *endpoint) element(raw json.RawMessage, take func(jsonrpc.Message)) (req request, isRequest bool, answer []byte) {
	msg, problem := jsonrpc.Parse(raw, e.opts.Limits.Depth)
	switch {
	case problem != nil:
		return req, false, jsonrpc.AppendError(nil, msg.ID, problem)
	case msg.Kind != jsonrpc.Request:
		take(msg)
		return req, false, nil
	case msg.Method == methodInitialize:
		return req, false, jsonrpc.AppendError(nil, msg.ID, invalidRequest("initialize must not be part of a batch"))
	}
	return request{msg: msg, params: mcp.ReadParams(msg.Method, msg.Params)}, true, nil
}

// batch serves a batch of a session (2025-03-26, transports: sending
// messages): each element by itself, with one array as answer. As soon as a
// notification is due the response is a stream, and every answer an event.
func (h *httpFront) batch(rep *reply, r *http.Request, body []byte) {
	version := r.Header.Get(mcp.HeaderProtocolVersion)
	if mcp.IsModern(version) || version != "" && !mcp.Known(version) {
		rep.refuse(http.StatusBadRequest, jsonrpc.ID{}, invalidRequest("batches exist in %s only; send one message at a time", mcp.V20250326))
		return
	}
	spec, ok := h.session(rep, r, jsonrpc.ID{})
	if !ok {
		return
	}
	elements, problem := h.splitBatch(body, spec.Protocol)
	if problem != nil {
		rep.refuse(http.StatusBadRequest, jsonrpc.ID{}, problem)
		return
	}

	rep.setRecord(h.requestRecord(spec, spec.Principal))
	answers := make([][]byte, len(elements)) // nil: none, or sent already
	requests := 0
	slots := make(chan struct{}, batchParallel)
	var running sync.WaitGroup
	for i, raw := range elements {
		req, isRequest, answer := h.element(raw, func(msg jsonrpc.Message) { h.take(r.Context(), spec, msg) })
		answers[i] = answer
		if !isRequest {
			continue
		}
		requests++
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			answer, _ := h.inSession(rep, r, spec.ID, req)
			answers[i] = answer.message()
			if answers[i] != nil && rep.isStreaming() {
				_ = rep.event(answers[i])
				answers[i] = nil
			}
		})
	}
	running.Wait()

	left := slices.DeleteFunc(answers, func(a []byte) bool { return a == nil })
	switch {
	case len(left) > 0 && (rep.isStreaming() || !rep.accept.json):
		for _, answer := range left {
			_ = rep.event(answer)
		}
	case len(left) > 0:
		rep.answer(http.StatusOK, array(left))
	case requests > 0:
		rep.closeSilently()
	default:
		rep.accepted()
	}
}

// array is the answer to a batch.
func array(answers [][]byte) []byte {
	out := []byte{'['}
	for i, answer := range answers {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, answer...)
	}
	return append(out, ']')
}

// batch serves a batch on stdio, with one array as answer.
func (c *stdio) batch(line []byte) {
	elements, problem := c.splitBatch(line, c.legacy.Protocol)
	if problem != nil {
		c.refuse(jsonrpc.ID{}, problem)
		return
	}
	answers := make([][]byte, len(elements))
	var running sync.WaitGroup
	for i, raw := range elements {
		req, isRequest, answer := c.element(raw, c.take)
		answers[i] = answer
		if isRequest {
			req.caller = c.legacy
			running.Add(1)
			problem := c.start(req, func(answer []byte) {
				answers[i] = answer
				running.Done()
			})
			if problem != nil {
				answers[i] = jsonrpc.AppendError(nil, req.msg.ID, problem)
				running.Done()
			}
		}
	}
	c.requests.Go(func() {
		running.Wait()
		if left := slices.DeleteFunc(answers, func(a []byte) bool { return a == nil }); len(left) > 0 {
			c.out.send(array(left))
		}
	})
}
