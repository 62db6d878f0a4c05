package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// panicVariable makes the test binary the program of a job whose operator has a secret, and panics.
const panicVariable = "FLOTT_TEST_PANIC"

// panicJob panics with nothing secret.
func panicJob() error {
	env := stream.NewEnv(stream.Restart(stream.NoRestart()))
	numbers := stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{Count: 10}))
	stream.Open(numbers, func(task *stream.Task) (func(int64) (int64, error), error) {
		password := task.Param("db.password")
		if password == "" {
			return nil, fmt.Errorf("the job has no password")
		}
		return func(v int64) (int64, error) { return login(password, v), nil }, nil
	}).To(discard.To[int64]())
	return launch.Run(context.Background(), env, "panics", launch.PassEnvironment(panicVariable))
}

//go:noinline
func login(password string, v int64) int64 {
	if len(password) > 0 {
		panic("the server is not there")
	}
	return v
}

// planter makes secrets, and looks for them where they must not be.
type planter struct {
	t       *testing.T
	secrets map[string]string // what each is of
}

// secret is one that nothing else has.
func (p *planter) secret(of string) string {
	s := "planted" + rand.Text()
	p.secrets[s] = of
	return s
}

// look wants none in a text.
func (p *planter) look(where string, text []byte) {
	p.t.Helper()
	for s, of := range p.secrets {
		if i := bytes.Index(text, []byte(s)); i >= 0 {
			p.t.Errorf("%s has the secret of %s: %q", where, of, text[max(0, i-200):min(len(text), i+len(s)+50)])
		}
	}
}

// files looks into all files below a directory.
func (p *planter) files(dir string) (n int) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		p.look(path, text)
		n++
		return err
	})
	if err != nil {
		p.t.Error(err)
	}
	return n
}

// patience is how long a job may go on trying to reach a server that is not there; then it is left alone.
const patience = 20 * time.Second

// tries runs a command that fails, or is ended after some time, and returns what it says.
func (f flott) tries(args ...string) []byte {
	cmd := f.command(flottVariable, "1", args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	giveUp := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer giveUp.Stop()
	if err := cmd.Wait(); err == nil {
		f.t.Errorf("flott %s does not fail: %s", strings.Join(args, " "), &said)
	}
	return said.Bytes()
}

// tables are tables with secrets, at servers that are not there; insert is what writes to them.
func (p *planter) tables() map[string]string {
	sink := func(options string, a ...any) string {
		return "CREATE TABLE t (a BIGINT, b STRING) WITH (" + fmt.Sprintf(options, a...) + ");\nINSERT INTO t VALUES (1, 'x');\n"
	}
	source := func(options string, a ...any) string {
		return "CREATE TABLE t (a BIGINT, b STRING, PRIMARY KEY (a) NOT ENFORCED) WITH (" + fmt.Sprintf(options, a...) + ");\n" +
			"CREATE TABLE o (a BIGINT, b STRING, PRIMARY KEY (a) NOT ENFORCED) WITH ('connector' = 'blackhole');\nINSERT INTO o SELECT * FROM t;\n"
	}
	const kafka = `'connector' = 'kafka', 'topic' = 't', 'format' = 'json', 'properties.bootstrap.servers' = '127.0.0.1:1', 'properties.default.api.timeout.ms' = '500', 'properties.request.timeout.ms' = '200',
		'properties.security.protocol' = 'SASL_PLAINTEXT', 'properties.sasl.mechanism' = 'PLAIN', 'properties.sasl.jaas.config' = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="%s";'`
	return map[string]string{
		"jdbc":             sink("'connector' = 'jdbc', 'url' = 'jdbc:postgresql://127.0.0.1:1/db?connectTimeout=1', 'table-name' = 't', 'username' = 'u', 'password' = '%s', 'connection.max-retry-timeout' = '1 s'", p.secret("jdbc")),
		"jdbc's url":       sink("'connector' = 'jdbc', 'url' = 'jdbc:postgresql://127.0.0.1:1/db?user=u&password=%s', 'table-name' = 't', 'connection.max-retry-timeout' = '1 s'", p.secret("jdbc's url")),
		"jdbc's user":      sink("'connector' = 'jdbc', 'url' = 'postgres://u:%s@127.0.0.1:1/db', 'table-name' = 't', 'connection.max-retry-timeout' = '1 s'", p.secret("jdbc's user")),
		"jdbc, read":       source("'connector' = 'jdbc', 'url' = 'postgres://u:%s@127.0.0.1:1/db', 'table-name' = 't', 'connection.max-retry-timeout' = '1 s'", p.secret("jdbc, read")),
		"jdbc, wrong":      sink("'connector' = 'jdbc', 'url' = 'postgres://u:%s@127.0.0.1:port/db', 'table-name' = 't'", p.secret("jdbc, wrong")),
		"jdbc, odd":        sink("'connector' = 'jdbc', 'url' = 'jdbc:postgresql://127.0.0.1:1/db?pasword=%s', 'table-name' = 't'", p.secret("jdbc, odd")),
		"kafka":            sink(kafka, p.secret("kafka")),
		"kafka, read":      source(kafka+", 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset'", p.secret("kafka, read")),
		"kafka, wrong":     sink(strings.Replace(kafka, "username=", "user ", 1), p.secret("kafka, wrong")),
		"kafka, odd":       sink(kafka+", 'properties.sasl.pasword' = '%s'", p.secret("kafka, odd"), p.secret("kafka, odd key")),
		"kafka's key":      sink(kafka+", 'properties.ssl.keystore.key' = '%s'", p.secret("kafka's key"), p.secret("kafka's other key")),
		"nats":             sink("'connector' = 'nats', 'connect.timeout' = '1 s', 'servers' = 'nats://127.0.0.1:1', 'stream' = 's', 'subject' = 's.x', 'format' = 'json', 'token' = '%s'", p.secret("nats")),
		"nats' user":       sink("'connector' = 'nats', 'connect.timeout' = '1 s', 'servers' = 'nats://u:%s@127.0.0.1:1', 'stream' = 's', 'subject' = 's.x', 'format' = 'json'", p.secret("nats' user")),
		"nats' password":   source("'connector' = 'nats', 'connect.timeout' = '1 s', 'servers' = 'nats://127.0.0.1:1', 'stream' = 's', 'subject' = 's.x', 'format' = 'json', 'user' = 'u', 'password' = '%s'", p.secret("nats' password")),
		"http":             sink("'connector' = 'http', 'url' = 'http://127.0.0.1:1/x', 'format' = 'json', 'retry.timeout' = '1 ms', 'token' = '%s', 'headers' = 'X-Api-Key: %s'", p.secret("http"), p.secret("http's header")),
		"http's url":       sink("'connector' = 'http', 'url' = 'http://u:%s@127.0.0.1:1/x?api_key=%s', 'format' = 'json', 'retry.timeout' = '1 ms'", p.secret("http's url"), p.secret("http's query")),
		"http, read":       source("'connector' = 'http', 'url' = 'http://u:%s@127.0.0.1:1/x?api_key=%s', 'format' = 'json', 'retry.timeout' = '1 ms', 'scan.bounded.mode' = 'latest'", p.secret("http's url, read"), p.secret("http's query, read")),
		"http, wrong":      sink("'connector' = 'http', 'url' = 'http://u:%s@127.0.0.1:port/x', 'format' = 'json'", p.secret("http, wrong")),
		"http, odd header": sink("'connector' = 'http', 'url' = 'http://127.0.0.1:1/x', 'format' = 'json', 'headers' = '%s'", p.secret("http, odd header")),
		"postgres-cdc":     source("'connector' = 'postgres-cdc', 'connect.timeout' = '1 s', 'hostname' = '127.0.0.1', 'port' = '1', 'database-name' = 'd', 'schema-name' = 'public', 'table-name' = 't', 'slot.name' = 's', 'username' = 'u', 'password' = '%s'", p.secret("postgres-cdc")),
		"a registry":       sink(strings.Replace(kafka, "'format' = 'json', ", "", 1)+", 'value.format' = 'avro-confluent', 'value.avro-confluent.url' = 'http://127.0.0.1:1', 'value.avro-confluent.basic-auth.user-info' = 'u:%s'", p.secret("a registry's kafka"), p.secret("a registry")),
		"an object store":  sink("'connector' = 'filesystem', 'path' = 's3://bucket/path', 'format' = 'json'"),
		"an odd option":    sink("'connector' = 'jdbc', 'url' = 'jdbc:postgresql://127.0.0.1:1/db', 'table-name' = 't', 'username' = 'u', 'passwort' = '%s', 'password' = '%s'", p.secret("an odd option"), p.secret("an option beside an odd one")),
		"a password alone": sink("'connector' = 'jdbc', 'url' = 'jdbc:postgresql://127.0.0.1:1/db', 'table-name' = 't', 'password' = '%s'", p.secret("a password alone")),
		"another type":     sink("'connector' = 'jdbc', 'url' = 'jdbc:postgresql://127.0.0.1:1/db', 'table-name' = 't', 'sink.max-retries' = 'x', 'username' = 'u', 'password' = '%s'", p.secret("another type")),
	}
}

// TestSecretsAreNotShown plants secrets wherever some are given, has jobs fail with them, and crashes processes. No log, no answer of
// the REST interface and no message has one.
func TestSecretsAreNotShown(t *testing.T) {
	f := flott{t, t.TempDir()}
	p := &planter{t, map[string]string{}}
	token, conf := p.secret("FLOTT_TOKEN"), filepath.Join(t.TempDir(), "flott.yaml")
	credentials := filepath.Join(filepath.Dir(conf), "credentials")
	for path, text := range map[string]string{
		credentials: "viewer grafana " + p.secret("the file of credentials") + "\n",
		conf: fmt.Sprintf("high-availability.etcd.username: u\nhigh-availability.etcd.password: %s\npipeline.global-job-parameters: {db.password: %s, api-token: %s}\n"+
			"security.rest.credentials-file: %s\nrestart-strategy.type: none\nrest.port: 0\nmetrics.reporters: prom\nmetrics.reporter.prom.port: 0\njobmanager.rpc.port: 0\ntaskmanager.numberOfTaskSlots: 40\n",
			p.secret("etcd"), p.secret("a parameter"), p.secret("another parameter"), credentials),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("FLOTT_TOKEN", token)
	t.Setenv("FLOTT_CONF", conf)
	t.Setenv("AWS_SECRET_ACCESS_KEY", p.secret("AWS_SECRET_ACCESS_KEY"))
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	t.Setenv("FLOTT_NATS_TOKEN", p.secret("FLOTT_NATS_TOKEN"))
	p.look("cluster start", []byte(f.run("cluster", "start")))
	stopped := false
	defer func() {
		if !stopped {
			f.run("cluster", "stop")
		}
	}()
	url := f.url()
	for name, text := range p.tables() {
		path := filepath.Join(t.TempDir(), "job.sql")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p.look("flott sql with "+name, f.tries("sql", "--jobmanager", url, "-f", path))
		create, insert, _ := strings.Cut(text, "\nINSERT")
		explained, _ := f.command(flottVariable, "1", "sql", "-e", create+"\nEXPLAIN INSERT"+insert).CombinedOutput()
		p.look("EXPLAIN with "+name, explained)
	}
	broken := f.fails("sql", "-e", "CREATE TABLE t (a INT) WITH ('connector' = 'jdbc', 'password' = '"+p.secret("a statement that is no SQL")+"' 'url' = 'x')")
	p.look("a statement that is no SQL", []byte(broken))
	job := f.command(panicVariable, "1")
	job.Env = append(job.Env, launch.JobManagerVariable+"="+url)
	out, err := job.CombinedOutput()
	if p.look("the program of a job that panics", out); err == nil || !bytes.Contains(out, []byte("the server is not there")) {
		t.Errorf("the job does not panic: %v: %s", err, out)
	}
	for _, args := range [][]string{{"config", "--all"}, {"config"}, {"list", "-a"}, {"info", "panics"}, {"cluster", "status"}, {"logs"}, {"logs", "panics"}, {"log-level"}} {
		said, _ := f.command(flottVariable, "1", args...).CombinedOutput()
		p.look("flott "+strings.Join(args, " "), said)
	}
	if n := p.answers(url, token); n < 100 {
		t.Errorf("only %d answers were looked at", n)
	}
	status, _, scraped := f.scrape(f.metricsURL(), token)
	if p.look("a scrape", []byte(scraped)); status != 200 {
		t.Errorf("a scrape: %d %s", status, scraped)
	}
	for _, process := range []string{"jobmanager", "taskmanager-1"} {
		if err := syscall.Kill(f.pid(process), syscall.SIGABRT); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(f.dir, "flott", "default", "log")
	f.until("a dump of both", func() bool {
		dumps := 0
		for _, name := range []string{"jobmanager.log", "taskmanager-1.log"} {
			text, _ := os.ReadFile(filepath.Join(dir, name))
			if bytes.Contains(text, []byte("SIGABRT: abort")) && bytes.Contains(text, []byte("main.main()")) {
				dumps++
			}
		}
		return dumps == 2
	})
	f.run("cluster", "stop")
	stopped = true
	if n := p.files(dir); n < 2 {
		t.Errorf("there are only %d logs", n)
	}
}

var routePattern = regexp.MustCompile("(?m)^\\| GET \\| `(/[^`]*)` \\|")

// answers looks at what each route that is read answers, of each job and TaskManager.
func (p *planter) answers(url, token string) (n int) {
	text, err := os.ReadFile("../../docs/rest.md")
	if err != nil {
		p.t.Fatal(err)
	}
	get := func(path string) []byte {
		r, err := http.NewRequest("GET", url+path, nil)
		if err != nil {
			p.t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			p.t.Fatal(err)
		}
		defer resp.Body.Close()
		defer http.DefaultClient.CloseIdleConnections()
		read := io.ReadAll
		if strings.HasSuffix(path, "/events") {
			read = firstEvents
		}
		body, err := read(resp.Body)
		if err != nil {
			p.t.Fatal(err)
		}
		if packed, err := gzip.NewReader(bytes.NewReader(body)); err == nil { // a profile
			if body, err = io.ReadAll(packed); err != nil {
				p.t.Fatal(err)
			}
		}
		p.look("GET "+path, body)
		p.look("the header of GET "+path, fmt.Append(nil, resp.Header))
		n++
		return body
	}
	// of are the values of a parameter: what a list has below a key, for each of what is above.
	type list struct{ path, key string }
	lists := map[string]list{
		"{jobid}": {"/jobs", "id"}, "{vertexid}": {"/jobs/{jobid}", "id"}, "{taskmanagerid}": {"/taskmanagers", "id"}, "{filename}": {"/taskmanagers/{taskmanagerid}/logs", "name"},
		"{process}": {"/flott/processes", "name"},
	}
	var expand func(path string) []string
	expand = func(path string) (all []string) {
		path = strings.NewReplacer("{subtaskindex}", "0", "{attempt}", "0", "{checkpointid}", "1", "{triggerid}", strings.Repeat("0", 32), "{kind}", "heap").Replace(path)
		start := strings.Index(path, "{")
		if start < 0 {
			return []string{path}
		}
		name := path[start : strings.Index(path, "}")+1]
		l, ok := lists[name]
		if !ok {
			return nil // executables
		}
		above := l.path
		if name == "{vertexid}" {
			above = path[:start-len("/vertices/")]
			if i := strings.Index(path, "/checkpoints/"); i > 0 {
				above = path[:i]
			}
		} else if name == "{filename}" {
			above = path[:start-1]
		}
		for _, value := range valuesOf(get(above), l.key) {
			all = append(all, expand(strings.Replace(path, name, value, 1))...)
		}
		return all
	}
	for _, m := range routePattern.FindAllStringSubmatch(string(text), -1) {
		for _, path := range expand(m[1]) {
			get(path)
		}
	}
	return n
}

// firstEvents reads the events that come at once, of a stream that has no end.
func firstEvents(r io.Reader) (all []byte, err error) {
	b := bufio.NewReaderSize(r, 1<<20)
	for {
		line, err := b.ReadBytes('\n')
		all = append(all, line...)
		if err != nil || len(line) == 1 && b.Buffered() == 0 {
			return all, err
		}
	}
}

// valuesOf are the texts below a key, of objects in the first list of an object.
func valuesOf(body []byte, key string) (all []string) {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		return nil
	}
	for _, list := range []string{"jobs", "vertices", "taskmanagers", "logs", "processes"} {
		var items []map[string]any
		if json.Unmarshal(object[list], &items) != nil {
			continue
		}
		for _, item := range items {
			if v, ok := item[key].(string); ok {
				all = append(all, v)
			}
		}
	}
	return all
}
