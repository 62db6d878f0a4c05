package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/connect/kafka"
	"github.com/flott-dev/flott/internal/servertest"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

// broker is a Kafka within the test's process.
func broker(t *testing.T, partitions int32, topics ...string) (addresses []string, client *kgo.Client) {
	t.Helper()
	k, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.SeedTopics(partitions, topics...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	client, err = kgo.NewClient(kgo.SeedBrokers(k.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return k.ListenAddrs(), client
}

func put(t *testing.T, client *kgo.Client, topic string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		client.Produce(context.Background(), &kgo.Record{Topic: topic, Key: fmt.Append(nil, i), Value: fmt.Append(nil, i)}, nil)
	}
	if err := client.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// consume reads the committed values of a topic until there are so many.
func consume(t *testing.T, brokers []string, topic string, n int) (values []string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for len(values) < n && ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}

// TestJobWritesEachRecordOnce runs a job from one topic to another that fails again and again, is stopped, and goes on with another
// parallelism, while records, and then partitions, come. Each is there once, and the group's offsets follow.
func TestJobWritesEachRecordOnce(t *testing.T) {
	const total = 3000
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	brokers, client := broker(t, 3, "in", "out")
	admin := kadm.NewClient(client)
	var seen, failures atomic.Int64
	dir := t.TempDir()
	start := func(parallelism int) *launch.Job {
		env := stream.NewEnv(stream.Parallelism(parallelism), stream.MaxParallelism(8), stream.Checkpoint(20*time.Millisecond),
			stream.CheckpointDir(dir), stream.Restart(stream.FixedDelay(1000, time.Millisecond)))
		in := stream.From(env, kafka.Source(kafka.SourceOptions{
			Brokers: brokers, Topics: []string{"in"}, Group: "g", Discover: 20 * time.Millisecond,
		}, func(r *kafka.Record) (string, error) { return string(r.Value), nil })).UID("in")
		fails := stream.TryMap(in, func(v string) (string, error) {
			if seen.Add(1)%700 == 0 {
				failures.Add(1)
				return "", errors.New("it fails now and then")
			}
			return v, nil
		})
		fails.To(kafka.Sink(kafka.SinkOptions{
			Brokers: brokers, Topic: "out", Guarantee: kafka.ExactlyOnce, TransactionPrefix: "job",
		}, func(r *kafka.Record, v string) error {
			r.Value = []byte(v)
			return nil
		})).UID("out")
		job, err := launch.Start(ctx, env, "copy")
		if err != nil {
			t.Fatal(err)
		}
		return job
	}
	job := start(2)
	put(t, client, "in", 0, total/3)
	consume(t, brokers, "out", total/3)
	job.Cancel()
	_ = job.Wait()
	job = start(3)
	put(t, client, "in", total/3, 2*total/3)
	if _, err := admin.CreatePartitions(ctx, 2, "in"); err != nil {
		t.Fatal(err)
	}
	client.ForceMetadataRefresh()
	consume(t, brokers, "out", 2*total/3)
	put(t, client, "in", 2*total/3, total)
	consume(t, brokers, "out", total)
	for lag := int64(1); lag > 0; {
		if ctx.Err() != nil {
			t.Fatal("the group's offsets do not follow")
		}
		offsets, err := admin.FetchOffsetsForTopics(ctx, "g", "in")
		if err != nil {
			t.Fatal(err)
		}
		ends, err := admin.ListEndOffsets(ctx, "in")
		if err != nil {
			t.Fatal(err)
		}
		lag = 0
		ends.Each(func(o kadm.ListedOffset) { lag += o.Offset - max(0, offsets["in"][o.Partition].At) })
	}
	job.Cancel()
	_ = job.Wait()
	got, err := connecttest.NewDriver(t, kafka.Source(kafka.SourceOptions{
		Brokers: brokers, Topics: []string{"out"}, Stop: new(kafka.Latest()), Properties: map[string]string{"isolation.level": "read_committed"},
	}, func(r *kafka.Record) (string, error) { return string(r.Value), nil }), 1, nil).Read(0)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	for i := range got {
		if i > 0 && got[i] == got[i-1] {
			t.Errorf("%s is there twice", got[i])
		}
	}
	if len(got) != total {
		t.Errorf("%d records, want %d", len(got), total)
	}
	if failures.Load() < 3 {
		t.Errorf("the job has failed %d times", failures.Load())
	}
}

// TestSQL writes a topic and reads it, with keys and metadata columns of other types than the connector has.
func TestSQL(t *testing.T) {
	t.Run("fake", func(t *testing.T) {
		brokers, _ := broker(t, 2, "t")
		testSQL(t, brokers)
	})
	t.Run("real", func(t *testing.T) {
		brokers := []string{servertest.Kafka(t).Address}
		client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		admin := kadm.NewClient(client)
		if r, err := admin.CreateTopics(t.Context(), 2, 1, nil, "t"); err != nil || r.Error() != nil {
			t.Fatal(err, r.Error())
		}
		testSQL(t, brokers)
		if _, err := admin.DeleteTopics(t.Context(), "t"); err != nil {
			t.Fatal(err)
		}
	})
}

func testSQL(t *testing.T, brokers []string) {
	s := sql.NewSession(sql.With(all.Factories(), all.Formats()), sql.On(launch.Executor()), sql.Set("execution.runtime-mode", "batch"))
	run := func(text string) []string { return runSQL(t, s, text) }
	run(`CREATE TABLE t (
		ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp', id BIGINT, name STRING, part BIGINT METADATA FROM 'partition' VIRTUAL,
		h MAP<STRING, BYTES> METADATA FROM 'headers', pos STRING METADATA FROM 'offset' VIRTUAL
	) WITH ('connector' = 'kafka', 'topic' = 't', 'properties.bootstrap.servers' = '` + strings.Join(brokers, ",") + `', 'value.format' = 'json', 'key.format' = 'csv',
		'key.fields' = 'id', 'value.fields-include' = 'EXCEPT_KEY', 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset')`)
	run(`INSERT INTO t VALUES (TO_TIMESTAMP_LTZ(1000, 3), 1, 'a', MAP['k', X'01']), (TO_TIMESTAMP_LTZ(2000, 3), 2, 'b', CAST(NULL AS MAP<STRING, BYTES>))`)
	got := run(`SELECT id, name, CAST(ts AS STRING) LIKE '1970%' AS ts, CARDINALITY(h) AS h, part >= 0 AS part, pos FROM t`)
	want := []string{`{"id":1,"name":"a","ts":true,"h":1,"part":true,"pos":"0"}`, `{"id":2,"name":"b","ts":true,"h":0,"part":true,"pos":"0"}`}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// runSQL runs a statement, and returns its rows in order of their texts.
func runSQL(t *testing.T, s *sql.Session, text string) (rows []string) {
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

// windows counts the records of a source in windows of ten seconds by their times, which the log has, and tells "start: count".
func windows(o kafka.SourceOptions, strategy watermark.Strategy[string]) (*stream.Env, *collect.Sink[string]) {
	type count struct{ from, n int64 }
	env, out := stream.NewEnv(stream.Parallelism(1), stream.BufferTimeout(0)), collect.To[string]()
	in := stream.From(env, kafka.Source(o, func(r *kafka.Record) (string, error) { return string(r.Value), nil })).Watermarks(strategy)
	counts := stream.ReduceWindow(
		stream.Map(in, func(v string) count {
			n, _ := strconv.ParseInt(v, 10, 64)
			return count{n / 10, 1}
		}).WindowAll(window.Tumbling(10*time.Second)),
		func(a, b count) count { return count{min(a.from, b.from), a.n + b.n} })
	stream.Map(counts, func(r stream.Result[stream.All, count]) string {
		return fmt.Sprintf("%d: %d", r.Value.from*10, r.Value.n)
	}).To(out)
	return env, out
}

// putTimed writes records, one each second from 1970 on, to a partition.
func putTimed(t *testing.T, client *kgo.Client, partition int32, from, to int64) {
	t.Helper()
	var all []*kgo.Record
	for i := from; i < to; i++ {
		all = append(all, &kgo.Record{Topic: "in", Partition: partition, Value: strconv.AppendInt(nil, i, 10), Timestamp: time.Unix(i, 0)})
	}
	if err := client.ProduceSync(context.Background(), all...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// TestPartitionWatermarks reads partitions whose times are in order, and which one reader reads after one another: as each has its own
// watermark, no record is late.
func TestPartitionWatermarks(t *testing.T) {
	const seconds = 5000
	brokers, client := manual(t, 3)
	for p := range int32(3) {
		putTimed(t, client, p, 0, seconds)
	}
	env, out := windows(kafka.SourceOptions{Brokers: brokers, Topics: []string{"in"}, Stop: new(kafka.Latest())}, watermark.SourceTime[string](0))
	if err := launch.Run(t.Context(), env, "windows"); err != nil {
		t.Fatal(err)
	}
	got, want := out.Results(), []string{}
	for i := range seconds / 10 {
		want = append(want, fmt.Sprintf("%d: 30", i*10))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d windows, want %d; the first %v, the last %v", len(got), len(want), got[:min(3, len(got))], got[max(0, len(got)-3):])
	}
}

// TestIdlePartitions: a partition without records is waited for, unless the strategy names a time after which it is idle; when records
// come, it is not.
func TestIdlePartitions(t *testing.T) {
	brokers, client := manual(t, 2)
	putTimed(t, client, 0, 0, 35)
	o := kafka.SourceOptions{Brokers: brokers, Topics: []string{"in"}}
	run := func(strategy watermark.Strategy[string], then func(out *collect.Sink[string])) {
		t.Helper()
		env, out := windows(o, strategy)
		job, err := launch.Start(t.Context(), env, "windows")
		if err != nil {
			t.Fatal(err)
		}
		then(out)
		job.Cancel()
		_ = job.Wait()
	}
	await := func(out *collect.Sink[string], want ...string) {
		t.Helper()
		for late := time.After(time.Minute); len(out.Seen()) < len(want); {
			select {
			case <-late:
				t.Fatalf("%v, want %v", out.Seen(), want)
			case <-time.After(time.Millisecond):
			}
		}
		if got := out.Seen(); !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	}
	run(watermark.SourceTime[string](0).Idle(20*time.Millisecond), func(out *collect.Sink[string]) {
		await(out, "0: 10", "10: 10", "20: 10")
		putTimed(t, client, 1, 35, 45)
		await(out, "0: 10", "10: 10", "20: 10", "30: 10")
	})
	run(watermark.SourceTime[string](0), func(out *collect.Sink[string]) {
		await(out, "0: 10", "10: 10", "20: 10")
		putTimed(t, client, 0, 45, 65) // the other one is at 44
		putTimed(t, client, 1, 45, 55)
		await(out, "0: 10", "10: 10", "20: 10", "30: 10", "40: 15")
	})
}

// manual is a Kafka with a topic "in", to whose partitions the client writes as records say.
func manual(t *testing.T, partitions int32) (brokers []string, client *kgo.Client) {
	t.Helper()
	brokers, _ = broker(t, partitions, "in")
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return brokers, client
}
