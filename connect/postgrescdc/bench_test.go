package postgrescdc

import (
	"encoding/binary"
	"testing"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/format/formattest"
	pools "github.com/flott-dev/flott/internal/batch"
)

// insertReader is a reader of a table of four columns, an insert of which is a message of the log.
func insertReader(tb testing.TB) (r *columnReader, rel *relation, message []byte) {
	tb.Helper()
	schema := formattest.Schema("id BIGINT NOT NULL, n INT, price DECIMAL(20,2), s STRING")
	s := &columnSource{tableSource: &tableSource{cfg: &config{}}, schema: schema, fields: schema.Fields}
	r = &columnReader{s: s, bindings: map[*relation]*binding{}}
	rel = &relation{id: 7, schema: "public", name: "t", columns: []relationColumn{{"id", 20, true}, {"n", 23, false}, {"price", 1700, false}, {"s", 25, false}}}
	if err := r.rebind(rel); err != nil {
		tb.Fatal(err)
	}
	message = binary.BigEndian.AppendUint32(nil, 7)
	message = append(message, 'N')
	return r, rel, appendTuple(message, [][]byte{[]byte("1234567"), []byte("42"), []byte("1234.56"), []byte("a text of some length")})
}

// TestDecodingDoesNotAllocate: a change costs no memory but that of the batches.
func TestDecodingDoesNotAllocate(t *testing.T) {
	r, rel, message := insertReader(t)
	out, pool := connect.NewColumnOutput(), pools.NewColumnPool(r.s.schema, 1024)
	rows := pool.Get()
	defer rows.Release()
	out.Reset(rows)
	if n := testing.AllocsPerRun(500, func() {
		m, err := parseChange(kindInsert, message)
		if err != nil {
			t.Fatal(err)
		}
		c := change{relation: rel, kind: kindInsert, new: m.new}
		if err := r.append(out, &c); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkDecode decodes inserts of four columns.
func BenchmarkDecode(b *testing.B) {
	r, rel, message := insertReader(b)
	out, pool := connect.NewColumnOutput(), pools.NewColumnPool(r.s.schema, 1024)
	b.ReportAllocs()
	for b.Loop() {
		rows := pool.Get()
		out.Reset(rows)
		for range 1000 {
			m, err := parseChange(kindInsert, message)
			if err != nil {
				b.Fatal(err)
			}
			c := change{relation: rel, kind: kindInsert, new: m.new}
			if err := r.append(out, &c); err != nil {
				b.Fatal(err)
			}
		}
		rows.Release()
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "changes/s")
}
