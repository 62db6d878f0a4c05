package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/internal/gateway"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
)

// TestSQL: sessions are served below the paths of all versions of Flink's gateway, with answers that are as openapi.json says, and
// credentials stay here.
func TestSQL(t *testing.T) {
	g := gateway.New(gateway.Options{Version: "test", NewSession: func(map[string]string, func() gateway.Script) (*sql.Session, error) {
		return sql.NewSession(sql.With(all.Factories(), all.Formats()), sql.On(launch.Executor())), nil
	}})
	t.Cleanup(g.Close)
	s := newSite(t, rest.Options{SQL: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, h := range []string{"Authorization", "Cookie", restapi.CSRFHeader} {
			if r.Header.Get(h) != "" {
				t.Errorf("%s is passed on", h)
			}
		}
		g.ServeHTTP(w, r)
	})}, few)
	secrets := func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer x")
		r.Header.Set("Cookie", "a=b")
		r.Header.Set(restapi.CSRFHeader, "c")
	}
	var info restapi.GatewayInfo
	s.must(200, "GET", "/info", "", &info)
	if info.ProductName != "Flott" || info.Version != "test" {
		t.Errorf("it is %+v", info)
	}
	for _, version := range []string{"", "/v1", "/v2", "/v3", "/v4"} {
		s.malformed = version > "/v1" // openapi.json has only /v1
		a := s.ask("GET", version+"/api_versions", "{}", secrets)
		if a.status != 200 || !strings.Contains(a.text, `"V4"`) {
			t.Errorf("%s: %d %s", version, a.status, a.text)
		}
	}
	for _, path := range []string{"/v2/jobs", "/v5/sessions", "/v4/sessionsx", "/v4", "/v4/v4/sessions"} {
		if a := s.ask("GET", path, ""); a.status != 404 {
			t.Errorf("%s: %d %s", path, a.status, a.text)
		}
	}
	s.malformed = false
	var session restapi.SQLSession
	s.must(200, "POST", "/sessions", `{"properties":{"pipeline.name":"x"}}`, &session)
	at := "/sessions/" + session.SessionHandle
	s.must(200, "GET", at, "", nil)
	s.must(200, "POST", at+"/heartbeat", "", nil)
	s.must(200, "POST", at+"/configure-session", `{"statement":"CREATE TABLE t (a INT, b ROW<c ARRAY<INT>, d MAP<STRING, DECIMAL(5, 2)>>) WITH ('connector' = 'datagen', 'number-of-rows' = '1')"}`, nil)
	s.must(200, "GET", at+"/complete-statement", `{"statement":"SEL","position":3}`, nil)
	for _, statement := range []string{"SHOW TABLES", "SELECT * FROM t", "SET 'a' = 'b'"} {
		var operation restapi.SQLOperation
		s.must(200, "POST", at+"/statements", `{"statement":"`+statement+`"}`, &operation)
		one := at + "/operations/" + operation.OperationHandle
		s.must(200, "GET", one+"/status", "", nil)
		s.must(200, "GET", one+"/result/0?rowFormat=PLAIN_TEXT", "", nil)
		s.must(200, "POST", one+"/cancel", "", nil)
		s.must(200, "DELETE", one+"/close", "", nil)
		s.must(404, "GET", one+"/status", "", nil)
	}
	s.must(200, "DELETE", at, "", nil)
	s.must(404, "GET", at, "", nil)
}

// TestNoSQL: a server without SQL says so.
func TestNoSQL(t *testing.T) {
	s := newSite(t, rest.Options{}, few)
	if a := s.ask("POST", "/sessions", "{}"); a.status != 404 || !strings.Contains(a.text, "serves no SQL") {
		t.Errorf("%d %s", a.status, a.text)
	}
}
