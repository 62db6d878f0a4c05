//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/flott-dev/flott/internal/servertest"
)

var (
	proofKills  = flag.Int("kills", 4, "how many workers TestExactlyOnceToPostgres kills")
	proofReport = flag.String("report", "", "a file that TestExactlyOnceToPostgres writes its report to")
)

const (
	proofKeys       = 40
	proofPartitions = 4
	proofPerFile    = 100 // events in a file, of a fifth of a second of event time
	proofFiles      = 48  // that are poured while a process is killed
	// proofAhead is how many files are poured beyond those that are committed. In between the two readers of load may be as far
	// apart as they like, and the windows must wait for that long.
	proofAhead = 90
	proofLate  = "'20' SECOND"
)

// proof is the jobs of TestExactlyOnceToPostgres, and what they read and write:
//
//	files → load → topic events → count → topic results → store → PostgreSQL
//
// The topics are written in transactions, and read committed.
type proof struct {
	t       *testing.T
	cluster *cluster
	kafka   *servertest.Broker
	pg      *servertest.PostgresServer
	jobs    map[string]string // ids by name
	rng     *rand.Rand
	in      string // the directory of files
	files   int
	loaded  chan int // tells how many files are committed in the topic events, each and those before it
	known   int      // of them
	report  bytes.Buffer
}

var proofJobs = []string{"load", "count", "store"}

// TestExactlyOnceToPostgres kills workers of three jobs that hand records over by Kafka, and the broker once. In the end each event and each
// result is in its topic once, for those who read what is committed, and the totals in PostgreSQL are those of a batch job over the
// same files. It can be longer:
//
//	go test ./bench/chaos -run TestExactlyOnceToPostgres -kills 30 -report docs/exactly-once-report.md
func TestExactlyOnceToPostgres(t *testing.T) {
	t.Parallel()
	flott, err := built()
	if err != nil {
		t.Fatal(err)
	}
	p := &proof{t: t, kafka: servertest.NewKafka(t), pg: servertest.NewPostgres(t), rng: rand.New(rand.NewPCG(1, uint64(*proofKills)))}
	dir := t.TempDir()
	if p.cluster, err = newCluster(dir, flott, nil); err != nil {
		t.Fatal(err)
	}
	defer p.cluster.killAll()
	p.in = filepath.Join(dir, "in")
	p.prepare()
	p.follow()
	began := time.Now()
	for i := range *proofKills + 1 {
		done := p.pour()
		time.Sleep(time.Duration(p.rng.IntN(600)) * time.Millisecond)
		if i == *proofKills/2 {
			p.killBroker()
		} else {
			p.killWorker(proofJobs[i%len(proofJobs)])
		}
		<-done
	}
	p.finish()
	p.check()
	fmt.Fprintf(&p.report, "\n%d kills of workers and one of the broker in %v: each of %d events and each result is in its topic once.\n",
		*proofKills, time.Since(began).Round(time.Second), p.files*proofPerFile)
	t.Logf("%s", &p.report)
	if *proofReport != "" && !t.Failed() {
		p.write()
	}
}

// prepare makes topics, tables and jobs.
func (p *proof) prepare() {
	client, err := kgo.NewClient(kgo.SeedBrokers(p.kafka.Address))
	if err != nil {
		p.t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopics(p.t.Context(), proofPartitions, 1, nil, "events", "results"); err != nil {
		p.t.Fatal(err)
	}
	for _, table := range []string{"totals", "reference"} {
		p.pg.Exec(p.t, "postgres", "CREATE TABLE "+table+" (k INT, until TIMESTAMP(3), n BIGINT, total BIGINT, PRIMARY KEY (k, until))")
	}
	p.drop() // a job needs the directory
	p.jobs = map[string]string{}
	for _, name := range proofJobs {
		p.sql(name, proofSQL[name], "--jobmanager", p.cluster.url, "-d")
		jobs, err := p.cluster.client.Jobs(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		p.jobs[name] = jobs[len(jobs)-1].ID
		p.healthy(name)
	}
}

// The jobs in SQL.
const (
	proofSettings = `
SET 'pipeline.name' = '{NAME}';
SET 'parallelism.default' = '2';
SET 'execution.checkpointing.interval' = '200 ms';
SET 'execution.checkpointing.dir' = 'file://{DIR}/checkpoints/{NAME}';
SET 'execution.checkpointing.tolerable-failed-checkpoints' = '1000000';
SET 'restart-strategy.type' = 'fixed-delay';
SET 'restart-strategy.fixed-delay.attempts' = '1000000';
SET 'restart-strategy.fixed-delay.delay' = '100 ms';`
	proofEvent  = "id BIGINT, k INT, v BIGINT, ts TIMESTAMP(3)"
	proofResult = "k INT, until TIMESTAMP(3), n BIGINT, total BIGINT"
	proofKafka  = `'connector' = 'kafka', 'properties.bootstrap.servers' = '{KAFKA}', 'format' = 'json'`
	proofTopic  = proofKafka + `, 'properties.isolation.level' = 'read_committed', 'scan.startup.mode' = 'earliest-offset',
	'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = '{NAME}'`
	proofJDBC   = `'connector' = 'jdbc', 'url' = '{PG}'`
	proofWindow = `SELECT k, window_end, COUNT(*), SUM(v) FROM TABLE(TUMBLE(TABLE {TABLE}, DESCRIPTOR(ts), INTERVAL '1' SECOND))
	GROUP BY k, window_start, window_end`
)

var proofSQL = map[string]string{
	"load": proofSettings + `
CREATE TABLE files (` + proofEvent + `) WITH ('connector' = 'filesystem', 'path' = '{IN}', 'format' = 'json', 'source.monitor-interval' = '50 ms');
CREATE TABLE events (` + proofEvent + `) WITH (` + proofTopic + `, 'topic' = 'events', 'key.format' = 'json', 'key.fields' = 'k');
INSERT INTO events SELECT * FROM files;`,
	"count": proofSettings + `
CREATE TABLE events (` + proofEvent + `, WATERMARK FOR ts AS ts - INTERVAL ` + proofLate + `) WITH (` + proofTopic + `, 'topic' = 'events');
CREATE TABLE results (` + proofResult + `) WITH (` + proofTopic + `, 'topic' = 'results');
INSERT INTO results ` + strings.ReplaceAll(proofWindow, "{TABLE}", "events") + `;`,
	"store": proofSettings + `
CREATE TABLE results (` + proofResult + `) WITH (` + proofTopic + `, 'topic' = 'results');
CREATE TABLE totals (` + proofResult + `, PRIMARY KEY (k, until) NOT ENFORCED) WITH (` + proofJDBC + `, 'table-name' = 'totals');
INSERT INTO totals SELECT * FROM results;`,
	"reference": `
SET 'execution.runtime-mode' = 'BATCH';
CREATE TABLE files (` + proofEvent + `, WATERMARK FOR ts AS ts) WITH ('connector' = 'filesystem', 'path' = '{IN}', 'format' = 'json');
CREATE TABLE reference (` + proofResult + `, PRIMARY KEY (k, until) NOT ENFORCED) WITH (` + proofJDBC + `, 'table-name' = 'reference');
CREATE VIEW events AS SELECT * FROM files WHERE id >= 0;
INSERT INTO reference ` + strings.ReplaceAll(proofWindow, "{TABLE}", "events") + `;`,
}

// sql runs a script.
func (p *proof) sql(name, text string, args ...string) {
	p.t.Helper()
	file := filepath.Join(p.cluster.dir, name+".sql")
	text = strings.NewReplacer("{NAME}", name, "{DIR}", p.cluster.dir, "{IN}", p.in, "{KAFKA}", p.kafka.Address, "{PG}", p.pg.URL("postgres")).Replace(text)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.Command(p.cluster.flott, append([]string{"sql", "-f", file}, args...)...)
	cmd.Env = p.cluster.environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// pour adds files one after the other, for about a second, so that there are always records which are not committed yet.
func (p *proof) pour() (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		for range proofFiles {
			p.wait(p.files - proofAhead)
			p.drop()
			time.Sleep(time.Second / proofFiles)
		}
	}()
	return done
}

// follow reads the topic events as it grows, and counts the files that are in it.
func (p *proof) follow() {
	client, err := kgo.NewClient(kgo.SeedBrokers(p.kafka.Address), kgo.ConsumeTopics("events"), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.loaded = make(chan int, 1)
	over := make(chan struct{})
	p.t.Cleanup(func() {
		cancel()
		<-over
		client.Close()
	})
	go func() {
		defer close(over)
		p.count(ctx, client)
	}()
}

func (p *proof) count(ctx context.Context, client *kgo.Client) {
	events, whole := map[int]int{}, 0 // of files
	for ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) { // errors are those of the broker that is killed
			var e struct{ ID int }
			if err := json.Unmarshal(r.Value, &e); err != nil {
				p.t.Errorf("%s: %v", r.Value, err)
			} else if e.ID >= 0 {
				events[e.ID/proofPerFile]++
			}
		})
		before := whole
		for events[whole] >= proofPerFile {
			whole++
		}
		if whole == before {
			continue
		}
		select {
		case <-p.loaded: // nobody has asked for the last count
		default:
		}
		p.loaded <- whole
	}
}

// wait waits until the first n files are committed.
func (p *proof) wait(n int) {
	late := time.After(awaitTimeout)
	for p.known < n {
		select {
		case p.known = <-p.loaded:
		case <-late:
			p.t.Errorf("%d of %d files are committed in the topic events", p.known, n)
			return
		}
	}
}

// drop adds a file.
func (p *proof) drop() {
	rng := rand.New(rand.NewPCG(2, uint64(p.files)))
	var lines bytes.Buffer
	for i := range proofPerFile {
		id := p.files*proofPerFile + i
		fmt.Fprintf(&lines, `{"id":%d,"k":%d,"v":%d,"ts":"%s"}`+"\n", id, rng.IntN(proofKeys), rng.IntN(1000), p.time(id))
	}
	p.put(&lines)
	p.files++
}

// time is the event time of an event.
func (p *proof) time(id int) string {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(id) * time.Second / 5 / proofPerFile)
	return at.Format("2006-01-02 15:04:05.000")
}

// put adds a file as a whole.
func (p *proof) put(lines *bytes.Buffer) {
	hidden := filepath.Join(p.cluster.dir, "next")
	err := errors.Join(os.MkdirAll(p.in, 0o700), os.WriteFile(hidden, lines.Bytes(), 0o600),
		os.Rename(hidden, filepath.Join(p.in, fmt.Sprintf("%06d.json", p.files))))
	if err != nil {
		p.t.Error(err)
	}
}

// of is the cluster with one of the jobs.
func (p *proof) of(job string) *cluster {
	c := *p.cluster
	c.jobID, c.well = p.jobs[job], true
	return &c
}

func (p *proof) healthy(job string) {
	p.t.Helper()
	if _, err := p.of(job).healthy(p.t.Context()); err != nil {
		p.t.Fatalf("%s: %v", job, err)
	}
}

func (p *proof) killWorker(job string) {
	p.t.Helper()
	c := p.of(job)
	before, err := c.health(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	w, err := c.victim(p.rng)
	if err != nil {
		p.t.Fatal(err)
	}
	began := time.Now()
	if err := syscall.Kill(w.pid, syscall.SIGKILL); err != nil {
		p.t.Fatal(err)
	}
	if _, err := c.await(p.t.Context(), "it runs again", func(h health) bool { return h.running && h.restarts > before.restarts }); err != nil {
		p.t.Fatalf("%s: %v", job, err)
	}
	runs := time.Since(began)
	p.healthy(job)
	p.say("a worker of "+job, runs, time.Since(began))
}

// killBroker kills the broker, and starts it again after a second.
func (p *proof) killBroker() {
	began := time.Now()
	p.kafka.Kill()
	time.Sleep(time.Second)
	p.kafka.Start(p.t)
	back := time.Since(began)
	for _, job := range proofJobs {
		p.healthy(job)
	}
	p.say("the broker, which is back then", back, time.Since(began))
}

func (p *proof) say(what string, runs, checkpoints time.Duration) {
	if p.report.Len() == 0 {
		p.report.WriteString("| SIGKILL of | runs again after | two checkpoints after |\n| --- | --- | --- |\n")
	}
	fmt.Fprintf(&p.report, "| %s | %d ms | %d ms |\n", what, runs.Milliseconds(), checkpoints.Milliseconds())
}

// finish lets the last windows end, by an event of a later time for each key when all others are there, and waits until all results are stored.
func (p *proof) finish() {
	p.t.Helper()
	p.sql("reference", proofSQL["reference"])
	p.wait(p.files)
	var lines bytes.Buffer
	for k := range proofKeys {
		fmt.Fprintf(&lines, `{"id":%d,"k":%d,"v":0,"ts":"2027-01-01 00:00:00.000"}`+"\n", -1-k, k)
	}
	p.put(&lines)
	want := p.pg.Query(p.t, "postgres", "SELECT count(*) FROM reference")[0]
	for late := time.Now().Add(awaitTimeout); p.pg.Query(p.t, "postgres", "SELECT count(*) FROM totals")[0] != want; time.Sleep(pollInterval) {
		if time.Now().After(late) {
			p.t.Errorf("PostgreSQL has %v results, want %s", p.pg.Query(p.t, "postgres", "SELECT count(*) FROM totals"), want)
			p.check()
			p.t.FailNow()
		}
	}
	ctx := p.t.Context()
	for _, job := range proofJobs {
		if err := p.cluster.client.Cancel(ctx, p.jobs[job]); err != nil {
			p.t.Fatal(err)
		}
		if state, err := p.cluster.client.State(ctx, p.jobs[job]); err != nil || !state.Done() {
			_ = p.cluster.client.Wait(ctx, p.jobs[job]) // that it was cancelled
		}
	}
	if err := p.cluster.stop(); err != nil {
		p.t.Error(err)
	}
}

// check compares the totals, and counts what is in the topics.
func (p *proof) check() {
	const differences = "SELECT * FROM ((TABLE totals EXCEPT TABLE reference) UNION ALL (TABLE reference EXCEPT TABLE totals)) AS d ORDER BY until, k LIMIT 50"
	if wrong := p.pg.Query(p.t, "postgres", differences); len(wrong) > 0 {
		p.t.Errorf("the totals differ from those of the batch job: %v", wrong)
	}
	events, results := map[int]int{}, map[string]int{}
	p.read("events", func(value []byte) error {
		var e struct{ ID int }
		err := json.Unmarshal(value, &e)
		events[e.ID]++
		return err
	})
	p.read("results", func(value []byte) error {
		var r struct {
			K     int
			Until string
		}
		err := json.Unmarshal(value, &r)
		results[fmt.Sprintf("%d until %s", r.K, r.Until)]++
		return err
	})
	for id := -proofKeys; id < p.files*proofPerFile; id++ {
		if events[id] != 1 {
			p.t.Errorf("event %d is in the topic %d times", id, events[id])
		}
	}
	for result, n := range results {
		if n != 1 {
			p.t.Errorf("the result of key %s is in the topic %d times", result, n)
		}
	}
	if n := p.pg.Query(p.t, "postgres", "SELECT count(*) FROM totals")[0]; fmt.Sprint(len(results)) != n {
		p.t.Errorf("%d results are in the topic, %s in PostgreSQL", len(results), n)
	}
}

// read reads what is committed of a topic.
func (p *proof) read(topic string, f func(value []byte) error) {
	p.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(p.kafka.Address), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.KeepControlRecords())
	if err != nil {
		p.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(p.t.Context(), awaitTimeout)
	defer cancel()
	ends, err := kadm.NewClient(client).ListCommittedOffsets(ctx, topic)
	if err != nil {
		p.t.Fatal(err)
	}
	left := map[int32]bool{}
	ends.Each(func(o kadm.ListedOffset) { left[o.Partition] = o.Offset > 0 })
	for more := true; more; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			p.t.Fatalf("%s: %v", topic, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if end, _ := ends.Lookup(topic, r.Partition); r.Offset+1 >= end.Offset {
				left[r.Partition] = false
			}
			if r.Attrs.IsControl() {
				return
			}
			if err := f(r.Value); err != nil {
				p.t.Fatalf("%s: %s: %v", topic, r.Value, err)
			}
		})
		more = false
		for _, l := range left {
			more = more || l
		}
	}
}

// write writes the report.
func (p *proof) write() {
	p.t.Helper()
	text := fmt.Sprintf(`# Exactly once, from files to PostgreSQL by way of Kafka

Written by

    go test ./bench/chaos -run TestExactlyOnceToPostgres -kills %d -report docs/exactly-once-report.md

Three jobs in SQL on a cluster hand records over: files are loaded into the topic events, windows of a second are counted into the topic results, and these are stored in PostgreSQL. Both topics are written in transactions and read committed; checkpoints
are taken each 200 ms. A random worker of each job in turn is killed at a random instant while files come, and the next one when that job has taken two checkpoints again. Then a consumer reads what is committed of both topics, and the totals in PostgreSQL are compared with those of
a batch job over the same files.

`, *proofKills) + p.report.String()
	if err := os.WriteFile(*proofReport, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}
