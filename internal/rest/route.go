package rest

import (
	"net/http"
	"reflect"

	"github.com/flott-dev/flott/internal/access"
	"github.com/flott-dev/flott/internal/openapi"
)

// route is one thing that can be asked for.
type route struct {
	method, path, about string
	role                access.Role // the least that may use it
	serve               func(s *Server, w http.ResponseWriter, r *http.Request) error

	// What openapi.json says of it. The types are those of serve.
	query    []openapi.Parameter
	takes    body
	gives    body
	statuses []int // of success
}

// body is what a request or a response has: JSON of a type, or something of a media type, or nothing.
type body struct {
	json  reflect.Type
	media string
}

var (
	plainText = body{media: "text/plain"}
	octets    = body{media: "application/octet-stream"}

	eventStream = body{media: "text/event-stream"}
)

func jsonOf[T any]() body { return body{json: reflect.TypeFor[T](), media: "application/json"} }

// get is a route that answers GET with JSON, to viewers. All others are for admins, unless by says otherwise.
func get[Out any](path string, answer func(*Server, *http.Request) (Out, error), about string, query ...openapi.Parameter) route {
	return bare("GET", path, http.StatusOK, answer, about, query...).by(viewers)
}

// bare is a route that looks at no body, and answers with JSON.
func bare[Out any](method, path string, status int, answer func(*Server, *http.Request) (Out, error), about string,
	query ...openapi.Parameter,
) route {
	return route{
		method: method, path: path, about: about, role: admins, query: query, gives: jsonOf[Out](), statuses: []int{status},
		serve: func(s *Server, w http.ResponseWriter, r *http.Request) error {
			out, err := answer(s, r)
			if err != nil {
				return err
			}
			s.write(w, status, out)
			return nil
		},
	}
}

// taking is a route that takes JSON, or no body, and answers with JSON.
func taking[In, Out any](method, path string, status int, answer func(*Server, *http.Request, In) (Out, error), about string) route {
	r := bare(method, path, status, func(s *Server, r *http.Request) (out Out, err error) {
		var in In
		if err := decode(r, &in); err != nil {
			return out, err
		}
		return answer(s, r, in)
	}, about)
	return r.taking(jsonOf[In]())
}

// raw is a route that reads and writes bodies by itself.
func raw(method, path string, gives body, serve func(*Server, http.ResponseWriter, *http.Request) error, about string) route {
	return route{method: method, path: path, about: about, role: admins, gives: gives, statuses: []int{http.StatusOK}, serve: serve}
}

// taking is the route with a body that it reads by itself.
func (r route) taking(b body) route {
	r.takes = b
	return r
}

// by is the route for those of a role, and of higher ones.
func (r route) by(role access.Role) route {
	r.role = role
	return r
}

// asked is the route with parameters of the query.
func (r route) asked(query ...openapi.Parameter) route {
	r.query = query
	return r
}

// or is the route with a further status of success.
func (r route) or(status int) route {
	r.statuses = append(r.statuses, status)
	return r
}

// only is the route with another status of success.
func (r route) only(status int) route {
	r.statuses = []int{status}
	return r
}

// handle makes a handler of a route.
func (s *Server) handle(to route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := to.serve(s, w, r); err != nil {
			s.refuse(w, err)
		}
	})
}
