package nats_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/connect/nats"
	"github.com/flott-dev/flott/internal/servertest"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/stream"
)

// TestJobWritesEachRecordOnce runs a job from one stream to another that fails again and again, whose server is killed, and which
// goes on with another parallelism. Each message is there once.
func TestJobWritesEachRecordOnce(t *testing.T) {
	const total = 3000
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server := servertest.NewNATS(t)
	nc, err := client.Connect(server.URL, client.MaxReconnects(-1), client.ReconnectWait(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"in", "out"} {
		if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}}); err != nil {
			t.Fatal(err)
		}
	}
	there := nats.Connection{Servers: []string{server.URL}}
	var seen, failures atomic.Int64
	dir := t.TempDir()
	start := func(parallelism int) *launch.Job {
		env := stream.NewEnv(stream.Parallelism(parallelism), stream.MaxParallelism(8), stream.Checkpoint(20*time.Millisecond),
			stream.CheckpointDir(dir), stream.Restart(stream.FixedDelay(1000, time.Millisecond)))
		in := stream.From(env, nats.Source(nats.SourceOptions{
			Connection: there, Streams: []string{"in"}, EachSubject: true, Discover: 20 * time.Millisecond,
		}, func(m *nats.Message) (string, error) { return string(m.Data), nil })).UID("in")
		fails := stream.TryMap(in, func(v string) (string, error) {
			if seen.Add(1)%200 == 0 && failures.Add(1) <= 5 {
				return "", errors.New("it fails now and then")
			}
			return v, nil
		})
		fails.To(nats.Sink(nats.SinkOptions{
			Connection: there, Stream: "out", Subject: "out.x", Guarantee: nats.ExactlyOnce,
		}, func(m *nats.Message, v string) error {
			m.Data = []byte(v)
			return nil
		})).UID("out")
		job, err := launch.Start(ctx, env, "copy")
		if err != nil {
			t.Fatal(err)
		}
		return job
	}
	put := func(subject string, from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			if _, err := js.PublishAsync(subject, strconv.AppendInt(nil, int64(i), 10)); err != nil {
				t.Fatal(err)
			}
		}
		<-js.PublishAsyncComplete()
	}
	written := func() (info *jetstream.StreamInfo) {
		once, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		s, err := js.Stream(once, "out")
		if err != nil && ctx.Err() != nil {
			t.Fatal(err)
		}
		if err == nil {
			info = s.CachedInfo()
		}
		return info
	}
	until := func(n uint64) {
		t.Helper()
		for info := written(); info == nil || info.State.Msgs < n; info = written() {
		}
	}
	job := start(2)
	put("in.a", 0, total/3)
	until(total / 6)
	server.Kill()
	server.Start(t)
	until(total / 3)
	job.Cancel()
	_ = job.Wait()
	job = start(3)
	put("in.b", total/3, 2*total/3)
	until(2 * total / 3)
	put("in.c", 2*total/3, total)
	until(total)
	job.Stop()
	if err := job.Wait(); err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(ctx, "out")
	if err != nil {
		t.Fatal(err)
	}
	copies := map[string]int{}
	for n := uint64(1); n <= s.CachedInfo().State.LastSeq; n++ {
		m, err := s.GetMsg(ctx, n)
		if err != nil {
			t.Fatal(err)
		}
		copies[string(m.Data)]++
	}
	for i := range total {
		if n := copies[strconv.Itoa(i)]; n != 1 {
			t.Errorf("%d is there %d times", i, n)
		}
	}
	if failures.Load() < 5 {
		t.Errorf("the job has failed %d times", failures.Load())
	}
}

// TestSQL writes a stream and reads it, with columns in the subject and metadata columns.
func TestSQL(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		at, stop := server("ORDERS")
		defer stop()
		testSQL(t, at)
	})
	t.Run("package", func(t *testing.T) {
		s := servertest.NewNATS(t)
		nc, err := client.Connect(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		js, err := jetstream.New(nc)
		if err == nil {
			_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"ORDERS.>"}})
		}
		if err != nil {
			t.Fatal(err)
		}
		testSQL(t, s.URL)
	})
}

func testSQL(t *testing.T, at string) {
	s := sql.NewSession(sql.With(all.Factories(), all.Formats()), sql.On(launch.Executor()), sql.Set("execution.runtime-mode", "batch"))
	run := func(text string) (rows []string) {
		t.Helper()
		r, err := s.Execute(t.Context(), text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		defer r.Close()
		for b, err := range r.Batches() {
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			for i := range b.N {
				rows = append(rows, string(r.AppendJSON(nil, b, i)))
			}
		}
		slices.Sort(rows)
		return rows
	}
	run(`CREATE TABLE orders (
		id BIGINT, region STRING, h MAP<STRING, STRING> METADATA FROM 'headers', ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
		subject STRING METADATA VIRTUAL, n BIGINT METADATA FROM 'sequence' VIRTUAL
	) WITH ('connector' = 'nats', 'servers' = '` + at + `', 'stream' = 'ORDERS', 'subject' = 'ORDERS.{region}', 'format' = 'json',
		'sink.delivery-guarantee' = 'exactly-once', 'scan.bounded.mode' = 'latest')`)
	run(`INSERT INTO orders VALUES (1, 'eu', MAP['k', 'v']), (2, 'us', CAST(NULL AS MAP<STRING, STRING>))`)
	got := run(`SELECT id, region, h['k'] AS h, subject, n, CAST(ts AS STRING) LIKE '20%' AS ts FROM orders`)
	want := []string{
		`{"id":1,"region":"eu","h":"v","subject":"ORDERS.eu","n":1,"ts":true}`, `{"id":2,"region":"us","h":null,"subject":"ORDERS.us","n":2,"ts":true}`,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}
