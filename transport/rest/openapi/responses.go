package openapi

// failure is a row of the response table.
type failure struct {
	status, name, description string
	schema                    string // in components/schemas
	header                    string // Retry-After, WWW-Authenticate
}

// failures are what every call can meet.
var failures = []failure{
	{"400", "BadRequest", "The request cannot be understood.", "Failure", ""},
	{"401", "Unauthorized", "The key is missing.", "Refusal", "WWW-Authenticate"},
	{"403", "Forbidden", "The key is wrong, or this is not allowed.", "Refusal", ""},
	{"404", "NotFound", "There is nothing of this name.", "Failure", ""},
	{"422", "Invalid", "The arguments do not fit the schema, and nothing was sent; or the server refused them.", "Invalid", ""},
	{"429", "Overloaded", "Too many calls wait for this server.", "Failure", "Retry-After"},
	{"500", "Failed", "The tool, or the server, reports an error.", "Failure", ""},
	{"503", "Unavailable", "There is no connection to the server, or it broke.", "Failure", ""},
	{"504", "Timeout", "A deadline passed; the call was cancelled.", "Failure", ""},
}

var headers = map[string]*node{
	"Retry-After": object().set("Retry-After", object().set("description", text("Seconds after which it is worth to try again.")).
		set("schema", object().set("type", text("integer")))),
	"WWW-Authenticate": object().set("WWW-Authenticate", object().set("description", text("How to present the key.")).
		set("schema", object().set("type", text("string")))),
}

// responses are the shared ones that are in use, in the order of their status.
func (d *document) responses() *node {
	all := object()
	for _, f := range failures {
		if d.used[f.name] {
			all.set(f.name, object().set("description", text(f.description)).set("headers", headers[f.header]).
				set("content", content(ref("#/components/schemas/"+f.schema))))
		}
	}
	return all
}

// shared puts the schemas that all operations share in front of others. Names of
// others hold a dot, so they never meet.
func shared(others *node) *node {
	str := func() *node { return object().set("type", text("string")) }
	strict := func(properties *node, required ...string) *node {
		names := list()
		for _, r := range required {
			names.vals = append(names.vals, text(r))
		}
		return object().set("type", text("object")).set("properties", properties).set("required", names)
	}
	failure := strict(object().
		set("detail", strict(object().
			set("message", str().set("description", text("What happened, for people."))).
			set("error", str().set("description", text("The cause, where one is known."))).
			set("data", object().set("description", text("What the server says beside it."))), "message")), "detail")
	problem := strict(object().
		set("loc", object().set("type", text("array")).
			set("items", object().set("anyOf", list(str(), object().set("type", text("integer"))))).
			set("description", text("The path of what does not fit: names of properties and indexes."))).
		set("msg", str()).
		set("type", str()), "loc", "msg")
	refusal := strict(object().set("detail", object().set("anyOf", list(str(), strict(object().set("message", str()), "message")))), "detail")
	all := object().
		set("Failure", failure).
		set("Refusal", refusal).
		set("Invalid", object().set("anyOf", list(
			strict(object().set("detail", object().set("type", text("array")).set("items", problem)), "detail"),
			ref("#/components/schemas/Failure")))).
		set("Health", health())
	for i, name := range others.keys {
		all.set(name, others.vals[i])
	}
	return all
}
