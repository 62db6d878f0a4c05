package kafka

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
)

func encoded(r *Record, v string) error {
	r.Value = []byte(v)
	return nil
}

// values are what a consumer sees of a topic.
func (c *cluster) values(topic, level string) []string {
	c.t.Helper()
	c.settle()
	o := c.options(topic)
	o.Stop, o.Properties = new(Latest()), map[string]string{"isolation.level": level}
	d := connecttest.NewDriver(c.t, Source(o, func(r *Record) (string, error) { return string(r.Value), nil }), 1, nil)
	defer d.Close()
	got, err := d.Read(0)
	if err != nil {
		c.t.Fatal(err)
	}
	return got
}

// settle waits until transactions that have been ended are: brokers answer before that.
func (c *cluster) settle() {
	c.t.Helper()
	for n := 1; n > 0; {
		all, err := kadm.NewClient(c.client).ListTransactions(context.Background(), nil, []string{"PrepareCommit", "PrepareAbort", "PrepareEpochFence"})
		if err != nil {
			c.t.Fatal(err)
		}
		n = len(all)
	}
}

func TestExactlyOnce(t *testing.T) {
	onEach(t, func(t *testing.T, newCluster makeCluster) { testExactlyOnce(t, newCluster(t, 1), 0) })
}

func TestExactlyOnceHeldBack(t *testing.T) { testExactlyOnce(t, fakeCluster(t, 1), 3) }

// testExactlyOnce holds so many records back.
func testExactlyOnce(t *testing.T, c *cluster, held int) {
	admin := kadm.NewClient(c.client)
	n := 0
	connecttest.Sink(t, func(t *testing.T) connecttest.SinkTarget[string] {
		topic := fmt.Sprint("t", n)
		n++
		if _, err := admin.CreateTopic(context.Background(), 2, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
		return connecttest.SinkTarget[string]{
			Sink: Sink(SinkOptions{
				Brokers: c.brokers, Topic: topic, Guarantee: ExactlyOnce, TransactionPrefix: topic,
				BufferRows: held, BufferInterval: time.Duration(held) * time.Hour,
			}, func(r *Record, v string) error {
				r.Key = []byte(v)
				return encoded(r, v)
			}),
			Visible: func() []string { return c.values(topic, "read_committed") },
		}
	}, connecttest.SinkOptions[string]{Record: func(n int) string { return fmt.Sprint(n) }})
}

// exactWriters are the writers and committers of a sink, made as the engine does.
func exactWriters(t *testing.T, s connect.Sink[string], parallelism int, states, prepared [][]byte) (w []*exactWriter[string], k []connect.Committer) {
	t.Helper()
	for i := range parallelism {
		ctx := connect.WriterContext{Context: t.Context(), Subtask: i, Parallelism: parallelism}
		one, err := s.Writer(ctx, states)
		if err != nil {
			t.Fatal(err)
		}
		w = append(w, one.(*exactWriter[string]))
		t.Cleanup(func() { one.Close() })
		c, err := s.(connect.TwoPhase).Committer(ctx)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		k = append(k, c)
		if i == 0 {
			if err := c.Commit(prepared); err != nil {
				t.Fatal(err)
			}
		}
	}
	return w, k
}

func (w *exactWriter[T]) mustWrite(t *testing.T, v T) {
	t.Helper()
	if err := w.Write([]T{v}, []int64{noTime}); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(false); err != nil {
		t.Fatal(err)
	}
}

func (w *exactWriter[T]) mustPrepare(t *testing.T, checkpoint int64) (items [][]byte, state []byte) {
	t.Helper()
	items, err := w.Prepare(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	if state, err = w.Snapshot(); err != nil {
		t.Fatal(err)
	}
	return items, state
}

func (c *cluster) exactly(topic string) SinkOptions {
	return SinkOptions{Brokers: c.brokers, Topic: topic, Guarantee: ExactlyOnce, TransactionPrefix: "p"}
}

// TestZombie has a job go on that has been given up: what it writes and commits is not seen, and nothing that it has left
// open keeps consumers from reading.
func TestZombie(t *testing.T) { onEach(t, testZombie) }

func testZombie(t *testing.T, newCluster makeCluster) {
	c := newCluster(t, 1, "a")
	old, oldCommitters := exactWriters(t, Sink(c.exactly("a"), encoded), 3, nil, nil)
	for i, w := range old {
		w.mustWrite(t, fmt.Sprint("prepared ", i))
	}
	var items, states [][]byte
	for _, w := range old {
		i, s := w.mustPrepare(t, 1)
		items, states = append(items, i...), append(states, s)
	}
	for i, w := range old {
		w.mustWrite(t, fmt.Sprint("open ", i))
	}
	// The next one has other sinks, as in another process, and fewer of them.
	next, committers := exactWriters(t, Sink(c.exactly("a"), encoded), 1, states, items)
	if got := c.sorted("a"); got != "prepared 0, prepared 1, prepared 2" {
		t.Errorf("after the restore: %s", got)
	}
	next[0].mustWrite(t, "next")
	for _, w := range old {
		err := w.Write([]string{"zombie"}, []int64{noTime})
		if err == nil {
			err = w.Flush(false)
		}
		if err == nil || !strings.Contains(err.Error(), "the transaction was aborted: it was open for longer than transaction.timeout.ms (15m0s)") {
			t.Errorf("a zombie's write: %v", err)
		}
	}
	if err := oldCommitters[0].Commit(items[:1]); err != nil { // once more
		t.Error(err)
	}
	items, _ = next[0].mustPrepare(t, 2)
	if err := committers[0].Commit(items); err != nil {
		t.Fatal(err)
	}
	if got := c.sorted("a"); got != "next, prepared 0, prepared 1, prepared 2" {
		t.Errorf("at the end: %s", got)
	}
}

func (c *cluster) sorted(topic string) string {
	all := c.values(topic, "read_committed")
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// TestLostTransaction: what the brokers have aborted before it could be committed fails the job, unless that is accepted. What was committed
// long ago, so that its id has been used again, is no such case. (The fake broker aborts nothing by itself.)
func TestLostTransaction(t *testing.T) {
	c := realCluster(t, 1, "a")
	w, k := exactWriters(t, Sink(c.exactly("a"), encoded), 1, nil, nil)
	w[0].mustWrite(t, "1")
	first, _ := w[0].mustPrepare(t, 1)
	if err := k[0].Commit(first); err != nil {
		t.Fatal(err)
	}
	for i := range int64(10) {
		w[0].mustWrite(t, "more")
		items, _ := w[0].mustPrepare(t, i+2)
		if err := k[0].Commit(items); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w[0].pool.slots); n > 3 {
		t.Errorf("%d ids of transactions are in use", n)
	}
	w[0].Close()
	o := c.exactly("a")
	o.Properties = map[string]string{"transaction.timeout.ms": "500"}
	w, _ = exactWriters(t, Sink(o, encoded), 1, nil, nil)
	w[0].mustWrite(t, "lost")
	lost, _ := w[0].mustPrepare(t, 20)
	w[0].Close()
	tx, err := decodeCommittable(lost[0])
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for state := "Ongoing"; state == "Ongoing" || strings.HasPrefix(state, "Prepare"); { // until its time is up
		all, err := kadm.NewClient(c.client).DescribeTransactions(ctx, tx.id)
		if err != nil {
			t.Fatal(err)
		}
		state = all[tx.id].State
	}
	commit := func(items [][]byte) error {
		k, err := Sink(o, encoded).(connect.TwoPhase).Committer(connect.WriterContext{Context: t.Context()})
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		return k.Commit(items)
	}
	if err := commit(first); err != nil {
		t.Errorf("a transaction that was committed before: %v", err)
	}
	err = commit(lost)
	for _, want := range []string{"the transaction p-0-", "of checkpoint 20, to topic a", "transaction.timeout.ms (500ms)", "sink.lose-aborted-transactions"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, without %s", err, want)
		}
	}
	o.LoseAborted = true
	if err := commit(lost); err != nil {
		t.Errorf("with the loss accepted: %v", err)
	}
}

func TestSink(t *testing.T) { onEach(t, testSink) }

func testSink(t *testing.T, newCluster makeCluster) {
	c := newCluster(t, 3, "a")
	o := SinkOptions{Brokers: c.brokers, Topic: "a"}
	o.Partition = func(r *Record, n int) int { return int(r.Value[0]) % n }
	for _, o.Guarantee = range []Guarantee{AtLeastOnce, None} {
		w, err := Sink(o, func(r *Record, v string) error {
			r.Key, r.Value, r.Headers = []byte("k"), []byte(v), append(r.Headers, Header{"h", []byte(v)})
			return nil
		}).Writer(connect.WriterContext{Context: t.Context(), Parallelism: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write([]string{"0", "1", "2", "3"}, []int64{5000, 5000, 5000, 5000}); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(true); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	got, err := read(t, c.options("a"), func(r *Record) (string, error) {
		return fmt.Sprintf("%v %d %s=%s %s", r.Partition, r.Timestamp.Unix(), r.Key, r.Value, r.Headers[0].Value), nil
	})
	want := "[a-0 5 k=0 0 a-0 5 k=0 0 a-0 5 k=3 3 a-0 5 k=3 3 a-1 5 k=1 1 a-1 5 k=1 1 a-2 5 k=2 2 a-2 5 k=2 2]"
	if err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v, %v; want %s", got, err, want)
	}
}

func TestSinkErrors(t *testing.T) { onEach(t, testSinkErrors) }

func testSinkErrors(t *testing.T, newCluster makeCluster) {
	c := newCluster(t, 1, "a")
	for want, o := range map[string]SinkOptions{
		"bootstrap.servers is missing":   {},
		"BufferRows and BufferInterval)": {Brokers: c.brokers, BufferRows: 5},
		"(sink.transactional-id-prefix)": {Brokers: c.brokers, Guarantee: ExactlyOnce},
		"acks must be all":               {Brokers: c.brokers, Guarantee: ExactlyOnce, TransactionPrefix: "p", Properties: map[string]string{"acks": "1"}},
		"transaction.timeout.ms, 1h0m0s, is longer than the brokers allow (transaction.max.timeout.ms there)": {
			Brokers: c.brokers, Guarantee: ExactlyOnce, TransactionPrefix: "p", Properties: map[string]string{"transaction.timeout.ms": "3600000"},
		},
	} {
		if _, err := Sink(o, encoded).Writer(connect.WriterContext{Context: t.Context(), Parallelism: 1}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	w, err := Sink(SinkOptions{Brokers: c.brokers, Topic: "nowhere"}, encoded).Writer(connect.WriterContext{Context: t.Context(), Parallelism: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Write([]string{"x"}, []int64{noTime}); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(false); err == nil || !strings.Contains(err.Error(), "a record for topic nowhere is not written: the topic is not there") {
		t.Errorf("an unknown topic: %v", err)
	}
}
