package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// readCatalog reads every list that the server's capabilities declare, all
// pages of each. What the server refuses with an error of its own is left
// empty and told; what breaks the connection or the deadline ends the reading.
func readCatalog(ctx context.Context, m ReadCatalog) (messages.Catalog, *messages.Failure) {
	conn, release, err := m.On.use(ctx, m.Policy)
	if err != nil {
		return messages.Catalog{}, link.AsFailure(m.Server, err)
	}
	defer release()
	r := reader{ctx: ctx, task: m, conn: conn}
	catalog := messages.Catalog{Server: m.Server, Peer: conn.Peer()}
	catalog.Peer.Raw = nil // what a server says to one connection makes no other catalog

	var offers struct{ Tools, Resources, Prompts *struct{} }
	_ = json.Unmarshal(catalog.Peer.Capabilities, &offers) // capabilities of another shape offer nothing

	if offers.Tools != nil {
		catalog.Tools = list(&r, "tools/list", "tools", readTool)
	}
	if offers.Resources != nil {
		catalog.Resources = list(&r, "resources/list", "resources", readResource)
		catalog.Templates = list(&r, "resources/templates/list", "resourceTemplates", readTemplate)
	}
	if offers.Prompts != nil {
		catalog.Prompts = list(&r, "prompts/list", "prompts", readPrompt)
	}
	catalog.Cut = r.cut
	return catalog, r.failure
}

// reader is one reading of a catalog. After a failure that is not the server's
// own answer it reads nothing more.
type reader struct {
	ctx     context.Context
	task    ReadCatalog
	conn    link.Conn
	cut     bool
	failure *messages.Failure
	broken  bool
}

func list[T any](r *reader, method, member string, read func(json.RawMessage) (T, bool)) []T {
	var all []T
	cursor, seen := "", map[string]bool{}
	for page := 0; !r.broken; page++ {
		if page == r.task.Env.Limits.CatalogPages {
			r.cut = true
			break
		}
		items, next, ok := r.page(method, member, cursor)
		if !ok {
			break
		}
		for _, raw := range items {
			if len(all) == r.task.Env.Limits.CatalogTools {
				r.cut = true
				return all
			}
			if item, ok := read(raw); ok {
				all = append(all, item)
			}
		}
		// A cursor that comes again would go round for ever.
		if next == "" || seen[next] {
			break
		}
		seen[next] = true
		cursor = next
	}
	return all
}

func (r *reader) page(method, member, cursor string) (items []json.RawMessage, next string, ok bool) {
	req := messages.Request{Method: method}
	if cursor != "" {
		// A struct of a string always encodes.
		req.Params, _ = json.Marshal(struct {
			Cursor string `json:"cursor"`
		}{cursor})
	}
	ctx, cancel := context.WithTimeout(r.ctx, r.task.Policy.RequestTimeout)
	defer cancel()
	out := r.conn.Do(ctx, req, new(link.SentFlag), messages.Discard)
	if out.Failure != nil {
		r.fail(out.Failure, method)
		return nil, "", false
	}
	var result map[string]json.RawMessage
	err := json.Unmarshal(out.Result, &result)
	if err == nil {
		err = json.Unmarshal(result[member], &items)
		if result[member] == nil {
			err = errors.New("the result has no member " + member)
		}
	}
	if err != nil {
		r.fail(&messages.Failure{
			Kind: messages.KindUpstream, Server: r.task.Server, Sent: messages.SentDone,
			Message: fmt.Sprintf("server %q: %s: %v", r.task.Server, method, err),
		}, method)
		return nil, "", false
	}
	_ = json.Unmarshal(result["nextCursor"], &next) // absent or of another type: the last page
	return items, next, true
}

func (r *reader) fail(f *messages.Failure, method string) {
	r.broken = f.Kind != messages.KindUpstream
	if r.failure == nil || r.broken {
		told := *f
		told.Message = fmt.Sprintf("%s: %s", method, f.Message)
		r.failure = &told
	}
}

// The readers of items take what they know and keep the rest as it came. An
// item without its key cannot be asked for and is left out.

func readTool(raw json.RawMessage) (messages.Tool, bool) {
	var t struct {
		Name, Title, Description  string
		InputSchema, OutputSchema json.RawMessage
		Annotations               struct {
			Title          string
			ReadOnlyHint   bool
			IdempotentHint bool
		}
	}
	if !readItem(raw, &t) || t.Name == "" {
		return messages.Tool{}, false
	}
	if t.Title == "" {
		t.Title = t.Annotations.Title
	}
	return messages.Tool{
		Name: t.Name, Title: t.Title, Description: t.Description,
		InputSchema: t.InputSchema, OutputSchema: t.OutputSchema,
		ReadOnly: t.Annotations.ReadOnlyHint, Idempotent: t.Annotations.IdempotentHint,
		Raw: raw,
	}, true
}

func readResource(raw json.RawMessage) (messages.Resource, bool) {
	var r struct {
		URI, Name, Title, Description, MIMEType string
		Size                                    *int64
	}
	if !readItem(raw, &r) || r.URI == "" {
		return messages.Resource{}, false
	}
	return messages.Resource{
		URI: r.URI, Name: r.Name, Title: r.Title, Description: r.Description,
		MIMEType: r.MIMEType, Size: r.Size, Raw: raw,
	}, true
}

func readTemplate(raw json.RawMessage) (messages.Resource, bool) {
	var t struct{ URITemplate, Name, Title, Description, MIMEType string }
	if !readItem(raw, &t) || t.URITemplate == "" {
		return messages.Resource{}, false
	}
	return messages.Resource{
		URI: t.URITemplate, Name: t.Name, Title: t.Title, Description: t.Description,
		MIMEType: t.MIMEType, Raw: raw,
	}, true
}

func readPrompt(raw json.RawMessage) (messages.Prompt, bool) {
	var p struct{ Name, Title, Description string }
	if !readItem(raw, &p) || p.Name == "" {
		return messages.Prompt{}, false
	}
	return messages.Prompt{Name: p.Name, Title: p.Title, Description: p.Description, Raw: raw}, true
}

// readItem decodes what fits. A member of a wrong type does not cost the item:
// encoding/json fills the others and says so at the end.
func readItem(raw json.RawMessage, into any) bool {
	err := json.Unmarshal(raw, into)
	var wrongType *json.UnmarshalTypeError
	return err == nil || errors.As(err, &wrongType) && wrongType.Field != ""
}
