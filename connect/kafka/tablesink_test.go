package kafka

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/csv"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/format/json"
	"github.com/flott-dev/flott/row"
)

// tableSink makes the sink of a table.
func (c *cluster) tableSink(schema string, o connect.Insert, pairs ...string) (connect.ColumnSink, error) {
	c.t.Helper()
	spec := &connect.TableSpec{
		Name: "t", Schema: formattest.Schema(schema), Formats: append([]format.Factory{csv.Factory, json.Factory, json.Debezium}, binaryFormats...),
		Options: map[string]string{"connector": "kafka", "properties.bootstrap.servers": strings.Join(c.brokers, ","), "topic": "a"},
	}
	setOptions(spec, pairs)
	t, err := Table.NewSink(spec)
	if err != nil {
		return nil, err
	}
	return t.Sink(o)
}

// numbers is a batch with a column of numbers, a text that says them, and more columns.
func numbers(n ...int) *column.Batch {
	b := column.NewBatch(formattest.Schema("n INT, s STRING"))
	for _, v := range n {
		b.Cols[0].AppendI32(int32(v))
		b.Cols[1].AppendString(fmt.Sprint("s", v))
		b.N++
	}
	return b
}

// writeRows writes batches to a sink, and ends it.
func writeRows(t *testing.T, s connect.ColumnSink, subtask int, batches ...*column.Batch) {
	t.Helper()
	w, err := s.Writer(connect.WriterContext{Context: t.Context(), Subtask: subtask, Parallelism: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, b := range batches {
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(true); err != nil {
		t.Fatal(err)
	}
}

// written are the records of topic a.
func (c *cluster) written() string {
	c.t.Helper()
	got, err := read(c.t.(*testing.T), c.options("a"), func(r *Record) (string, error) {
		text := fmt.Sprintf("%d:%s=%s", r.Partition.Number, r.Key, r.Value)
		for _, h := range r.Headers {
			text += fmt.Sprintf(" %s:%s", h.Key, h.Value)
		}
		return text, nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.Join(got, ", ")
}

func TestTableSink(t *testing.T) { onEach(t, testTableSink) }

func testTableSink(t *testing.T, newCluster makeCluster) {
	for _, test := range []struct{ options, want string }{
		{"format=json", `0:={"n":1,"s":"s1"}, 0:={"n":2,"s":"s2"}`},
		{"value.format=json key.format=csv key.fields=s", `0:s1={"n":1,"s":"s1"}, 0:s2={"n":2,"s":"s2"}`},
		{"value.format=json key.format=json key.fields=n value.fields-include=EXCEPT_KEY", `0:{"n":1}={"s":"s1"}, 0:{"n":2}={"s":"s2"}`},
		{"format=csv sink.delivery-guarantee=none", `0:=1,s1, 0:=2,s2`},
	} {
		c := newCluster(t, 1, "a")
		pairs := pairsOf(test.options)
		s, err := c.tableSink("n INT, s STRING", connect.Insert{}, pairs...)
		if err != nil {
			t.Fatal(err)
		}
		writeRows(t, s, 0, numbers(1, 2))
		if got := c.written(); got != test.want {
			t.Errorf("%s: %s, want %s", test.options, got, test.want)
		}
	}
}

func TestTableSinkPartitions(t *testing.T) { onEach(t, testTableSinkPartitions) }

func testTableSinkPartitions(t *testing.T, newCluster makeCluster) {
	for partitioner, want := range map[string]string{
		"fixed":       "1:=0,s0, 1:=1,s1, 1:=2,s2, 1:=3,s3",
		"round-robin": "0:=1,s1, 0:=3,s3, 1:=0,s0, 1:=2,s2",
	} {
		c := newCluster(t, 2, "a")
		s, err := c.tableSink("n INT, s STRING", connect.Insert{}, "format", "csv", "sink.partitioner", partitioner)
		if err != nil {
			t.Fatal(err)
		}
		writeRows(t, s, 1, numbers(0, 1), numbers(2, 3))
		if got := c.written(); got != want {
			t.Errorf("%s: %s, want %s", partitioner, got, want)
		}
	}
}

func TestTableSinkMetadata(t *testing.T) { onEach(t, testTableSinkMetadata) }

func testTableSinkMetadata(t *testing.T, newCluster makeCluster) {
	c := newCluster(t, 1, "a", "b")
	s, err := c.tableSink("n INT", connect.Insert{Metadata: []string{"topic", "timestamp", "headers"}}, "format", "csv")
	if err != nil {
		t.Fatal(err)
	}
	b := column.NewBatch(&row.Schema{Fields: append(formattest.Schema("n INT").Fields,
		row.Field{Name: "topic", Type: row.StringType()}, row.Field{Name: "timestamp", Type: row.TimestampLTZOf(3)},
		row.Field{Name: "headers", Type: row.MapOf(row.StringType(), row.BytesType())})})
	for i, topic := range []string{"a", "b"} {
		b.Cols[0].AppendI32(int32(i))
		b.Cols[1].AppendString(topic)
		b.Cols[2].AppendTimestamp(5_000_000, 0)
		b.Cols[3].Children[0].AppendString("h")
		b.Cols[3].Children[1].AppendString(topic)
		b.Cols[3].EndList()
		b.N++
	}
	writeRows(t, s, 0, b)
	o := c.options("a", "b")
	got, err := read(t, o, func(r *Record) (string, error) {
		return fmt.Sprintf("%s %s %d %s=%s", r.Topic, r.Value, r.Timestamp.Unix(), r.Headers[0].Key, r.Headers[0].Value), nil
	})
	if want := "[a 0 5 h=a b 1 5 h=b]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v, %v; want %s", got, err, want)
	}
}

func TestTableExactlyOnce(t *testing.T) { onEach(t, testTableExactlyOnce) }

func testTableExactlyOnce(t *testing.T, newCluster makeCluster) {
	c := newCluster(t, 1)
	admin := kadm.NewClient(c.client)
	n := 0
	connecttest.Sink(t, func(t *testing.T) connecttest.SinkTarget[int] {
		topic := fmt.Sprint("t", n)
		n++
		if _, err := admin.CreateTopic(context.Background(), 2, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
		s, err := c.tableSink("n INT, s STRING", connect.Insert{}, "format", "csv", "topic", topic,
			"sink.delivery-guarantee", "exactly-once", "sink.transactional-id-prefix", topic)
		if err != nil {
			t.Fatal(err)
		}
		return connecttest.SinkTarget[int]{
			Sink: connecttest.RowsSink(s, func(records []int) *column.Batch { return numbers(records...) }),
			Visible: func() (all []int) {
				for _, v := range c.values(topic, "read_committed") {
					var n int
					fmt.Sscanf(v, "%d,", &n)
					all = append(all, n)
				}
				return all
			},
		}
	}, connecttest.SinkOptions[int]{Record: func(n int) int { return n }, Seeds: 5})
}

func TestTableSinkErrors(t *testing.T) { onEach(t, testTableSinkErrors) }

func testTableSinkErrors(t *testing.T, newCluster makeCluster) {
	c := newCluster(t, 1, "a")
	for _, test := range []struct{ options, want string }{
		{"format=csv topic=a;b", "'topic' names the one that is written"},
		{"format=csv topic=", "'topic' names the one that is written"},
		{"format=csv sink.delivery-guarantee=exactly-once", "(sink.transactional-id-prefix)"},
		{"format=csv sink.delivery-guarantee=twice", "one of none, at-least-once, exactly-once"},
		{"value.format=csv key.format=csv key.fields=n sink.partitioner=round-robin", "is for records without keys"},
		{"format=csv properties.acks=2", "properties.acks: \"2\" does not do: it is all, 1 or 0"},
	} {
		pairs := pairsOf(test.options)
		if _, err := c.tableSink("n INT", connect.Insert{}, pairs...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %s", test.options, err, test.want)
		}
	}
	if _, err := c.tableSink("n INT", connect.Insert{Overwrite: true}, "format", "csv"); err == nil || !strings.Contains(err.Error(), "INSERT OVERWRITE") {
		t.Errorf("INSERT OVERWRITE: %v", err)
	}
}
