package colcodec

import (
	"fmt"
	"testing"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

func benchTable(n int) ([]*row.Type, *column.Batch) {
	types := []*row.Type{row.Of(row.BigInt), row.Of(row.Int), row.StringType(), row.Of(row.Double)}
	b := &column.Batch{Cols: emptyLike(types), N: n}
	for i := range n {
		b.Cols[0].AppendI64(int64(i) * 7919)
		b.Cols[1].AppendI32(int32(i % 100))
		b.Cols[2].AppendString(fmt.Sprint("text ", i%1000))
		b.Cols[3].AppendF64(float64(i) / 3)
	}
	return types, b
}

func perRow(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/row")
	b.ReportAllocs()
}

func BenchmarkAppendBatch(b *testing.B) {
	_, in := benchTable(1024)
	var dst []byte
	for b.Loop() {
		dst = Append(dst[:0], in)
	}
	b.ReportMetric(float64(len(dst))/1024, "B/row")
	perRow(b, 1024)
}

func BenchmarkDecodeBatch(b *testing.B) {
	types, in := benchTable(1024)
	src := Append(nil, in)
	out := &column.Batch{Cols: emptyLike(types)}
	for b.Loop() {
		out.Reset()
		if _, err := Decode(out, src); err != nil {
			b.Fatal(err)
		}
	}
	perRow(b, 1024)
}

func BenchmarkHashes(b *testing.B) {
	types, in := benchTable(1024)
	dst := make([]uint64, 1024)
	for _, n := range []int{1, 3} {
		b.Run(fmt.Sprint("columns=", n), func(b *testing.B) {
			k := NewKey(types[:n])
			for b.Loop() {
				k.Hashes(dst, in.Cols[:n])
			}
			perRow(b, 1024)
		})
	}
}

func BenchmarkRows(b *testing.B) {
	types, in := benchTable(1024)
	l := NewLayout(types)
	var dst []byte
	b.Run("append", func(b *testing.B) {
		for b.Loop() {
			dst = dst[:0]
			for i := range in.N {
				dst = l.Append(dst, in.Cols, i)
			}
		}
		perRow(b, 1024)
	})
	b.Run("decode", func(b *testing.B) {
		out := emptyLike(types)
		for b.Loop() {
			for _, c := range out {
				c.Reset()
			}
			for rest := dst; len(rest) > 0; {
				var err error
				if rest, err = l.Decode(rest, out); err != nil {
					b.Fatal(err)
				}
			}
		}
		perRow(b, 1024)
	})
}
