package openapi

import (
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// resources adds what lists and reads resources.
func (d *document) resources() {
	str, any := object().set("type", text("string")), object()
	entries := object().set("type", text("array")).set("items", object().set("type", text("object")).
		set("properties", object().set("uri", str).set("uriTemplate", str).set("name", str).set("title", str).set("description", str).set("mimeType", str)).
		set("additionalProperties", boolean(true)))
	list200 := object().set("description", text("The resources and resource templates, as the server lists them.")).
		set("content", content(object().set("type", text("object")).set("properties", object().set("resources", entries).set("resourceTemplates", entries))))
	d.operation("get", "/resources", d.end(d.begin(listResources, "List Resources", "Lists the resources of the server."), list200, failures...))

	read := d.begin(readResource, "Read Resource", "Reads one resource of the server.").
		set("parameters", list(object().set("name", text("uri")).set("in", text("query")).set("required", boolean(true)).
			set("description", text("The resource's URI.")).set("schema", str)))
	read200 := object().set("description", text("The contents: JSON as it is, a text as a string, binary data as base64; several as an array.")).set("content", content(any))
	d.operation("get", "/resources/read", d.end(read, read200, failures...))
}

// prompts adds a path for each prompt, whose arguments are its body.
func (d *document) prompts(prompts []messages.Prompt) {
	seen := map[string]bool{}
	for _, p := range prompts {
		if p.Name == "" || seen[p.Name] {
			continue
		}
		seen[p.Name] = true
		op := d.begin("", first(p.Title, titleCase(p.Name)), p.Description)
		properties, required := object(), list()
		raw, _ := jsonrpc.Get(p.Raw, "arguments")
		for argument := range jsonrpc.Elements(raw) {
			name, ok := jsonrpc.GetString(argument, "name")
			if !ok || properties.get(name) != nil {
				continue
			}
			title, _ := jsonrpc.GetString(argument, "title")
			description, _ := jsonrpc.GetString(argument, "description")
			properties.set(name, object().set("type", text("string")).set("title", nonEmpty(title)).set("description", nonEmpty(description)))
			if must, ok := jsonrpc.Get(argument, "required"); ok && string(must) == "true" {
				required.vals = append(required.vals, text(name))
			}
		}
		if len(properties.keys) > 0 {
			schema := object().set("type", text("object")).set("properties", properties)
			if len(required.vals) > 0 {
				schema.set("required", required)
			}
			op.set("requestBody", object().set("content", content(schema)).set("required", boolean(len(required.vals) > 0)))
		}
		message := object().set("type", text("object")).set("properties", object().set("role", object().set("type", text("string"))).set("content", object()))
		answer := object().set("type", text("object")).set("properties", object().
			set("description", object().set("type", text("string"))).
			set("messages", object().set("type", text("array")).set("items", message)))
		d.operation("post", "/prompts/"+Segment(p.Name),
			d.end(op, object().set("description", text("The messages of the prompt.")).set("content", content(answer)), failures...))
	}
}

func (d *document) health(description string) {
	answer := func(what string) *node {
		return object().set("description", text(what)).set("content", content(ref("#/components/schemas/Health")))
	}
	op := d.end(d.begin("", "Health", description), answer("Healthy."))
	op.get("responses").set("503", answer("Unhealthy."))
	for _, f := range failures {
		if f.status == "401" || f.status == "403" {
			d.used[f.name] = true
			op.get("responses").set(f.status, ref("#/components/responses/"+f.name))
		}
	}
	d.operation("get", "/health", op)
}

// health is the shape of both answers, of one server and of all.
func health() *node {
	return object().set("type", text("object")).set("properties", object().
		set("status", object().set("type", text("string")).set("enum", list(text("healthy"), text("unhealthy")))).
		set("connection_name", object().set("type", text("string"))).
		set("message", object().set("type", text("string"))).
		set("details", object().set("type", text("object")).set("additionalProperties", boolean(true)))).
		set("required", list(text("status"))).set("additionalProperties", boolean(true))
}
