package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/internal/servertest"
)

// visitor asks a JobManager with a token.
type visitor struct {
	t          *testing.T
	url, token string
}

// ask sends JSON, wants a status, and reads the answer into out, which may be nil.
func (v visitor) ask(status int, method, path string, in, out any) string {
	v.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		v.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.url+path, bytes.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+v.token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status {
		v.t.Fatalf("%s %s: status %d, want %d: %s, %v", method, path, response.StatusCode, status, text, err)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			v.t.Fatalf("%s %s: %v: %s", method, path, err, text)
		}
	}
	return string(text)
}

// open opens a session of SQL.
func (v visitor) open(properties map[string]string) string {
	v.t.Helper()
	var h restapi.SQLSession
	v.ask(200, "POST", "/v4/sessions", restapi.SQLSessionRequest{Properties: properties}, &h)
	return "/v4/sessions/" + h.SessionHandle
}

// sql runs a statement, and returns the fields of its rows.
func (v visitor) sql(session, statement string) (rows []string) {
	v.t.Helper()
	var h restapi.SQLOperation
	v.ask(200, "POST", session+"/statements", restapi.SQLStatement{Statement: statement}, &h)
	next := session + "/operations/" + h.OperationHandle + "/result/0?rowFormat=PLAIN_TEXT"
	for {
		var p restapi.SQLPage
		v.ask(200, "GET", next, nil, &p)
		if p.Results != nil {
			for _, r := range p.Results.Data {
				rows = append(rows, string(bytes.Join(asBytes(r.Fields), []byte(","))))
			}
		}
		if p.ResultType == restapi.SQLEnd {
			return rows
		}
		next = p.NextResultURI
	}
}

func asBytes(fields []json.RawMessage) (out [][]byte) {
	for _, f := range fields {
		out = append(out, f)
	}
	return out
}

// TestSQLGateway: a session at a JobManager with tokens, whose queries run beside it, and whose INSERT, CREATE TABLE AS and
// statement sets run on the cluster.
func TestSQLGateway(t *testing.T) {
	f := flott{t, t.TempDir()}
	path := filepath.Join(t.TempDir(), "credentials")
	const operator, admin = "the-token-of-operators", "the-token-of-admins"
	if err := os.WriteFile(path, []byte("operator shift "+operator+"\nadmin root "+admin+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start := []string{
		"cluster", "start", "-D", "taskmanager.numberOfTaskSlots=2", "-D", "rest.port=0", "-D", "jobmanager.rpc.port=0",
		"-D", "security.rest.credentials-file=" + path,
	}
	t.Setenv("FLOTT_TOKEN", "")
	t.Log(f.run(start...))
	defer func() {
		t.Log(f.run("cluster", "stop"))
		if left := processesOf(t, f.dir); len(left) > 0 {
			t.Errorf("processes %v are left", left)
		}
	}()
	t.Setenv("FLOTT_TOKEN", admin)
	if why := (visitor{t, f.url(), operator}).ask(403, "POST", "/v4/sessions", restapi.SQLSessionRequest{}, nil); !strings.Contains(why, "the role admin is needed") {
		t.Error(why)
	}
	v := visitor{t, f.url(), admin}
	out := t.TempDir()
	session := v.open(map[string]string{"parallelism.default": "1", "an.option-of-others": "it's; -- one"})
	table := func(name string) string {
		return fmt.Sprintf("WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = '%s') -- of a test;", filepath.Join(out, name))
	}
	v.sql(session, "CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '1000');")
	v.sql(session, "CREATE TABLE first_of (n BIGINT) "+table("first_of"))
	v.sql(session, "CREATE TABLE two (n BIGINT) "+table("two"))
	v.sql(session, "CREATE TABLE three (n BIGINT) "+table("three"))
	if got := v.sql(session, "SELECT COUNT(*) FROM numbers"); got[len(got)-1] != `"1000"` {
		t.Errorf("the query's last row is %s", got[len(got)-1])
	}
	jobs := v.sql(session, "INSERT INTO first_of SELECT n FROM numbers")
	// The id of CREATE TABLE AS is not told in a row.
	v.sql(session, "CREATE TABLE copied "+strings.TrimSuffix(table("copied"), " -- of a test;")+" AS SELECT n FROM numbers WHERE n <= 10")
	for _, text := range []string{"BEGIN STATEMENT SET", "INSERT INTO two SELECT n FROM numbers", "INSERT INTO three SELECT n * 2 FROM numbers"} {
		v.sql(session, text)
	}
	jobs = append(jobs, v.sql(session, "END")...)
	jobs = append(jobs, v.sql(session, "INSERT INTO three SELECT -n FROM numbers")...)
	for _, id := range jobs {
		var r restapi.ExecutionResult
		for r.Status.ID != "COMPLETED" {
			v.ask(200, "GET", "/flott/jobs/"+strings.Trim(id, `"`)+"/result", nil, &r)
		}
		if r.Result == nil || r.Result.ApplicationStatus != "SUCCEEDED" {
			t.Errorf("job %s: %+v", id, r.Result.FailureCause.StackTrace)
		}
	}
	f.until("the end of all jobs", func() bool { return !strings.Contains(f.run("list"), "RUNNING") })
	for name, want := range map[string]int{"first_of": 1000, "copied": 10, "two": 1000, "three": 2000} {
		lines := allLines(t, filepath.Join(out, name))
		slices.Sort(lines)
		if distinct := len(slices.Compact(lines)); distinct != want {
			t.Errorf("%s has %d distinct rows, want %d", name, distinct, want)
		}
	}
	if got := strings.Join(v.sql(session, "SHOW JOBS"), "\n"); !strings.Contains(got, strings.Trim(jobs[0], `"`)) {
		t.Errorf("the session's jobs are %s", got)
	}

	// Its process is killed: sessions are lost, and the next one begins another process.
	pids := processesOf(t, f.dir)
	killed := 0
	for _, pid := range pids {
		if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && bytes.Contains(line, []byte("sql-gateway")) {
			kill(t, pid)
			killed++
		}
	}
	if killed != 1 {
		t.Fatalf("%d processes serve SQL", killed)
	}
	f.until("another process", func() bool {
		r, err := http.NewRequest(http.MethodGet, v.url+"/v4/api_versions", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+admin)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode == 200
	})
	if why := v.ask(404, "GET", session, nil, nil); !strings.Contains(why, "does not exist") {
		t.Error(why)
	}
	if got := v.sql(v.open(nil), "SELECT 1 + 1"); !slices.Equal(got, []string{`"2"`}) {
		t.Errorf("the new process says %s", got)
	}
}

// TestFlinkJDBC: the JDBC driver of Flink talks to a JobManager of Flott as to Flink's gateway.
func TestFlinkJDBC(t *testing.T) {
	f := flott{t, t.TempDir()}
	t.Setenv("FLOTT_TOKEN", "")
	t.Log(f.run("cluster", "start", "-D", "taskmanager.numberOfTaskSlots=1", "-D", "rest.port=0", "-D", "jobmanager.rpc.port=0"))
	defer func() { t.Log(f.run("cluster", "stop")) }()
	got := servertest.FlinkJDBC(
		t, f.url(), "SET 'execution.runtime-mode' = 'batch'",
		"CREATE TABLE numbers (n BIGINT, m INT) WITH ('connector' = 'datagen', 'number-of-rows' = '3000')", "SHOW TABLES",
		"SELECT COUNT(*) AS n, COUNT(DISTINCT 1) AS m FROM numbers",
		"SELECT CAST(1.5 AS DECIMAL(10, 2)) AS d, DATE '2024-01-02' AS e, TIMESTAMP '2024-01-02 03:04:05.678' AS f, CAST(NULL AS INT) AS g, 'x' AS h, TRUE AS i",
		"SELECT * FROM nowhere", "CREATE TABLE gone (n BIGINT, m INT) WITH ('connector' = 'blackhole')", "INSERT INTO gone SELECT * FROM numbers",
	)
	if len(got) < 8 {
		t.Fatalf("it says %q", got)
	}
	want := []string{"done", "done", "table name=numbers", "n=3000, m=1", "d=1.50, e=2024-01-02, f=2024-01-02 03:04:05.678, g=null, h=x, i=true", "error: [there is no table nowhere", "done"}
	if !slices.Equal(got[:7], want) || !strings.HasPrefix(got[7], "job id=") {
		t.Errorf("it says\n%s\nwant\n%s\nand the id of a job", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
