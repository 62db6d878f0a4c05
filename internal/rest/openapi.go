package rest

import (
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/openapi"
	"github.com/flott-dev/flott/internal/restapi"
)

// The parameters of queries.
var (
	getMetrics     = queryParameter("get", "names of metrics, with commas between them, whose values are wanted; without it the names are listed", word)
	aggMetrics     = queryParameter("agg", "some of min, max, avg, sum and skew, with commas between them; all if it is absent", word)
	cancelMode     = queryParameter("mode", "how the job ends: cancelled, or by the end of its sources' input", &openapi.Schema{Type: "string", Enum: []string{"cancel", finishMode}})
	fromVertex     = queryParameter("vertex", "the id of a vertex, whose watermark is explained; without it that of the job", matching(hex32))
	maxExceptions  = queryParameter("maxExceptions", fmt.Sprintf("how many failures at most; %d if it is absent", exceptionsMost), fromOn(1))
	profileSeconds = queryParameter("seconds", fmt.Sprintf("for how long CPU time is sampled, at most %d; %d if it is absent", profileSecondsMost, profileSecondsUsual), fromOn(1))
	rowFormat      = queryParameter("rowFormat", "how fields are written; JSON if it is absent", &openapi.Schema{Type: "string", Enum: []string{"JSON", "PLAIN_TEXT"}})
	flameSeconds   = queryParameter("seconds", fmt.Sprintf("for how long CPU time is sampled, at most %d; %d if it is absent", flameSecondsMost, flameSecondsUsual), fromOn(1))
	flameType      = queryParameter("type", "what is sampled: CPU time", &openapi.Schema{Type: "string", Enum: []string{"FULL", "ON_CPU"}})
	flameSubtask   = queryParameter("subtaskindex", "the subtask that is wanted; all if it is absent", fromOn(0))
	awaitTimeout   = queryParameter("timeout", "how long to wait, in milliseconds, at most a minute; a minute if it is absent", fromOn(1))
)

// pathParameters are the forms of what stands in paths, by their names.
var pathParameters = map[string]*openapi.Schema{
	"jobid": matching(hex32), "vertexid": matching(hex32), "triggerid": matching(hex32), "sha256": matching(hex64),
	"sessionhandle": matching(uuid), "operationhandle": matching(uuid), "resulttoken": fromOn(0),
	"subtaskindex": fromOn(0), "attempt": fromOn(0), "checkpointid": fromOn(0), "taskmanagerid": word, "filename": word, "process": word,
	"kind": {Type: "string", Enum: []string{string(control.CPUProfile), string(control.HeapProfile), string(control.GoroutineProfile)}},
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

var word = &openapi.Schema{Type: "string"}

func matching(form *regexp.Regexp) *openapi.Schema {
	return &openapi.Schema{Type: "string", Pattern: form.String()}
}

func fromOn(least int) *openapi.Schema { return &openapi.Schema{Type: "integer", Minimum: &least} }

func queryParameter(name, about string, form *openapi.Schema) openapi.Parameter {
	return openapi.Parameter{Name: name, In: "query", Description: about, Schema: form}
}

// openAPI answers with the description of all routes.
func (s *Server) openAPI(*http.Request) (*openapi.Document, error) { return s.document(), nil }

// describe makes the description of routes.
func describe(all []route, version string) *openapi.Document {
	schemas := &openapi.Schemas{Home: reflect.TypeFor[restapi.Errors]().PkgPath(), Known: map[reflect.Type]*openapi.Schema{
		reflect.TypeFor[restapi.Number]():    {AnyOf: []*openapi.Schema{{Type: "number"}, {Type: "string", Enum: []string{"NaN"}}}},
		reflect.TypeFor[*openapi.Document](): {Type: "object"},
	}}
	refused := openapi.Response{
		Description: "it is refused, or has failed",
		Content:     contentOf(jsonOf[restapi.Errors](), schemas.Answer),
	}
	d := &openapi.Document{
		OpenAPI: openapi.Version,
		Info: openapi.Info{
			Title: "Flott", Version: version,
			Description: "The REST interface of a JobManager. Times are milliseconds since 1970, durations milliseconds; -1 stands for what is not yet.",
		},
		Servers: []openapi.Server{{URL: "/"}, {URL: "/v1"}},
		// A token is needed only where there is one.
		Security:   []map[string][]string{{}, {"token": {}}},
		Paths:      map[string]openapi.PathItem{},
		Components: openapi.Components{SecuritySchemes: map[string]openapi.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}},
	}
	for _, r := range all { // those first: what is also asked for has all its fields
		o := &openapi.Operation{
			ID: operationID(r), Summary: r.about, Parameters: append(pathParametersOf(r.path), r.query...),
			Responses: map[string]openapi.Response{"default": refused},
		}
		for _, status := range r.statuses {
			o.Responses[strconv.Itoa(status)] = openapi.Response{
				Description: http.StatusText(status), Content: contentOf(r.gives, schemas.Answer),
			}
		}
		if d.Paths[r.path] == nil {
			d.Paths[r.path] = openapi.PathItem{}
		}
		d.Paths[r.path][strings.ToLower(r.method)] = o
	}
	for _, r := range all {
		if r.takes.media != "" {
			d.Paths[r.path][strings.ToLower(r.method)].RequestBody = &openapi.RequestBody{Content: contentOf(r.takes, schemas.Request)}
		}
	}
	d.Components.Schemas = schemas.All()
	return d
}

// contentOf describes a body.
func contentOf(b body, schema func(reflect.Type) *openapi.Schema) openapi.Content {
	if b.json == nil {
		return openapi.Content{b.media: {}}
	}
	return openapi.Content{b.media: {Schema: schema(b.json)}}
}

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

func pathParametersOf(path string) (all []openapi.Parameter) {
	for _, m := range pathParameter.FindAllStringSubmatch(path, -1) {
		all = append(all, openapi.Parameter{Name: m[1], In: "path", Required: true, Schema: pathParameters[m[1]]})
	}
	return all
}

// operationID names a route by its method and path.
func operationID(r route) string {
	id := strings.ToLower(r.method)
	for _, part := range strings.FieldsFunc(r.path, func(c rune) bool { return strings.ContainsRune("/-.{}", c) }) {
		id += strings.ToUpper(part[:1]) + part[1:]
	}
	return id
}
