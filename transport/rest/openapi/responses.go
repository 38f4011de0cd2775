package openapi

// failure is a row of the response table.
type failure struct {
	status, name, description string
	schema                    string // in components/schemas
	header                    *node
}

// failures are what every call can meet.
var failures = []failure{
	{"400", "BadRequest", "The request cannot be understood.", "Failure", nil},
	{"401", "Unauthorized", "The key is missing.", "Refusal",
		header("WWW-Authenticate", "string", "How to present the key.")},
	{"403", "Forbidden", "The key is wrong, or this is not allowed.", "Refusal", nil},
	{"404", "NotFound", "There is nothing of this name.", "Failure", nil},
	{"422", "Invalid", "The arguments do not fit the schema, and nothing was sent; or the server refused them.", "Invalid", nil},
	{"429", "Overloaded", "Too many calls wait for this server.", "Failure",
		header("Retry-After", "integer", "Seconds after which it is worth trying again.")},
	{"500", "Failed", "The tool, or its server, reports an error.", "Failure", nil},
	{"503", "Unavailable", "There is no connection to the server, or it broke.", "Failure", nil},
	{"504", "Timeout", "A deadline passed; the call was cancelled.", "Failure", nil},
}

func header(name, kind, description string) *node {
	return object().set(name, object().set("description", text(description)).set("schema", typed(kind)))
}

// typed is a schema of a type.
func typed(kind string) *node { return object().set("type", text(kind)) }

// about says what a schema is for.
func (n *node) about(description string) *node { return n.set("description", text(description)) }

func listOf(items *node) *node { return typed("array").set("items", items) }

// shaped is a schema of objects.
func shaped(properties *node, required ...string) *node {
	n := typed("object").set("properties", properties)
	if len(required) > 0 {
		names := list()
		for _, r := range required {
			names.vals = append(names.vals, text(r))
		}
		n.set("required", names)
	}
	return n
}

func anyOf(schemas ...*node) *node { return object().set("anyOf", list(schemas...)) }

// shared are the schemas of what mcpx itself answers. Names of others hold a
// dot, so they never meet.
var shared = func() *node {
	detail := func(d *node) *node { return shaped(object().set("detail", d), "detail") }
	said := shaped(object().
		set("message", typed("string").about("What happened, for people.")).
		set("error", typed("string").about("The cause, where one is known.")).
		set("data", object().about("What the server says beside it.")).
		set("available", listOf(typed("string")).about("What there is instead.")), "message")
	flaw := shaped(object().
		set("loc", listOf(anyOf(typed("string"), typed("integer"))).about("Where: names of members and indexes of elements.")).
		set("msg", typed("string").about("What is wrong there.")), "loc", "msg")
	orNull := func(kind string) *node { return object().set("type", list(text(kind), text("null"))) }
	health := func() *node {
		return shaped(object().
			set("status", typed("string").set("enum", list(text("healthy"), text("unhealthy"), text("disabled")))).
			set("connection_name", typed("string")).
			set("message", typed("string")).
			set("details", shaped(object().
				set("error_count", typed("integer").about("Failures in a row.")).
				set("last_error", orNull("string")).
				set("last_check", orNull("number").about("Seconds since 1970.")).
				set("check_type", typed("string")))), "status", "message")
	}
	return object().
		set("Failure", detail(said)).
		set("Refusal", detail(anyOf(typed("string"), said))).
		set("Invalid", detail(anyOf(listOf(flaw), said))).
		set("Health", health()).
		set("AllHealth", shaped(object().
			set("status", typed("string").set("enum", list(text("healthy"), text("unhealthy")))).
			set("message", typed("string")).
			set("servers", typed("object").set("additionalProperties", ref("#/components/schemas/Health"))), "status", "message"))
}()

// components are the schemas and responses that are in use: those that all
// operations share first, in an order of their own.
func (d *document) components() *node {
	responses, used := object(), d.used
	for _, f := range failures {
		if used[f.name] {
			used[f.schema] = true
			responses.set(f.name, object().set("description", text(f.description)).set("headers", f.header).set("content", content(ref("#/components/schemas/"+f.schema))))
		}
	}
	used["Health"] = used["Health"] || used["AllHealth"]
	schemas := object()
	for i, name := range shared.keys {
		if used[name] {
			schemas.set(name, shared.vals[i])
		}
	}
	for i, name := range d.schemas.keys {
		schemas.set(name, d.schemas.vals[i])
	}
	return object().set("schemas", schemas).set("responses", responses)
}
