package discard

import (
	"testing"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/metric"
)

func TestTable(t *testing.T) {
	table, err := Table.NewSink(&connect.TableSpec{Options: map[string]string{"connector": "blackhole"}})
	if err != nil {
		t.Fatal(err)
	}
	sink, err := table.Sink(connect.Insert{})
	if err != nil {
		t.Fatal(err)
	}
	m := &metric.Group{}
	w, err := sink.Writer(connect.WriterContext{Metrics: m}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(&column.Batch{N: 5, Sel: []int32{0, 3}}); err != nil {
		t.Fatal(err)
	}
	if n := m.Counter("numRecordsDropped").Value(); n != 2 {
		t.Errorf("%d rows are counted, want the 2 that count", n)
	}
	if _, err := Table.NewSink(&connect.TableSpec{Options: map[string]string{"path": "x"}}); err == nil {
		t.Error("an option is taken that there is not")
	}
}
