package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/internal/servertest"
	"github.com/flott-dev/flott/metric"
)

// cluster is a Kafka: one within the test's process, or a real one.
type cluster struct {
	brokers []string
	t       testing.TB
	client  *kgo.Client
}

// makeCluster makes a cluster with empty topics.
type makeCluster func(t testing.TB, partitions int32, topics ...string) *cluster

// onEach runs a test with each kind of cluster.
func onEach(t *testing.T, test func(t *testing.T, newCluster makeCluster)) {
	t.Run("fake", func(t *testing.T) { test(t, fakeCluster) })
	t.Run("real", func(t *testing.T) { test(t, realCluster) })
}

func fakeCluster(t testing.TB, partitions int32, topics ...string) *cluster {
	t.Helper()
	k, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.SeedTopics(partitions, topics...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	c := &cluster{k.ListenAddrs(), t, nil}
	c.client = c.newClient()
	return c
}

// realCluster deletes what tests before have left.
func realCluster(t testing.TB, partitions int32, topics ...string) *cluster {
	t.Helper()
	c := &cluster{[]string{servertest.Kafka(t).Address}, t, nil}
	c.client = c.newClient()
	admin, ctx := kadm.NewClient(c.client), context.Background()
	for late := time.Now().Add(time.Minute); ; {
		old, err := admin.ListTopics(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(old) > 0 {
			if _, err := admin.DeleteTopics(ctx, old.Names()...); err != nil {
				t.Fatal(err)
			}
		}
		if len(topics) == 0 {
			break
		}
		r, err := admin.CreateTopics(ctx, partitions, 1, nil, topics...)
		if err == nil && r.Error() == nil {
			break
		}
		// The broker may list a new topic a little later than it is there.
		if !errors.Is(r.Error(), kerr.TopicAlreadyExists) || time.Now().After(late) {
			t.Fatal(err, r.Error())
		}
	}
	return c
}

func (c *cluster) newClient(opts ...kgo.Opt) *kgo.Client {
	c.t.Helper()
	opts = append(opts, kgo.SeedBrokers(c.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(50*time.Millisecond))
	client, err := kgo.NewClient(opts...)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(client.Close)
	return client
}

// put writes values to a partition, at times of a second each.
func (c *cluster) put(topic string, partition int32, values ...string) {
	c.t.Helper()
	var all []*kgo.Record
	for i, v := range values {
		all = append(all, &kgo.Record{
			Topic: topic, Partition: partition, Value: []byte(v), Key: []byte("k" + v), Timestamp: time.Unix(int64(i), 0),
			Headers: []kgo.RecordHeader{{Key: "h", Value: []byte(v)}},
		})
	}
	client := c.newClient()
	for late := time.Now().Add(time.Minute); ; { // a broker knows later of a partition than the one that has made it
		topics, err := kadm.NewClient(client).ListTopics(context.Background(), topic)
		if p, ok := topics[topic].Partitions[partition]; err == nil && ok && p.Err == nil {
			break
		}
		if time.Now().After(late) {
			c.t.Fatalf("partition %d of topic %s does not come: %v", partition, topic, err)
		}
	}
	if err := client.ProduceSync(context.Background(), all...).FirstErr(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) options(topics ...string) SourceOptions {
	return SourceOptions{Brokers: c.brokers, Topics: topics}
}

// placed decodes records as partition/offset/value.
func placed(r *Record) (string, error) {
	return fmt.Sprintf("%s/%d/%s", r.Partition, r.Offset, r.Value), nil
}

// fill writes n values to each of some partitions, and returns what placed makes of them.
func (c *cluster) fill(topic string, partitions, n int) (want []string) {
	for p := range partitions {
		var values []string
		for i := range n {
			values = append(values, fmt.Sprint(i))
			want = append(want, fmt.Sprintf("%s-%d/%d/%d", topic, p, i, i))
		}
		c.put(topic, int32(p), values...)
	}
	return want
}

func TestSource(t *testing.T) { onEach(t, testSource) }

func testSource(t *testing.T, newCluster makeCluster) {
	c := newCluster(t, 3, "a", "b")
	want := slices.Concat(c.fill("a", 3, 20), c.fill("b", 2, 15))
	t.Run("bounded", func(t *testing.T) {
		o := c.options()
		o.Topics, o.Stop = []string{"a", "b"}, new(Latest())
		connecttest.Source(t, func() connect.Source[string] { return Source(o, placed) }, connecttest.Options[string]{Want: want})
	})
	t.Run("unbounded", func(t *testing.T) {
		o := c.options()
		o.TopicPattern = "[ab]"
		connecttest.Source(t, func() connect.Source[string] { return Source(o, placed) },
			connecttest.Options[string]{Want: want, Max: len(want)})
	})
}

// read reads a bounded source to its end.
func read(t *testing.T, o SourceOptions, decode func(*Record) (string, error)) ([]string, error) {
	t.Helper()
	if o.Stop == nil {
		o.Stop = new(Latest())
	}
	got, err := connecttest.NewDriver(t, Source(o, decode), 2, nil).Read(0)
	slices.Sort(got)
	return got, err
}

// offsets names the first and the last offset of what was read, and how much that is.
func extent(got []string) string {
	if len(got) == 0 {
		return "none"
	}
	of := func(s string) string { return strings.Split(s, "/")[1] }
	return fmt.Sprintf("%s to %s: %d", of(got[0]), of(got[len(got)-1]), len(got))
}

func TestOffsets(t *testing.T) { onEach(t, testOffsets) }

func testOffsets(t *testing.T, newCluster makeCluster) {
	c := newCluster(t, 1, "a", "empty")
	c.fill("a", 1, 10)
	var group kadm.Offsets
	group.AddOffset("a", 0, 4, -1)
	if err := kadm.NewClient(c.client).CommitAllOffsets(context.Background(), "g", group); err != nil {
		t.Fatal(err)
	}
	a := Partition{"a", 0}
	for _, test := range []struct {
		start, stop Offsets
		want        string
	}{
		{Earliest(), Latest(), "0 to 9: 10"},
		{Latest(), Latest(), "none"},
		{Committed(), Latest(), "4 to 9: 6"},
		{Earliest(), Committed(), "0 to 3: 4"},
		{At(time.Unix(3, 1)), Latest(), "4 to 9: 6"},
		{At(time.Unix(1000, 0)), Latest(), "none"},
		{Earliest(), At(time.Unix(3, 0)), "0 to 2: 3"},
		{Exactly(map[Partition]int64{a: 7}), Latest(), "7 to 9: 3"},
		{Exactly(nil), Latest(), "0 to 9: 10"},
		{Earliest(), Exactly(map[Partition]int64{a: 2}), "0 to 1: 2"},
		{Earliest(), Exactly(nil), "none"},
	} {
		o := c.options()
		o.Topics, o.Group, o.Start, o.Stop = []string{"a"}, "g", test.start, &test.stop
		got, err := read(t, o, placed)
		if err != nil || extent(got) != test.want {
			t.Errorf("from %v to %v: %s, %v; want %s", test.start, test.stop, extent(got), err, test.want)
		}
	}
	o := c.options()
	o.Topics = []string{"empty"}
	if got, err := read(t, o, placed); err != nil || len(got) > 0 {
		t.Errorf("an empty topic: %v, %v", got, err)
	}
}

func TestRecords(t *testing.T) { onEach(t, testRecords) }

func testRecords(t *testing.T, newCluster makeCluster) {
	c := newCluster(t, 1, "a")
	c.put("a", 0, "x", "y")
	o := c.options()
	o.Topics = []string{"a"}
	got, err := read(t, o, func(r *Record) (string, error) {
		return fmt.Sprintf("%v %d %s %s=%s %v", r.Partition, r.Offset, r.Timestamp.UTC().Format(time.TimeOnly), r.Key, r.Value, r.Headers), nil
	})
	want := []string{"a-0 0 00:00:00 kx=x [{h [120]}]", "a-0 1 00:00:01 ky=y [{h [121]}]"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestTransactions reads a partition that ends with markers: what was aborted is not read, and the end is found.
func TestTransactions(t *testing.T) { onEach(t, testTransactions) }

func testTransactions(t *testing.T, newCluster makeCluster) {
	ctx := context.Background()
	c := newCluster(t, 1, "a")
	producer := c.newClient(kgo.TransactionalID("t"))
	for i, commit := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		r := &kgo.Record{Topic: "a", Value: fmt.Append(nil, i)}
		if err := producer.ProduceSync(ctx, r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := producer.EndTransaction(ctx, commit); err != nil {
			t.Fatal(err)
		}
	}
	for level, want := range map[string]string{"read_committed": "[a-0/0/0]", "read_uncommitted": "[a-0/0/0 a-0/2/1]"} {
		o := c.options()
		o.Topics, o.Properties = []string{"a"}, map[string]string{"isolation.level": level}
		got, err := read(t, o, placed)
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v; want %s", level, got, err, want)
		}
	}
}

// TestDiscovery finds a partition and a topic that come while the source runs, and reads them from their beginning.
func TestDiscovery(t *testing.T) { onEach(t, testDiscovery) }

func testDiscovery(t *testing.T, newCluster makeCluster) {
	c := newCluster(t, 1, "a1")
	admin := kadm.NewClient(c.client)
	o := c.options()
	o.TopicPattern, o.Start, o.Discover = "a.*", Latest(), time.Second
	c.put("a1", 0, "old")
	d := connecttest.NewDriver(t, Source(o, placed), 2, nil)
	want := func(want string) {
		t.Helper()
		if got, err := d.Read(1); err != nil || len(got) != 1 || got[0] != want {
			t.Fatalf("%v, %v; want %s", got, err, want)
		}
	}
	for d.Snapshot().Splits == nil { // until it was looked
		if _, err := d.Poll(0); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Poll(1); err != nil {
			t.Fatal(err)
		}
	}
	c.put("a1", 0, "new")
	want("a1-0/1/new")
	if _, err := admin.CreatePartitions(context.Background(), 1, "a1"); err != nil {
		t.Fatal(err)
	}
	c.put("a1", 1, "p")
	want("a1-1/0/p")
	if _, err := admin.CreateTopic(context.Background(), 1, 1, nil, "a2"); err != nil {
		t.Fatal(err)
	}
	c.put("a2", 0, "t")
	want("a2-0/0/t")
	// A later run goes on with all of them.
	s := d.Snapshot()
	d.Close()
	d = connecttest.NewDriver(t, Source(o, placed), 3, s)
	c.put("a2", 0, "u")
	want("a2-0/1/u")
}

// TestBacklog: a reader knows what is there that it has not read.
func TestBacklog(t *testing.T) {
	c := fakeCluster(t, 2, "a")
	c.fill("a", 2, 20)
	o := c.options("a")
	o.Stop = new(Exactly(map[Partition]int64{{"a", 0}: 10, {"a", 1}: 20}))
	s := Source(o, placed).(*source[string])
	r := newConsumer(s.cfg, connect.ReaderContext{Context: t.Context(), Metrics: &metric.Group{}, Wake: func() {}, Request: func() {}})
	defer r.Close()
	var splits []connect.Split
	for p, from := range map[Partition]int64{{"a", 0}: 3, {"a", 1}: 5} {
		splits = append(splits, (&split{Partition: p, next: from, stop: o.Stop.exact[p]}).encode())
	}
	if err := r.Assign(splits); err != nil {
		t.Fatal(err)
	}
	for len(r.wait) < 2 {
		r.taken(<-r.fetched)
	}
	if b := r.Backlog(); b.Records != 7+15 {
		t.Errorf("%d records are left", b.Records)
	}
}

// TestBrokerAway: a broker that is killed holds source and sink back, and they go on when it is there again. One that is not there at
// the start is waited for.
func TestBrokerAway(t *testing.T) {
	b := servertest.NewKafka(t)
	c := &cluster{[]string{b.Address}, t, nil}
	c.client = c.newClient()
	if r, err := kadm.NewClient(c.client).CreateTopics(t.Context(), 1, 1, nil, "a"); err != nil || r.Error() != nil {
		t.Fatal(err, r.Error())
	}
	sink, err := Sink(SinkOptions{Brokers: c.brokers, Topic: "a"}, encoded).Writer(connect.WriterContext{Context: t.Context(), Parallelism: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	write := func(v string) {
		t.Helper()
		if err := sink.Write([]string{v}, []int64{noTime}); err != nil {
			t.Fatal(err)
		}
	}
	d := connecttest.NewDriver(t, Source(c.options("a"), placed), 1, nil)
	read := func(want string) {
		t.Helper()
		if got, err := d.Read(1); err != nil || fmt.Sprint(got) != want {
			t.Fatalf("%v, %v; want %s", got, err, want)
		}
	}
	write("before")
	read("[a-0/0/before]")
	b.Kill()
	write("while it is away")
	o := c.options("a")
	o.Properties = map[string]string{"default.api.timeout.ms": "300"}
	_, err = connecttest.NewDriver(t, Source(o, placed), 1, nil).Read(1)
	if want := "no broker at " + b.Address + " has answered within 300ms (default.api.timeout.ms)"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("no broker at the start: %v, want %s", err, want)
	}
	for _, guarantee := range []Guarantee{AtLeastOnce, ExactlyOnce} {
		away := SinkOptions{Brokers: c.brokers, Topic: "a", Properties: o.Properties, Guarantee: guarantee, TransactionPrefix: "away"}
		_, err = Sink(away, encoded).Writer(connect.WriterContext{Context: t.Context(), Parallelism: 1}, nil)
		if want := "no broker at " + b.Address + " has answered within 300ms"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no broker for a sink at the start: %v, want %s", err, want)
		}
	}
	b.Start(t)
	if err := sink.Flush(false); err != nil {
		t.Fatal(err)
	}
	read("[a-0/1/while it is away]")
}

// TestGroup writes the offsets of complete checkpoints, those of partitions at their end too.
func TestGroup(t *testing.T) { onEach(t, testGroup) }

func testGroup(t *testing.T, newCluster makeCluster) {
	c := newCluster(t, 2, "a")
	c.fill("a", 2, 5)
	o := c.options()
	o.Topics, o.Group, o.Stop = []string{"a"}, "g", new(Exactly(map[Partition]int64{{"a", 0}: 3, {"a", 1}: 5}))
	d := connecttest.NewDriver(t, Source(o, placed), 1, nil)
	offsets := func() string {
		all, err := kadm.NewClient(c.client).FetchOffsetsForTopics(context.Background(), "g", "a")
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(all["a"][0].At, all["a"][1].At)
	}
	if _, err := d.Read(0); err != nil {
		t.Fatal(err)
	}
	d.Snapshot()
	d.Complete()
	d.Close() // waits for what was begun
	if got := offsets(); got != "3 5" {
		t.Errorf("the offsets of the group are %s", got)
	}
	if n := d.Metrics.Counter("commitsSucceeded").Value(); n != 1 {
		t.Errorf("commitsSucceeded is %d", n)
	}
}

// TestLostOffsets: records that are gone fail the job, unless it may begin elsewhere.
func TestLostOffsets(t *testing.T) { onEach(t, testLostOffsets) }

func testLostOffsets(t *testing.T, newCluster makeCluster) {
	c := newCluster(t, 1, "a")
	c.fill("a", 1, 10)
	var gone kadm.Offsets
	gone.AddOffset("a", 0, 5, -1)
	if r, err := kadm.NewClient(c.client).DeleteRecords(context.Background(), gone); err != nil || r.Error() != nil {
		t.Fatal(err, r.Error())
	}
	o := c.options("a")
	o.Start = Exactly(map[Partition]int64{{"a", 0}: 2})
	_, err := read(t, o, placed)
	want := "kafka: the records of partition a-0 from offset 2 on are not there any more, or were never; to lose them, or to read some again, set auto.offset.reset"
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	o.Properties = map[string]string{"auto.offset.reset": "earliest"}
	if got, err := read(t, o, placed); err != nil || extent(got) != "5 to 9: 5" {
		t.Errorf("with earliest: %s, %v", extent(got), err)
	}
}

func TestBadRecords(t *testing.T) { onEach(t, testBadRecords) }

func testBadRecords(t *testing.T, newCluster makeCluster) {
	c := newCluster(t, 1, "a")
	c.put("a", 0, "x", "bad", "skip", "y")
	decode := func(r *Record) (string, error) {
		switch string(r.Value) {
		case "bad":
			return "", errors.New("it is bad")
		case "skip":
			return "", ErrSkip
		}
		return string(r.Value), nil
	}
	o := c.options()
	o.Topics = []string{"a"}
	_, err := read(t, o, decode)
	if want := `topic a, partition 0, offset 1: it is bad, in the record "bad"`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	var letters []*Bad
	for _, o.OnBad = range []Policy{Skip, DeadLetter(func(b *Bad) error {
		letters = append(letters, b)
		return nil
	})} {
		if got, err := read(t, o, decode); err != nil || !slices.Equal(got, []string{"x", "y"}) {
			t.Errorf("%v, %v", got, err)
		}
	}
	if len(letters) != 1 || letters[0].Offset != 1 || string(letters[0].Key) != "kbad" {
		t.Errorf("dead letters: %v", letters)
	}
}

// TestMalformed reads partitions with records that cannot be read.
func TestMalformed(t *testing.T) {
	c := fakeCluster(t, 2, "a")
	c.put("a", 0, "1", "2", "bad", "3")
	c.put("a", 1, "4", "5")
	decode := func(r *Record) (string, error) {
		if string(r.Value) == "bad" {
			return "", errors.New("it is bad")
		}
		return string(r.Value), nil
	}
	with := func(p Policy) func() connect.Source[string] {
		o := c.options()
		o.Topics, o.OnBad, o.Stop = []string{"a"}, p, new(Latest())
		return func() connect.Source[string] { return Source(o, decode) }
	}
	connecttest.Malformed(t, with(Fail), with(Skip), []string{"1", "2", "3", "4", "5"})
}

// TestStopBehindAborted reads to an end before which nothing is but records of an aborted transaction, whose marker comes later, since
// another transaction is open there.
func TestStopBehindAborted(t *testing.T) {
	onEach(t, func(t *testing.T, newCluster makeCluster) {
		c := newCluster(t, 1, "a")
		begin := func(id, value string) *kgo.Client {
			producer := c.newClient(kgo.TransactionalID(id))
			if err := producer.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			if err := producer.ProduceSync(t.Context(), &kgo.Record{Topic: "a", Value: []byte(value)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			return producer
		}
		aborted, open := begin("x", "gone"), begin("y", "open")
		if err := aborted.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
			t.Fatal(err)
		}
		if got := c.sorted("a"); got != "" {
			t.Errorf("read: %s", got)
		}
		if err := open.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		if got := c.sorted("a"); got != "open" {
			t.Errorf("behind the open transaction's end: %s", got)
		}
	})
}
