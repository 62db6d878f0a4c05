package kafka

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/csv"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/format/json"
	"github.com/flott-dev/flott/row"
)

// upserts is a table with the key n.
func (c *cluster) upserts(pairs ...string) *connect.TableSpec {
	spec := &connect.TableSpec{
		Name: "t", Schema: formattest.Schema("n INT, s STRING"), PrimaryKey: []string{"n"}, Formats: []format.Factory{csv.Factory, json.Factory, json.Debezium},
		Options: map[string]string{
			"connector": "upsert-kafka", "properties.bootstrap.servers": strings.Join(c.brokers, ","), "topic": "a", "key.format": "csv", "value.format": "json",
		},
	}
	setOptions(spec, pairs)
	return spec
}

// changes is a batch of changes, each as kind and number; texts say how many there were before.
func changes(texts ...string) *column.Batch {
	b := column.NewBatch(formattest.Schema("n INT, s STRING"))
	for i, text := range texts {
		var n int32
		fmt.Sscanf(text[2:], "%d", &n)
		b.Cols[0].AppendI32(n)
		b.Cols[1].AppendString(fmt.Sprint("v", i))
		b.N++
		b.Kinds = append(b.Kinds, map[string]row.ChangeKind{"+I": row.Insert, "-U": row.UpdateBefore, "+U": row.UpdateAfter, "-D": row.Delete}[text[:2]])
	}
	return b
}

func TestUpsert(t *testing.T) { onEach(t, testUpsert) }

func testUpsert(t *testing.T, newCluster makeCluster) {
	for _, test := range []struct{ options, records, rows string }{
		{
			"", `0:1={"n":1,"s":"v0"}, 0:1={"n":1,"s":"v2"}, 0:1=, 0:2={"n":2,"s":"v4"}`,
			`+U [1,"v0"] +U [1,"v2"] -D [1,null] +U [2,"v4"]`,
		},
		{"value.fields-include=EXCEPT_KEY", `0:1={"s":"v0"}, 0:1={"s":"v2"}, 0:1=, 0:2={"s":"v4"}`, `+U [1,"v0"] +U [1,"v2"] -D [1,null] +U [2,"v4"]`},
		{"sink.buffer-flush.max-rows=10 sink.buffer-flush.interval=1h", `0:1=, 0:2={"n":2,"s":"v4"}`, `-D [1,null] +U [2,"v4"]`},
		{"sink.delivery-guarantee=exactly-once sink.transactional-id-prefix=u", ``, ``},
	} {
		c := newCluster(t, 1, "a")
		pairs := pairsOf(test.options)
		table, err := Upsert.NewSink(c.upserts(pairs...))
		if err != nil {
			t.Fatal(err)
		}
		s, err := table.Sink(connect.Insert{})
		if err != nil {
			t.Fatal(err)
		}
		ctx := connect.WriterContext{Context: t.Context(), Parallelism: 1, Now: time.Now, WakeAt: func(time.Time) {}}
		w, err := s.Writer(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(changes("+I1", "-U1", "+U1", "-D1", "+I2")); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(true); err != nil {
			t.Fatal(err)
		}
		w.Close() // what is not committed is not seen
		c.settle()
		if got := c.inOrder(); got != test.records {
			t.Errorf("%s: written is %s; want %s", test.options, got, test.records)
		}
		read, err := Upsert.NewSource(c.upserts(append(pairs, "scan.bounded.mode", "latest-offset", "properties.isolation.level", "read_committed")...))
		if err != nil {
			t.Fatal(err)
		}
		columns, err := read.Scan(connect.Scan{})
		if err != nil {
			t.Fatal(err)
		}
		d := connecttest.NewDriver(t, connecttest.Rows(columns, formattest.Rows), 1, nil)
		got, err := d.Read(0)
		d.Close()
		if err != nil || strings.Join(got, " ") != test.rows {
			t.Errorf("%s: read is %s, %v; want %s", test.options, got, err, test.rows)
		}
	}
}

// TestUpsertTopics: rows of a table with one key, for topics that a metadata column names, do not replace each other.
func TestUpsertTopics(t *testing.T) {
	c := fakeCluster(t, 1, "a", "b")
	table, err := Upsert.NewSink(c.upserts("sink.buffer-flush.max-rows", "10", "sink.buffer-flush.interval", "1h"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := table.Sink(connect.Insert{Metadata: []string{"topic"}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Writer(connect.WriterContext{Context: t.Context(), Parallelism: 1, Now: time.Now, WakeAt: func(time.Time) {}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	rows := changes("+I1", "+I1", "+U1")
	topics := column.New(row.StringType())
	for _, topic := range []string{"a", "b", "a"} {
		topics.AppendString(topic)
	}
	rows.Cols = append(rows.Cols, topics)
	if err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(true); err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string]string{"a": `{"n":1,"s":"v2"}`, "b": `{"n":1,"s":"v1"}`} {
		if got := strings.Join(c.values(topic, "read_committed"), " "); got != want {
			t.Errorf("topic %s has %s; want %s", topic, got, want)
		}
	}
}

// upsert is what becomes of a key; "" deletes it.
type upsert struct{ topic, key, value string }

// encodeUpsert writes an upsert.
func encodeUpsert(r *Record, u upsert) error {
	if u.topic != "" {
		r.Topic = u.topic
	}
	if u.key != "" {
		r.Key = []byte(u.key)
	}
	if u.value != "" {
		r.Value = []byte(u.value)
	}
	return nil
}

func TestUpsertsOfPrograms(t *testing.T) { onEach(t, testUpsertsOfPrograms) }

// testUpsertsOfPrograms holds records of a program back, as tables do.
func testUpsertsOfPrograms(t *testing.T, newCluster makeCluster) {
	for _, guarantee := range []Guarantee{None, AtLeastOnce, ExactlyOnce} {
		c := newCluster(t, 1, "a", "b")
		s := Sink(SinkOptions{
			Brokers: c.brokers, Topic: "a", Guarantee: guarantee, TransactionPrefix: "u", BufferRows: 4, BufferInterval: time.Hour,
		}, encodeUpsert)
		now := time.UnixMilli(1_000_000)
		var wake []time.Time
		w, err := s.Writer(connect.WriterContext{
			Context: t.Context(), Parallelism: 1, Now: func() time.Time { return now }, WakeAt: func(at time.Time) { wake = append(wake, at) },
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		write := func(all ...upsert) {
			t.Helper()
			if err := w.Write(all, make([]int64, len(all))); err != nil {
				t.Fatal(err)
			}
		}
		commit := func(checkpoint int64) {
			t.Helper()
			if err := w.Flush(false); err != nil {
				t.Fatal(err)
			}
			two, ok := w.(connect.Preparer)
			if !ok {
				return
			}
			items, err := two.Prepare(checkpoint)
			if err != nil {
				t.Fatal(err)
			}
			k, err := s.(connect.TwoPhase).Committer(connect.WriterContext{Context: t.Context(), Parallelism: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer k.Close()
			if err := k.Commit(items); err != nil {
				t.Fatal(err)
			}
		}
		write(upsert{"", "k", "1"}, upsert{"", "l", "1"}, upsert{"b", "k", "1"}, upsert{"", "k", "2"})
		write(upsert{"", "l", ""})
		if want := now.Add(time.Hour); len(wake) != 1 || !wake[0].Equal(want) {
			t.Errorf("guarantee %d: to be woken at %v, want %v", guarantee, wake, want)
		}
		commit(1)
		write(upsert{"", "m", "1"})
		if err := w.(connect.Ticker).Tick(now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		write(upsert{"", "m", "2"})
		write(upsert{"", "n", "1"}, upsert{"", "o", "1"}, upsert{"", "m", "3"}, upsert{"", "p", "1"}, upsert{"", "m", "4"}) // p is the fourth
		commit(2)
		if err := w.Write([]upsert{{"", "", "1"}}, []int64{0}); err == nil || !strings.Contains(err.Error(), "topic a has no key") {
			t.Errorf("guarantee %d: a record without a key: %v", guarantee, err)
		}
		if err := w.Flush(true); err != nil {
			t.Fatal(err)
		}
		w.Close()
		c.settle()
		const want = "0:k=2, 0:l=, 0:m=1, 0:m=3, 0:n=1, 0:o=1, 0:p=1, 0:m=4"
		if got := c.inOrder(); got != want {
			t.Errorf("guarantee %d: written is %s; want %s", guarantee, got, want)
		}
		if got := c.values("b", "read_committed"); len(got) != 1 || got[0] != "1" {
			t.Errorf("guarantee %d: the other topic has %v", guarantee, got)
		}
	}
}

// inOrder are the committed records of topic a, in their order.
func (c *cluster) inOrder() string {
	c.t.Helper()
	o := c.options("a")
	o.Stop, o.Properties = new(Latest()), map[string]string{"isolation.level": "read_committed"}
	d := connecttest.NewDriver(c.t, Source(o, func(r *Record) (string, error) {
		return fmt.Sprintf("%d:%s=%s", r.Partition.Number, r.Key, r.Value), nil
	}), 1, nil)
	defer d.Close()
	got, err := d.Read(0)
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.Join(got, ", ")
}

// TestUpsertColumns reads the value, or the key, only.
func TestUpsertColumns(t *testing.T) {
	c := fakeCluster(t, 1, "a")
	c.put("a", 0, `{"n":1,"s":"x"}`) // the key is of csv: k{...
	for project, want := range map[int]string{1: `+U ["x"]`} {
		table, err := Upsert.NewSource(c.upserts("scan.bounded.mode", "latest-offset"))
		if err != nil {
			t.Fatal(err)
		}
		if table.Kinds() != row.UpsertKinds {
			t.Errorf("the kinds of changes are %v", table.Kinds())
		}
		columns, err := table.Scan(connect.Scan{Project: []int{project}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := connecttest.NewDriver(t, connecttest.Rows(columns, formattest.Rows), 1, nil).Read(0)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("column %d: %v, %v; want %s", project, got, err, want)
		}
	}
}

func TestUpsertErrors(t *testing.T) {
	c := fakeCluster(t, 1, "a")
	for want, spec := range map[string]*connect.TableSpec{
		"the option 'key.format' is missing":                      c.upserts("key.format", ""),
		"the format 'debezium-json' has changes of its own":       c.upserts("value.format", "debezium-json"),
		"'sink.buffer-flush.interval' belong together":            c.upserts("sink.buffer-flush.max-rows", "5"),
		"scan.startup.mode":                                       c.upserts("scan.startup.mode", "latest-offset"),
		"'upsert-kafka' needs a PRIMARY KEY":                      func() *connect.TableSpec { s := c.upserts(); s.PrimaryKey = nil; return s }(),
		"the connector 'upsert-kafka' has no PARTITIONED BY: the": func() *connect.TableSpec { s := c.upserts(); s.Partitions = []string{"n"}; return s }(),
	} {
		for _, make := range []func(*connect.TableSpec) error{
			func(s *connect.TableSpec) error { _, err := Upsert.NewSource(s); return err },
			func(s *connect.TableSpec) error { _, err := Upsert.NewSink(s); return err },
		} {
			if err := make(spec); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %s", err, want)
			}
		}
	}
}
