package rest

import "github.com/flott-dev/flott/internal/openapi"

// Describe describes all routes.
func Describe() *openapi.Document { return describe(routes, "0.1.0") }

// EachRoute calls f with the method and the path of each route.
func EachRoute(f func(method, path string)) {
	for _, r := range routes {
		f(r.method, r.path)
	}
}
