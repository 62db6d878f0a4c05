package rest

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/flott-dev/flott/internal/openapi"
	"github.com/flott-dev/flott/internal/restapi"
)

// sqlRoutes are those of Flink's SQL Gateway. SQL reads and writes whatever its processes can: so they are for admins.
var sqlRoutes = []route{
	ofSQL[restapi.GatewayInfo]("GET", "/info", "who serves SQL: Flink's SQL Gateway, from here on"),
	ofSQL[restapi.GatewayVersions]("GET", "/api_versions", "the versions of its interface; those of SQL are also below /v2, /v3 and /v4"),
	ofSQL[restapi.SQLSession]("POST", "/sessions", "opens a session with options").taking(jsonOf[restapi.SQLSessionRequest]()),
	ofSQL[restapi.SQLProperties]("GET", "/sessions/{sessionhandle}", "a session's options"),
	ofSQL[restapi.SQLStatus]("DELETE", "/sessions/{sessionhandle}", "closes it; jobs that it has handed over go on"),
	ofSQL[restapi.Empty]("POST", "/sessions/{sessionhandle}/heartbeat", "keeps it: without requests it ends after 10 minutes"),
	ofSQL[restapi.Empty]("POST", "/sessions/{sessionhandle}/configure-session", "runs SET, RESET, CREATE, ALTER, DROP or USE, and answers when that is done").taking(jsonOf[restapi.SQLStatement]()),
	ofSQL[restapi.SQLCandidates]("GET", "/sessions/{sessionhandle}/complete-statement", "words that go on with what stands before a position; asked for in the body, as by Flink's client").taking(jsonOf[restapi.SQLCompletion]()),
	ofSQL[restapi.SQLOperation]("POST", "/sessions/{sessionhandle}/statements", "begins a statement. Queries run beside the JobManager, INSERT on the cluster").taking(jsonOf[restapi.SQLStatement]()),
	ofSQL[restapi.SQLStatus]("GET", "/sessions/{sessionhandle}/operations/{operationhandle}/status", "how far it is"),
	ofSQL[restapi.SQLPage]("GET", "/sessions/{sessionhandle}/operations/{operationhandle}/result/{resulttoken}", "a page of its rows; waits up to half a second for some; `rowFormat` JSON or PLAIN_TEXT", rowFormat),
	ofSQL[restapi.SQLStatus]("POST", "/sessions/{sessionhandle}/operations/{operationhandle}/cancel", "cancels it"),
	ofSQL[restapi.SQLStatus]("DELETE", "/sessions/{sessionhandle}/operations/{operationhandle}/close", "ends it, and forgets its rows"),
}

// sqlVersions are the prefixes of paths below which only SQL is served; below /v1 is all.
var sqlVersions = regexp.MustCompile(`^/v[234]/(info|api_versions|sessions)(/|$)`)

// unversioned is a path without the version before it.
func unversioned(path string) string {
	if rest, ok := strings.CutPrefix(path, "/v1/"); ok {
		return "/" + rest
	}
	if sqlVersions.MatchString(path) {
		return path[len("/v4"):]
	}
	return path
}

// ofSQL is a route that Options.SQL serves.
func ofSQL[Out any](method, path, about string, query ...openapi.Parameter) route {
	r := raw(method, path, jsonOf[Out](), (*Server).serveSQL, about)
	r.query = query
	return r
}

func (s *Server) serveSQL(w http.ResponseWriter, r *http.Request) error {
	if s.o.SQL == nil {
		return notFound("This JobManager serves no SQL.")
	}
	r = r.Clone(r.Context())
	for _, credential := range []string{"Authorization", "Cookie", restapi.CSRFHeader} {
		r.Header.Del(credential) // who comes was asked here
	}
	s.o.SQL.ServeHTTP(w, r)
	return nil
}
