package exec

import (
	"fmt"
	"testing"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// joinDrain takes what a join gives.
type joinDrain struct{ rows int }

func (d *joinDrain) Push(b *batch.Columns) bool {
	d.rows += b.Len()
	b.Release()
	return true
}

// BenchmarkJoin joins two streams of a million keys, which come in random order: the left side's rows first, which
// find no partner ("keep"), then the right side's, which find one each ("join"). Rows that find no partner and are not kept
// are "probe".
func BenchmarkJoin(b *testing.B) {
	const keys = 1 << 20
	k := row.Of(row.BigInt)
	k.NotNull = true
	open := func(b *testing.B, kind logical.JoinKind, unique bool, final ...bool) (*joinRig, *joinDrain) {
		j := joinOf(kind, k)
		j.Final = len(final) > 0
		if unique {
			j.LeftUnique, j.RightUnique = []int{0}, []int{0}
		}
		g := newJoinRig(b, j, j.Left, j.Right, batch.MaxRows).open(nil)
		g.close()
		g.node = j.Node()
		d := &joinDrain{}
		if err := g.node.Connect("", batch.ColumnReceiver(d)); err != nil {
			b.Fatal(err)
		}
		if err := g.node.Open(g.ctx); err != nil {
			b.Fatal(err)
		}
		return g, d
	}
	// rows pushes rows of the keys from one number up to another.
	rows := func(g *joinRig, input int, from, to uint64, kind row.ChangeKind) {
		r := g.node.Receiver(input).(batch.ColumnReceiver)
		for i := from; i < to; i += batch.MaxRows {
			c := g.pools[input].Get()
			for n := range uint64(batch.MaxRows) {
				x := (i + n) * 0x9e3779b97f4a7c15
				c.Cols[0].AppendI64(int64(x >> 20))
				c.Cols[1].AppendI64(int64(i))
				c.Cols[2].AppendI64(int64(n))
				c.Add(kind)
			}
			r.Push(c)
		}
	}
	for _, unique := range []bool{false, true} {
		name := fmt.Sprintf("unique=%v", unique)
		b.Run("keep/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				g, _ := open(b, logical.Inner, unique)
				b.StartTimer()
				rows(g, 0, 0, keys, row.Insert)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/keys, "ns/row")
		})
		b.Run("join/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				g, d := open(b, logical.Inner, unique)
				rows(g, 0, 0, keys, row.Insert)
				b.StartTimer()
				rows(g, 1, 0, keys, row.Insert)
				if d.rows != keys {
					b.Fatal(d.rows)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/keys, "ns/row")
		})
	}
	b.Run("final", func(b *testing.B) { // rows of both sides
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			g, d := open(b, logical.Inner, false, true)
			b.StartTimer()
			rows(g, 0, 0, keys, row.Insert)
			rows(g, 1, 0, keys, row.Insert)
			g.end()
			if d.rows != keys {
				b.Fatal(d.rows)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(2*keys), "ns/row")
	})
	b.Run("update/rows of one key", func(b *testing.B) { // of 100,000 rows of a key one changes
		b.ReportAllocs()
		g, d := open(b, logical.Inner, false)
		r := g.node.Receiver(0).(batch.ColumnReceiver)
		one := func(kind row.ChangeKind, v, id int64) {
			c := g.pools[0].Get()
			c.Cols[0].AppendI64(1)
			c.Cols[1].AppendI64(v)
			c.Cols[2].AppendI64(id)
			c.Add(kind)
			r.Push(c)
		}
		const n = 100_000
		for i := range int64(n) {
			one(row.Insert, 0, i)
		}
		i := int64(0)
		for b.Loop() {
			id := i * 7919 % n
			one(row.UpdateBefore, i/n, id)
			one(row.UpdateAfter, i/n+1, id)
			i++
		}
		if d.rows != 0 {
			b.Fatal(d.rows)
		}
	})
	b.Run("probe", func(b *testing.B) {
		b.ReportAllocs()
		g, d := open(b, logical.Inner, false)
		rows(g, 0, 0, keys, row.Insert)
		from := uint64(keys)
		n := uint64(0)
		for b.Loop() { // what is taken away is not kept
			rows(g, 1, from, from+keys, row.Delete)
			from += keys
			n += keys
		}
		if d.rows != 0 {
			b.Fatal(d.rows)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/row")
	})
}

// BenchmarkTimedJoins joins two streams of rows with times, in batches of 1,024 rows of each side, with a watermark
// after both. Each row has one partner; ns/row counts the rows of both sides.
func BenchmarkTimedJoins(b *testing.B) {
	k := row.Of(row.BigInt)
	k.NotNull = true
	timed := timedInput(k)
	window := windowInput(k)
	for _, c := range []struct {
		name   string
		op     Op
		fields []row.Field
	}{
		{"interval", intervalJoinOf(logical.Inner, k, -1000, 1000), timed},
		{"interval outer", intervalJoinOf(logical.Full, k, -1000, 1000), timed},
		{"temporal", temporalJoinOf(logical.Inner, k), timed},
		{"window", windowJoinOf(logical.Inner, k), window},
	} {
		b.Run(c.name, func(b *testing.B) {
			g := newJoinRig(b, c.op, c.fields, c.fields, batch.MaxRows).open(nil)
			g.close()
			g.node = c.op.Node()
			d := &joinDrain{}
			if err := g.node.Connect("", batch.ColumnReceiver(d)); err != nil {
				b.Fatal(err)
			}
			if err := g.node.Open(g.ctx); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				at := int64(i) * 100
				for _, s := range []int{1, 0} {
					c := g.pools[s].Get()
					for n := range batch.MaxRows {
						c.Cols[0].AppendI64(int64((i*batch.MaxRows + n) % 1_000_000 * 7919))
						c.Cols[1].AppendI64(int64(n))
						if len(c.Cols) == 3 {
							c.Cols[2].AppendTimestamp(at*1000, 0)
						} else {
							c.Cols[2].AppendTimestamp(at/1000*1_000_000, 0)
							c.Cols[3].AppendTimestamp(at/1000*1_000_000+1_000_000, 0)
						}
						c.Add(row.Insert)
					}
					if s == 0 {
						c.Mark(at - 1)
					}
					g.node.Receiver(s).(batch.ColumnReceiver).Push(c)
				}
				i++
			}
			rows := 2 * batch.MaxRows * b.N
			if d.rows == 0 {
				b.Fatal("nothing was joined")
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
		})
	}
}
