package openapi

import (
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// resources adds what lists and reads resources.
func (d *document) resources() {
	entries := func(uri string) *node {
		return listOf(shaped(object().set(uri, typed("string")).set("name", typed("string")).set("title", typed("string")).
			set("description", typed("string")).set("mimeType", typed("string")), uri, "name"))
	}
	d.operation("get", "/resources", d.end(d.begin(listResources, "List Resources", "Lists the resources of the server."),
		object().about("The resources and resource templates, as the server describes them.").set("content", content(shaped(object().
			set("resources", entries("uri")).
			set("resourceTemplates", entries("uriTemplate")), "resources", "resourceTemplates")))))

	read := d.begin(readResource, "Read Resource", "Reads one resource of the server.").
		set("parameters", list(object().set("name", text("uri")).set("in", text("query")).set("required", boolean(true)).
			set("description", text("The resource's URI.")).set("schema", typed("string"))))
	d.operation("get", "/resources/read", d.end(read,
		object().about("What the resource holds: JSON as it is, other text as a string, binary data as base64, several parts as an array.").set("content", content(object()))))
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
		if arguments, required := argumentsOf(p); len(arguments.keys) > 0 {
			schema := shaped(arguments, required...)
			disarm(schema)
			op.set("requestBody", object().set("content", content(schema)).set("required", boolean(len(required) > 0)))
		}
		message := shaped(object().set("role", typed("string")).set("content", object()), "role", "content")
		d.operation("post", "/prompts/"+Segment(p.Name), d.end(op, object().about("The messages of the prompt.").
			set("content", content(shaped(object().set("description", typed("string")).set("messages", listOf(message)), "messages")))))
	}
}

// argumentsOf returns the arguments of a prompt, which are texts, and the names
// of those that must be there.
func argumentsOf(p messages.Prompt) (properties *node, required []string) {
	properties = object()
	declared, _ := jsonrpc.Get(p.Raw, "arguments")
	for argument := range jsonrpc.Elements(declared) {
		name, ok := jsonrpc.GetString(argument, "name")
		if !ok || properties.get(name) != nil {
			continue
		}
		title, _ := jsonrpc.GetString(argument, "title")
		description, _ := jsonrpc.GetString(argument, "description")
		properties.set(name, typed("string").set("title", nonEmpty(title)).set("description", nonEmpty(description)))
		if must, _ := jsonrpc.Get(argument, "required"); string(must) == "true" {
			required = append(required, name)
		}
	}
	return properties, required
}

// health adds what looks at one server, or at all.
func (d *document) health(schema, description string) {
	d.used[schema] = true
	answer := func(what string) *node {
		return object().about(what).set("content", content(ref("#/components/schemas/"+schema)))
	}
	op := d.begin("", "Health", description)
	responses := object().set("200", answer("Healthy."))
	for _, f := range failures {
		if f.status == "401" || f.status == "403" {
			responses.set(f.status, d.failure(f))
		}
	}
	d.operation("get", "/health", op.set("responses", responses.set("503", answer("Unhealthy."))))
}
