package json

import (
	"testing"

	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/internal/cputime"
)

const bid = `{"auction":1000,"bidder":1000,"price":581734,"channel":"Apple","url":"https://www.example.com/a0/b3/c7/item.htm?query=1&channel_id=395","dateTime":"2024-01-01 00:00:00.046","extra":"ycabcdefghijklmnopqrstuvwxyz012345678"}`

func BenchmarkBid(b *testing.B) {
	schema := formattest.Schema("auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` TIMESTAMP(3), extra STRING")
	for _, c := range []struct {
		name    string
		project []int
	}{{"All", nil}, {"Two", []int{0, 2}}, {"None", []int{}}} {
		b.Run(c.name, func(b *testing.B) {
			t := &format.Table{Schema: schema, Project: c.project}
			newDecoder, err := Factory.NewDecoder(t)
			if err != nil {
				b.Fatal(err)
			}
			d, batch := newDecoder(), formattest.Batch(Factory, t)
			record := []byte(bid)
			b.SetBytes(int64(len(record)))
			b.ReportAllocs()
			begin := cputime.Process()
			for b.Loop() {
				if batch.N == 1024 {
					batch.Reset()
				}
				if err := d.Decode(record, batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cputime.Process()-begin)/float64(b.N), "cpu-ns/op")
		})
	}
}
