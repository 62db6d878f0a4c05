package exchange

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/cputime"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
)

// order is a row of about 100 bytes, encoded.
type order struct {
	ID, Customer, Price int64
	Quantity            int32
	URL, Country        string
}

func orderAt(rng *rand.Rand, i int) order {
	return order{
		ID: int64(i), Customer: rng.Int64N(1 << 40), Price: rng.Int64N(100_000), Quantity: int32(rng.IntN(9)),
		URL: fmt.Sprintf("https://shop.example/%016x/item.html", rng.Uint64()), Country: "Switzerland",
	}
}

func fullRows(b *testing.B) (EdgeType, batch.Any) {
	enc, err := codec.For[order](nil)
	if err != nil {
		b.Fatal(err)
	}
	rng, rows := rand.New(rand.NewPCG(1, 2)), batch.NewPool[order](0).Get()
	for i := 0; !rows.Full(); i++ {
		rows.Add(orderAt(rng, i), 1_700_000_000_000+int64(i))
	}
	for i := range rows.KeyColumn() {
		rows.Keys[i] = rng.Uint64()
	}
	rows.Mark(1_700_000_000_000)
	return &Edge[order]{Codec: enc}, rows
}

// fewRows is a batch as a short buffer timeout makes it.
func fewRows(b *testing.B) (EdgeType, batch.Any) {
	edge, full := fullRows(b)
	rows := full.(*batch.Rows[order])
	few := batch.NewPool[order](0).Get()
	for i := range 10 {
		few.Add(rows.Vals[i], rows.Times[i])
	}
	copy(few.KeyColumn(), rows.Keys)
	return edge, few
}

func fullColumns(b *testing.B) (EdgeType, batch.Any) {
	e := &ColumnEdge{
		Schema: &row.Schema{Fields: []row.Field{
			{Name: "id", Type: row.Of(row.BigInt)},
			{Name: "customer", Type: row.Of(row.BigInt)},
			{Name: "price", Type: row.Of(row.BigInt)},
			{Name: "quantity", Type: row.Of(row.Int)},
			{Name: "url", Type: row.StringType()},
			{Name: "country", Type: row.StringType()},
			{Name: "time", Type: row.Of(row.BigInt)},
		}},
		Keys: []int{4}, KeyTypes: []*row.Type{row.StringType()},
	}
	rng, c := rand.New(rand.NewPCG(1, 2)), e.decoded().Get()
	for i := range batch.MaxRows {
		o := orderAt(rng, i)
		c.Cols[0].AppendI64(o.ID)
		c.Cols[1].AppendI64(o.Customer)
		c.Cols[2].AppendI64(o.Price)
		c.Cols[3].AppendI32(o.Quantity)
		c.Cols[4].AppendBytes([]byte(o.URL))
		c.Cols[5].AppendBytes([]byte(o.Country))
		c.Cols[6].AppendI64(1_700_000_000_000 + int64(i))
		c.Add(row.Insert)
	}
	h := e.hasher()
	h.fill(c)
	c.Mark(1_700_000_000_000)
	return e, c
}

// BenchmarkRemote sends full batches from one process's end of a channel to the other's, over loopback:
// the times are the CPU's, of both ends, from the batch that a writer ships to the one that a task takes.
func BenchmarkRemote(b *testing.B) {
	for _, c := range []struct {
		name string
		full func(*testing.B) (EdgeType, batch.Any)
	}{{"rows", fullRows}, {"rows, ten a batch", fewRows}, {"columns", fullColumns}} {
		b.Run(c.name, func(b *testing.B) {
			edge, full := c.full(b)
			p := newProcesses(b, overTCP)
			defer p.close(b)
			news := make(chan struct{}, 1)
			g := NewGate(1, true, func() { signal(news) })
			l := p.connect(b, g.NewChannel(0, 0, false), edge)
			run := func(n int) {
				done := make(chan struct{})
				go func() {
					for got := 0; got < n; {
						e, ok := g.Poll()
						if !ok {
							<-news
							continue
						}
						if e.Batch != nil {
							e.Batch.Release()
							got++
						}
					}
					g.Poll() // gives the room back
					close(done)
				}()
				for range n {
					for room := l.out.Send(full.Ref()); !room; room = l.out.Room() {
						<-l.room
					}
				}
				<-done
			}
			run(100)
			size := len(edge.AppendBatch(nil, full))
			rows := float64(b.N) * float64(full.Len())
			b.ReportAllocs()
			b.SetBytes(int64(size))
			before := cputime.Process()
			b.ResetTimer()
			run(b.N)
			b.StopTimer()
			cpu := float64(cputime.Process() - before)
			b.ReportMetric(cpu/rows, "cpu-ns/row")
			b.ReportMetric(float64(size)*float64(b.N)/cpu, "GB/cpu-s")
			b.ReportMetric(float64(size)/float64(full.Len()), "B/row")
			l.out.Control(operator.Control{Kind: operator.EndOfInput, Input: -1})
			l.out.Abandon()
			g.Discard()
		})
	}
}

// BenchmarkFrames encodes and decodes full batches.
func BenchmarkFrames(b *testing.B) {
	for _, c := range []struct {
		name string
		full func(*testing.B) (EdgeType, batch.Any)
	}{{"rows", fullRows}, {"columns", fullColumns}} {
		edge, full := c.full(b)
		data := edge.AppendBatch(nil, full)
		read, err := edge.BatchReader(edge.FlightType())
		if err != nil {
			b.Fatal(err)
		}
		measure := func(name string, do func()) {
			b.Run(c.name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(data)))
				before := cputime.Process()
				for b.Loop() {
					do()
				}
				cpu := float64(cputime.Process() - before)
				b.ReportMetric(cpu/float64(b.N)/float64(full.Len()), "cpu-ns/row")
			})
		}
		measure("append", func() { data = edge.AppendBatch(data[:0], full) })
		measure("read", func() {
			got, err := read(data)
			if err != nil {
				b.Fatal(err)
			}
			got.Release()
		})
	}
}
