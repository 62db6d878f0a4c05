package rest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/flott-dev/flott/internal/rest"
)

// described is openapi.json as another program reads it.
var described = sync.OnceValues(func() (*openapi3.T, error) {
	text, err := json.Marshal(rest.Describe())
	if err != nil {
		return nil, err
	}
	return openapi3.NewLoader().LoadFromData(text)
})

// operationAt is what the description has of a request, nil for nothing. Of paths that fit the one with the fewest parameters counts.
func operationAt(t *testing.T, method, path string) *openapi3.Operation {
	t.Helper()
	d, err := described()
	if err != nil {
		t.Fatal(err)
	}
	path, _, _ = strings.Cut(strings.TrimPrefix(path, "/v1"), "?")
	var found *openapi3.PathItem
	least := 1 << 10
	for template, item := range d.Paths.Map() {
		form := "^" + regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(template), "[^/]+") + "$"
		if n := strings.Count(template, "{"); n < least && regexp.MustCompile(form).MatchString(path) {
			found, least = item, n
		}
	}
	if found == nil {
		return nil
	}
	return found.GetOperation(method)
}

// conforms holds a request that was answered, and its answer, against the description.
func conforms(t *testing.T, method, path, body string, a answer) {
	t.Helper()
	o := operationAt(t, method, path)
	if o == nil || a.status == 403 { // what the guard refuses may be anything
		return
	}
	response := o.Responses.Status(a.status)
	if response == nil {
		response = o.Responses.Default()
		if a.status < 300 {
			t.Errorf("%s %s: openapi.json does not have status %d", method, path, a.status)
		}
	}
	media, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	form := response.Value.Content.Get(media)
	if form == nil {
		t.Errorf("%s %s: openapi.json does not have %q for status %d", method, path, media, a.status)
		return
	}
	fits(t, method+" "+path+" is answered", form, a.text)
	if body != "" && a.status < 300 && o.RequestBody != nil {
		fits(t, method+" "+path+" is asked", o.RequestBody.Value.Content.Get("application/json"), body)
	}
}

// fits validates a text that is JSON, if it has to be.
func fits(t *testing.T, what string, form *openapi3.MediaType, text string) {
	t.Helper()
	if form == nil || form.Schema == nil {
		return
	}
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Errorf("%s: %v: %s", what, err, text)
	}
	if err := form.Schema.Value.VisitJSON(v, openapi3.EnableJSONSchema2020()); err != nil {
		t.Errorf("%s as openapi.json does not say: %v\n%s", what, err, text)
	}
}

// TestOpenAPI: openapi.json keeps the rules of OpenAPI, and has each route and no other, with its parameters.
func TestOpenAPI(t *testing.T) {
	build, options := counted(t, 0)
	s := newSite(t, rest.Options{}, build, options...)
	d, err := openapi3.NewLoader().LoadFromData([]byte(s.ask("GET", "/flott/openapi.json", "").text))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	n := 0
	for _, item := range d.Paths.Map() {
		n += len(item.Operations())
	}
	for _, r := range rest.Routes() {
		method, path := r.Method, r.Path
		n--
		item := d.Paths.Value(path)
		if item == nil || item.GetOperation(method) == nil {
			t.Errorf("%s %s is not there", method, path)
			continue
		}
		for _, p := range item.GetOperation(method).Parameters {
			if p.Value.Schema == nil {
				t.Errorf("parameter %s of %s %s has no form", p.Value.Name, method, path)
			}
		}
	}
	if n != 0 {
		t.Errorf("there are %d operations more than routes", n)
	}
	for name := range map[string]bool{"JobDetails": true, "Errors": true, "SavepointRequest": true, "control.Submission": true} {
		if d.Components.Schemas[name] == nil {
			t.Errorf("there is no schema %s", name)
		}
	}
}

// TestOpenAPIQueries: whatever parameter of a query is read is described.
func TestOpenAPIQueries(t *testing.T) {
	d, err := described()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, item := range d.Paths.Map() {
		for _, o := range item.Operations() {
			for _, p := range o.Parameters {
				known[p.Value.In+" "+p.Value.Name] = true
			}
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	read := regexp.MustCompile(`(?:Query\(\)\.Get\(|queryNumber\(r, |askedFor\(r, )"(\w+)"`)
	reads := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range read.FindAllStringSubmatch(string(text), -1) {
			if reads++; !known["query "+m[1]] {
				t.Errorf("%s reads the parameter %s, which openapi.json does not have", name, m[1])
			}
		}
	}
	if reads == 0 {
		t.Error("nothing reads a parameter")
	}
}
