package rest

import (
	"github.com/flott-dev/flott/internal/access"
	"github.com/flott-dev/flott/internal/openapi"
)

// Describe describes all routes.
func Describe() *openapi.Document { return describe(routes, "0.1.0") }

// Route is an entry of the table of routes.
type Route struct {
	Method, Path string
	Role         access.Role
}

// Routes are all entries.
func Routes() []Route { return routesOf(routes) }

// TaskManagerRoutes are those of a TaskManager.
func TaskManagerRoutes() []Route { return routesOf(taskManagerRoutes) }

func routesOf(table []route) (all []Route) {
	for _, r := range table {
		all = append(all, Route{r.method, r.path, r.role})
	}
	return all
}

// Forget has all answers be made anew.
func (s *Server) Forget() { s.kept.forget() }
