package rest

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// listResources answers what the catalog knows, as the server describes it.
func (h *Handler) listResources(rep *reply, r *request) {
	catalog, problem := h.catalog(r, "")
	if problem != nil {
		rep.answer(*problem)
		return
	}
	raw := func(all []messages.Resource) []json.RawMessage {
		list := make([]json.RawMessage, len(all))
		for i := range all {
			list[i] = all[i].Raw
		}
		return list
	}
	body, err := jsonrpc.Marshal(struct {
		Resources []json.RawMessage `json:"resources"`
		Templates []json.RawMessage `json:"resourceTemplates"`
	}{raw(catalog.Resources), raw(catalog.Templates)})
	if err != nil {
		panic(err) // JSON that was read as such
	}
	rep.answer(answer{status: http.StatusOK, body: body})
}

// readResource reads the resource of the query's uri. It need not be in the
// catalog: templates make uris that are not.
func (h *Handler) readResource(rep *reply, r *request) {
	uri := r.URL.Query().Get("uri")
	if uri == "" {
		rep.answer(invalid([]flaw{{Loc: []any{"query", "uri"}, Msg: "is missing: the URI of the resource, as in ?uri=file:///a.txt"}}))
		return
	}
	if _, problem := h.catalog(r, ""); problem != nil {
		rep.answer(*problem)
		return
	}
	params := append(append([]byte(`{"uri":`), jsonrpc.Quote(uri)...), '}')
	h.call(rep, r, messages.Request{Method: "resources/read", Name: uri, Params: params}, resourceAnswer)
}

// resourceAnswer makes the result of a resources/read an answer: the value of
// its only part, or an array of the parts' values.
func resourceAnswer(result json.RawMessage) answer {
	contents, _ := jsonrpc.Get(result, "contents")
	return answer{status: http.StatusOK, body: unwrap(contents, func(part json.RawMessage) json.RawMessage {
		if text, ok := jsonrpc.GetString(part, "text"); ok {
			return textValue(text)
		}
		if blob, ok := jsonrpc.GetString(part, "blob"); ok {
			return jsonrpc.Quote(blob)
		}
		return part
	})}
}

// getPrompt answers with the messages of a prompt, as the server wrote them.
func (h *Handler) getPrompt(rep *reply, r *request) {
	arguments, problem := h.arguments(rep, r)
	if problem != nil {
		rep.answer(*problem)
		return
	}
	catalog, problem := h.catalog(r, "")
	if problem != nil {
		rep.answer(*problem)
		return
	}
	prompt, names := promptOf(catalog, r.prompt)
	if prompt == nil {
		rep.answer(h.failed(unknown(messages.KindUnknownTool, r.server, fmt.Sprintf("server %q has no prompt", r.server), r.prompt, names)))
		return
	}
	if flaws := checkPrompt(prompt, arguments); flaws != nil {
		rep.answer(invalid(flaws))
		return
	}
	h.call(rep, r, messages.Request{Method: "prompts/get", Name: prompt.Name, Params: named(prompt.Name, arguments)}, func(result json.RawMessage) answer {
		return answer{status: http.StatusOK, body: result}
	})
}

func promptOf(c *messages.Catalog, name string) (*messages.Prompt, []string) {
	names := make([]string, len(c.Prompts))
	for i := range c.Prompts {
		if c.Prompts[i].Name == name {
			return &c.Prompts[i], nil
		}
		names[i] = c.Prompts[i].Name
	}
	return nil, names
}

// checkPrompt: arguments of prompts are texts, and some must be there.
func checkPrompt(prompt *messages.Prompt, arguments json.RawMessage) []flaw {
	var flaws []flaw
	given := map[string]bool{}
	for name, value := range jsonrpc.Members(arguments) {
		given[name] = true
		if value[0] != '"' {
			flaws = append(flaws, flaw{Loc: []any{"body", name}, Msg: "must be a string, as all arguments of prompts"})
		}
	}
	declared, _ := jsonrpc.Get(prompt.Raw, "arguments")
	for argument := range jsonrpc.Elements(declared) {
		name, _ := jsonrpc.GetString(argument, "name")
		if must, _ := jsonrpc.Get(argument, "required"); string(must) == "true" && !given[name] {
			flaws = append(flaws, flaw{Loc: []any{"body", name}, Msg: "is missing"})
		}
	}
	return flaws
}
