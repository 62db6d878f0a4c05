// Package openapi describes an interface over HTTP as a document of OpenAPI 3.1, with schemas that are made of the Go types whose
// JSON is exchanged.
//
// Data flow: internal/rest describes its routes with it, and serves the document.
package openapi

// Version is that of OpenAPI which documents have.
const Version = "3.1.0"

// Document is a description of an interface. Only what Flott needs of OpenAPI is there; names are those of its specification.
type Document struct {
	OpenAPI    string                `json:"openapi"`
	Info       Info                  `json:"info"`
	Servers    []Server              `json:"servers,omitempty"`
	Security   []map[string][]string `json:"security,omitempty"`
	Paths      map[string]PathItem   `json:"paths"`
	Components Components            `json:"components"`
}

// Info says what is described.
type Info struct {
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	Version     string `json:"version"`
}

// Server is a URL below which all paths are.
type Server struct {
	URL string `json:"url"`
}

// PathItem is what can be done with a path, by the method in lower case.
type PathItem map[string]*Operation

// Operation is one thing that can be asked for.
type Operation struct {
	ID          string              `json:"operationId"`
	Summary     string              `json:"summary"`
	Tags        []string            `json:"tags,omitempty"`
	Parameters  []Parameter         `json:"parameters,omitempty"`
	RequestBody *RequestBody        `json:"requestBody,omitempty"`
	Responses   map[string]Response `json:"responses"`
}

// Parameter is a part of a path or of a query.
type Parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"` // path or query
	Description string  `json:"description,omitempty"`
	Required    bool    `json:"required,omitempty"`
	Schema      *Schema `json:"schema"`
}

// Content is a body by its media types.
type Content map[string]MediaType

// MediaType is the form of a body.
type MediaType struct {
	Schema *Schema `json:"schema,omitempty"`
}

// RequestBody is what a request has.
type RequestBody struct {
	Content  Content `json:"content"`
	Required bool    `json:"required,omitempty"`
}

// Response is what is answered.
type Response struct {
	Description string  `json:"description"`
	Content     Content `json:"content,omitempty"`
}

// Components are what others refer to, by name.
type Components struct {
	Schemas         map[string]*Schema        `json:"schemas,omitempty"`
	SecuritySchemes map[string]SecurityScheme `json:"securitySchemes,omitempty"`
}

// SecurityScheme is how a client shows who it is.
type SecurityScheme struct {
	Type   string `json:"type"`
	Scheme string `json:"scheme,omitempty"`
}

// Schema is the form of a value, by JSON Schema. The zero Schema is that of any value.
type Schema struct {
	Ref         string             `json:"$ref,omitempty"`
	Type        string             `json:"type,omitempty"`
	Format      string             `json:"format,omitempty"`
	Description string             `json:"description,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	Encoding    string             `json:"contentEncoding,omitempty"`
	Minimum     *int               `json:"minimum,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Items       *Schema            `json:"items,omitempty"`
	Properties  map[string]*Schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Values      *Schema            `json:"additionalProperties,omitempty"`
	AnyOf       []*Schema          `json:"anyOf,omitempty"`
}
