package gateway_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/gateway"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
)

// site is a gateway whose sessions run jobs in this process.
type site struct {
	t       *testing.T
	g       *gateway.Gateway
	clock   *clock.Manual
	scripts []gateway.Script // of all jobs, in the order of their starts
	idle    int
}

func newSite(t *testing.T, change ...func(*gateway.Options)) *site {
	s := &site{t: t, clock: clock.NewManual(time.Unix(1000, 0))}
	o := gateway.Options{
		Version: "test", Clock: s.clock, Idle: func() { s.idle++ },
		NewSession: func(properties map[string]string, script func() gateway.Script) (*sql.Session, error) {
			options := []sql.Option{sql.With(all.Factories(), all.Formats()), sql.On(noting{launch.Executor(), s, script})}
			for k, v := range properties {
				options = append(options, sql.Set(k, v))
			}
			return sql.NewSession(options...), nil
		},
	}
	for _, f := range change {
		f(&o)
	}
	s.g = gateway.New(o)
	t.Cleanup(s.g.Close)
	return s
}

// ask sends a request, wants a status, and reads the answer.
func (s *site) ask(status int, method, path string, in, out any) {
	s.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		s.t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.g.ServeHTTP(w, httptest.NewRequest(method, path, bytes.NewReader(body)))
	if w.Code != status {
		s.t.Fatalf("%s %s: status %d, want %d: %s", method, path, w.Code, status, w.Body)
	}
	if out != nil {
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			s.t.Fatalf("%s %s: %v: %s", method, path, err, w.Body)
		}
	}
}

// refused sends a request that is refused, and returns why.
func (s *site) refused(status int, method, path string, in any) string {
	s.t.Helper()
	var e restapi.Errors
	s.ask(status, method, path, in, &e)
	return strings.Join(e.Errors, "\n")
}

// open opens a session, and returns its path.
func (s *site) open(properties map[string]string) string {
	s.t.Helper()
	var h restapi.SQLSession
	s.ask(200, "POST", "/sessions", restapi.SQLSessionRequest{Properties: properties}, &h)
	return "/sessions/" + h.SessionHandle
}

// begin begins a statement, and returns the path of its operation.
func (s *site) begin(session, statement string) string {
	s.t.Helper()
	var h restapi.SQLOperation
	s.ask(200, "POST", session+"/statements", restapi.SQLStatement{Statement: statement}, &h)
	return session + "/operations/" + h.OperationHandle
}

// pages reads a result from a page on to its end, or until enough says so.
func (s *site) pages(operation, format string, enough func([]restapi.SQLRow) bool) (rows []restapi.SQLRow, last restapi.SQLPage) {
	s.t.Helper()
	next := operation + "/result/0?rowFormat=" + format
	for {
		var p restapi.SQLPage
		s.ask(200, "GET", next, nil, &p)
		if p.Results != nil {
			rows = append(rows, p.Results.Data...)
		}
		if p.ResultType == restapi.SQLEnd || enough != nil && enough(rows) {
			return rows, p
		}
		var ok bool
		if next, ok = strings.CutPrefix(p.NextResultURI, "/v4"); !ok {
			s.t.Fatalf("the page after %s is %q", next, p.NextResultURI)
		}
	}
}

// run runs a statement, and returns its rows as texts.
func (s *site) run(session, statement string) (lines []string) {
	s.t.Helper()
	rows, _ := s.pages(s.begin(session, statement), "PLAIN_TEXT", nil)
	for _, r := range rows {
		fields, err := json.Marshal(r.Fields)
		if err != nil {
			s.t.Fatal(err)
		}
		lines = append(lines, r.Kind+" "+string(fields))
	}
	return lines
}

func (s *site) status(operation string) string {
	s.t.Helper()
	var out restapi.SQLStatus
	s.ask(200, "GET", operation+"/status", nil, &out)
	return out.Status
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestTypes: columns and values of all types are what Flink's gateway answers.
func TestTypes(t *testing.T) {
	text, err := os.ReadFile("testdata/types.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Statement string
		Results   restapi.SQLRows
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	s := newSite(t)
	session := s.open(map[string]string{"table.local-time-zone": "UTC"})
	var page restapi.SQLPage
	s.pages(s.begin(session, want.Statement), "JSON", func(rows []restapi.SQLRow) bool { return len(rows) > 0 })
	operation := s.begin(session, want.Statement)
	for page.Results == nil || len(page.Results.Data) == 0 {
		s.ask(200, "GET", cmp.Or(strings.TrimPrefix(page.NextResultURI, "/v4"), operation+"/result/0"), nil, &page)
	}
	got, _ := json.MarshalIndent(page.Results, "", " ")
	wanted, _ := json.MarshalIndent(want.Results, "", " ")
	if !bytes.Equal(got, wanted) {
		t.Errorf("the page is\n%s\nFlink's\n%s", got, wanted)
	}
	if page.IsQueryResult == nil || !*page.IsQueryResult || page.ResultKind != "SUCCESS_WITH_CONTENT" || len(page.JobID) != 32 {
		t.Errorf("the page is of kind %s, query %v, job %q", page.ResultKind, page.IsQueryResult, page.JobID)
	}
	same(t, "as text", s.run(session, want.Statement), []string{
		`INSERT ["1","a","TRUE","1.50","2024-01-02","2024-01-02 03:04:05.678","[1, 2]","{k=1}","(1, x)",null,"x'0aff'","1.25","10:11:12","3","4","5","1.5","c  ","2024-01-02 03:04:05.678"]`,
	})
}

// TestIntervals: what JSON has no form for is text.
func TestIntervals(t *testing.T) {
	s := newSite(t)
	session := s.open(nil)
	rows, page := s.pages(s.begin(session, "SELECT INTERVAL '1-2' YEAR TO MONTH AS a, INTERVAL '3' DAY AS b, MAP[1, 'x'] AS c"), "JSON", nil)
	types, _ := json.Marshal(page.Results.Columns)
	for _, want := range []string{`"type":"INTERVAL_YEAR_MONTH","nullable":false,"precision":2,"resolution":"YEAR_TO_MONTH"`, `"type":"INTERVAL_DAY_TIME"`, `"keyType":{"type":"INTEGER"`} {
		if !strings.Contains(string(types), want) {
			t.Errorf("the columns have no %s: %s", want, types)
		}
	}
	if got := fmt.Sprintf("%s", rows[0].Fields); got != `["+1-02" "+3 00:00:00.000000" {"1":"x"}]` && got != `["+1-02" "+3 00:00:00.000" "{1=x}"]` {
		t.Errorf("the row is %s", got)
	}
}

// TestStatements: definitions, options and mistakes are answered as Flink answers them.
func TestStatements(t *testing.T) {
	s := newSite(t)
	session := s.open(map[string]string{"of.others": "kept"})
	ok := []string{`INSERT ["OK"]`}
	same(t, "CREATE", s.run(session, "CREATE TABLE t (a INT, b STRING) WITH ('connector' = 'datagen', 'number-of-rows' = '3');"), ok)
	same(t, "SHOW", s.run(session, "SHOW TABLES"), []string{`INSERT ["t"]`})
	same(t, "SET", s.run(session, "SET 'parallelism.default' = '2'"), ok)
	var p restapi.SQLProperties
	s.ask(200, "GET", session, nil, &p)
	if p.Properties["parallelism.default"] != "2" || p.Properties["of.others"] != "kept" {
		t.Errorf("the properties are %v", p.Properties)
	}
	if n := len(s.run(session, "SELECT * FROM t")); n != 3 {
		t.Errorf("there are %d rows, want 3", n)
	}
	s.ask(200, "POST", session+"/configure-session", restapi.SQLStatement{Statement: "CREATE VIEW v AS SELECT a FROM t"}, nil)
	same(t, "SHOW", s.run(session, "SHOW VIEWS"), []string{`INSERT ["v"]`})
	if why := s.refused(400, "POST", session+"/configure-session", restapi.SQLStatement{Statement: "SELECT 1"}); !strings.Contains(why, "POST …/statements") {
		t.Error(why)
	}
	if why := s.refused(500, "POST", session+"/configure-session", restapi.SQLStatement{Statement: "USE nowhere"}); !strings.Contains(why, "nowhere") {
		t.Error(why)
	}
	wrong := s.begin(session, "SELECT * FROM tt")
	for s.status(wrong) == "PENDING" || s.status(wrong) == "RUNNING" {
		runtime.Gosched()
	}
	if got := s.status(wrong); got != "ERROR" {
		t.Errorf("a statement that is wrong is %s", got)
	}
	if why := s.refused(500, "GET", wrong+"/result/0", nil); !strings.Contains(why, "tt") || !strings.Contains(why, "^^") {
		t.Errorf("it is told: %s", why)
	}
	for body, want := range map[string]string{`{}`: "no statement", `{"statement": ";"}`: "no statement", `nonsense`: "cannot be read", `{"statement": 1}`: "cannot be read"} {
		w := httptest.NewRecorder()
		s.g.ServeHTTP(w, httptest.NewRequest("POST", session+"/statements", strings.NewReader(body)))
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

// TestExecutionConfig: options of a request count for its statement only.
func TestExecutionConfig(t *testing.T) {
	s := newSite(t)
	session := s.open(map[string]string{"table.local-time-zone": "UTC"})
	const text = "SELECT CAST(TO_TIMESTAMP_LTZ(0, 3) AS STRING)"
	var h restapi.SQLOperation
	in := restapi.SQLStatement{Statement: text, ExecutionConfig: map[string]string{"table.local-time-zone": "Asia/Tokyo", "an.option": "it's"}}
	s.ask(200, "POST", session+"/statements", in, &h)
	rows, _ := s.pages(session+"/operations/"+h.OperationHandle, "PLAIN_TEXT", nil)
	if got := string(rows[0].Fields[0]); got != `"1970-01-01 09:00:00.000"` {
		t.Errorf("in Tokyo it is %s", got)
	}
	same(t, "afterwards", s.run(session, text), []string{`INSERT ["1970-01-01 00:00:00.000"]`})
	var p restapi.SQLProperties
	s.ask(200, "GET", session, nil, &p)
	if _, there := p.Properties["an.option"]; there || p.Properties["table.local-time-zone"] != "UTC" {
		t.Errorf("the properties are %v", p.Properties)
	}
}

// TestPages: a page may be asked for twice, and no other than the next one.
func TestPages(t *testing.T) {
	s := newSite(t)
	session := s.open(nil)
	s.run(session, "CREATE TABLE t (n BIGINT) WITH ('connector' = 'datagen', 'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '5000')")
	operation := s.begin(session, "SELECT n FROM t")
	seen := 0
	rows, last := s.pages(operation, "JSON", func(rows []restapi.SQLRow) bool {
		seen++
		return false
	})
	if len(rows) != 5000 || seen < 5 || last.NextResultURI != "" {
		t.Errorf("%d rows on %d pages, and then %q", len(rows), seen, last.NextResultURI)
	}
	for i, r := range rows {
		if string(r.Fields[0]) != fmt.Sprint(i+1) {
			t.Fatalf("row %d has %s", i, r.Fields)
		}
	}
	if got := s.status(operation); got != "FINISHED" {
		t.Errorf("the statement is %s", got)
	}
	again := s.begin(session, "SELECT n FROM t")
	first, _ := s.pages(again, "JSON", func(rows []restapi.SQLRow) bool { return len(rows) > 0 })
	token := 0
	var p restapi.SQLPage
	for ; p.Results == nil || len(p.Results.Data) == 0; token++ { // pages without rows may come before it
		w := httptest.NewRecorder()
		s.g.ServeHTTP(w, httptest.NewRequest("GET", fmt.Sprintf("%s/result/%d", again, token), nil))
		if w.Code == 200 {
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatal(err)
			}
		}
		if token > 1000 {
			t.Fatal("the page is not given again")
		}
	}
	if fmt.Sprintf("%s", first) != fmt.Sprintf("%s", p.Results.Data) {
		t.Error("the page is another one the second time")
	}
	if why := s.refused(500, "GET", fmt.Sprintf("%s/result/%d", again, token+7), nil); !strings.Contains(why, fmt.Sprintf("Expecting token to be %d, but found %d.", token, token+7)) {
		t.Error(why)
	}
	s.refused(400, "GET", again+"/result/x", nil)
	s.refused(400, "GET", again+"/result/0?rowFormat=XML", nil)
}

const endless = "CREATE TABLE endless (n BIGINT) WITH ('connector' = 'datagen', 'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '100000000000')"

// TestEnds: a query that does not end by itself is ended by being cancelled, closed, or out of time, and with its session.
func TestEnds(t *testing.T) {
	s := newSite(t)
	session := s.open(nil)
	s.run(session, endless)
	some := func(rows []restapi.SQLRow) bool { return len(rows) > 0 }

	cancelled := s.begin(session, "SELECT * FROM endless")
	s.pages(cancelled, "JSON", some)
	var st restapi.SQLStatus
	s.ask(200, "POST", cancelled+"/cancel", nil, &st)
	if st.Status != "CANCELED" {
		t.Errorf("a cancelled statement is %s", st.Status)
	}

	shut := s.begin(session, "SELECT * FROM endless")
	s.pages(shut, "JSON", some)
	s.ask(200, "DELETE", shut+"/close", nil, &st)
	if st.Status != "CLOSED" {
		t.Errorf("a closed statement is %s", st.Status)
	}
	if why := s.refused(404, "GET", shut+"/status", nil); !strings.Contains(why, "closed") {
		t.Error(why)
	}

	var h restapi.SQLOperation
	s.ask(200, "POST", session+"/statements", restapi.SQLStatement{Statement: "SELECT * FROM endless", ExecutionTimeout: 5000}, &h)
	late := session + "/operations/" + h.OperationHandle
	s.pages(late, "JSON", some)
	s.clock.Advance(6 * time.Second)
	for s.status(late) == "RUNNING" {
		runtime.Gosched()
	}
	if got := s.status(late); got != "TIMEOUT" {
		t.Errorf("a statement that is out of time is %s", got)
	}

	left := s.begin(session, "SELECT * FROM endless")
	s.pages(left, "JSON", some)
	s.ask(200, "DELETE", session, nil, &st)
	if why := s.refused(404, "GET", left+"/status", nil); !strings.Contains(why, "does not exist") {
		t.Error(why)
	}
}

// TestIdle: sessions that nobody asks for end, and so does a gateway without sessions.
func TestIdle(t *testing.T) {
	s := newSite(t, func(o *gateway.Options) { o.IdleTimeout, o.SessionsMax = time.Minute, 2 })
	one, two := s.open(nil), s.open(nil)
	if why := s.refused(429, "POST", "/sessions", restapi.SQLSessionRequest{}); !strings.Contains(why, "2 sessions") {
		t.Error(why)
	}
	for range 5 {
		s.clock.Advance(40 * time.Second)
		s.ask(200, "POST", one+"/heartbeat", nil, nil)
	}
	s.refused(404, "GET", two, nil)
	s.ask(200, "GET", one, nil, nil)
	if s.idle > 0 {
		t.Error("the gateway ends while somebody uses it")
	}
	s.clock.Advance(61 * time.Second)
	s.refused(404, "GET", one, nil)
	s.clock.Advance(61 * time.Second)
	if s.idle != 1 {
		t.Errorf("the gateway has ended %d times", s.idle)
	}
}

// TestManyOperations: results that were read to their ends make room for others.
func TestManyOperations(t *testing.T) {
	s := newSite(t)
	session := s.open(nil)
	first := s.begin(session, "SHOW TABLES")
	s.pages(first, "JSON", nil)
	for range 100 {
		s.run(session, "SHOW TABLES")
	}
	s.refused(404, "GET", first+"/status", nil)
	other := s.open(nil)
	for range 100 {
		s.begin(other, "SHOW FUNCTIONS")
	}
	if why := s.refused(429, "POST", other+"/statements", restapi.SQLStatement{Statement: "SHOW TABLES"}); !strings.Contains(why, "close some") {
		t.Error(why)
	}
}

// TestScripts: what is run elsewhere to start a job is the statements that define something, and that one.
func TestScripts(t *testing.T) {
	s := newSite(t)
	session := s.open(map[string]string{"table.dml-sync": "true"})
	const source, sink = "CREATE TABLE a (n INT) WITH ('connector' = 'datagen', 'number-of-rows' = '1')", "CREATE TABLE b (n INT) WITH ('connector' = 'blackhole')"
	const ctas, insert = "CREATE TABLE c WITH ('connector' = 'blackhole') AS SELECT n FROM a", "INSERT INTO b SELECT n FROM a"
	for _, text := range []string{source, "SHOW TABLES", sink, insert, "SELECT * FROM a", ctas, "SET 'parallelism.default' = '1'", insert, "BEGIN STATEMENT SET", insert, "END", insert} {
		s.run(session, text)
	}
	var got []string
	for _, x := range s.scripts {
		got = append(got, fmt.Sprintf("%d: %s", x.Call, strings.Join(x.Statements, "; ")))
	}
	const after = source + "; " + sink + "; " + ctas + "; SET 'parallelism.default' = '1'; "
	same(t, "scripts", got, []string{
		"1: " + source + "; " + sink + "; " + insert,
		"1: " + source + "; " + sink + "; SELECT * FROM a",
		"1: " + source + "; " + sink + "; " + ctas,
		"2: " + after + insert,
		"2: " + after + "BEGIN STATEMENT SET; " + insert + "; END",
		"3: " + after + "BEGIN STATEMENT SET; " + insert + "; END; " + insert,
	})
}

// TestComplete: words are offered that go on with what was begun.
func TestComplete(t *testing.T) {
	s := newSite(t)
	session := s.open(nil)
	s.run(session, "CREATE TABLE selections (n INT) WITH ('connector' = 'blackhole')")
	for text, want := range map[string][]string{"sele": {"SELECT", "selections"}, "SELECT * FROM €selec": {"SELECT", "selections"}, "😀 selecti": {"selections"}, "xyzzy": {}} {
		var got restapi.SQLCandidates
		s.ask(200, "GET", session+"/complete-statement", restapi.SQLCompletion{Statement: text + "…", Position: len(utf16Of(text))}, &got)
		same(t, text, got.Candidates, want)
	}
}
