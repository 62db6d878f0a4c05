package exchange

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
)

// The columns of these tests are a number, a text and a key that is a text.
var (
	testSchema = &row.Schema{Fields: []row.Field{
		{Name: "n", Type: row.Of(row.BigInt)},
		{Name: "text", Type: row.StringType()},
		{Name: "key", Type: row.StringType()},
	}}
	testKey = []*row.Type{row.StringType()}
)

func keyedColumns() *ColumnEdge {
	return &ColumnEdge{Schema: testSchema, Keys: []int{2}, KeyTypes: testKey}
}

func addTestRow(b *batch.Columns, n int) {
	b.Cols[0].AppendI64(int64(n))
	b.Cols[1].AppendString(strings.Repeat("x", n%5))
	if n%7 == 0 {
		b.Cols[2].AppendNull()
	} else {
		b.Cols[2].AppendString(fmt.Sprint("key ", n%7))
	}
	b.Add(row.ChangeKind(n % 3 % 2 * 3)) // inserts and deletes
}

func testHash(b *batch.Columns, place int) uint64 {
	k := colcodec.NewKey(testKey)
	return k.HashOf(k.Append(nil, b.Cols[2:], place))
}

// testNumber is the number of a row, which is checked against the rest of it.
func testNumber(t interface{ Fatalf(string, ...any) }, b *batch.Columns, place int, keyed bool) int {
	n := int(b.Cols[0].I64[place])
	if got := len(b.Cols[1].Bytes(place)); got != n%5 {
		t.Fatalf("row %d has a text of %d bytes", n, got)
	}
	if n%7 == 0 != b.Cols[2].IsNull(place) || n%7 > 0 && string(b.Cols[2].Bytes(place)) != fmt.Sprint("key ", n%7) {
		t.Fatalf("row %d has another key", n)
	}
	if got := b.Kind(place); got != row.ChangeKind(n%3%2*3) {
		t.Fatalf("row %d is %v", n, got)
	}
	if keyed && b.Hashes[place] != testHash(b, place) {
		t.Fatalf("row %d has hash %x", n, b.Hashes[place])
	}
	return n
}

// TestColumnWriterStrategies is TestWriterStrategies for columns: batches with a selection or without,
// larger than those of the edge, shared and borrowed.
func TestColumnWriterStrategies(t *testing.T) {
	owners := map[graph.Strategy]func(hash uint64, n int) int{
		graph.Keyed: func(hash uint64, n int) int {
			return operator.SubtaskOf(codec.KeyGroup(hash, 128), 128, n)
		},
		graph.Rebalance: func(uint64, int) int { return -1 }, graph.Rescale: func(uint64, int) int { return -1 },
		graph.Shuffle: func(uint64, int) int { return -1 }, graph.Broadcast: func(uint64, int) int { return -2 },
		graph.Global: func(uint64, int) int { return 0 },
	}
	for strategy, owner := range owners {
		t.Run(strategy.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { checkColumnWriter(t, strategy, owner) })
		})
	}
}

func checkColumnWriter(t *rapid.T, strategy graph.Strategy, owner func(hash uint64, n int) int) {
	n := rapid.IntRange(1, 4).Draw(t, "channels")
	now := int64(1)
	cfg := WriterConfig{
		Strategy: strategy, MaxParallelism: 128, Now: func() int64 { return now },
		TimeoutNanos: rapid.SampledFrom([]int64{-1, 0, 5}).Draw(t, "timeout"),
	}
	var gates []*Gate
	for range n {
		g := NewGate(1, true, func() {})
		gates = append(gates, g)
		cfg.Channels = append(cfg.Channels, g.NewChannel(0, 0, false))
	}
	edge := &ColumnEdge{Schema: testSchema}
	if strategy == graph.Keyed {
		edge = keyedColumns()
	}
	w := edge.NewWriter(cfg).(*ColumnWriter)
	pool := batch.NewColumnPool(testSchema, 1000)
	want, got, place := make([]delivery, n), make([]delivery, n), map[int]int{}
	sent, mark := 0, int64(0)
	for range rapid.IntRange(1, 10).Draw(t, "batches") {
		b := pool.Get()
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		size := rapid.SampledFrom([]int{0, 1, 7, 300, 700, 1500}).Draw(t, "rows")
		var sel []int32
		sparse := rapid.SampledFrom([]int{1, 2, 9}).Draw(t, "of how many rows one counts")
		for range size {
			if rng.IntN(sparse) == 0 {
				sel = append(sel, int32(b.N))
			}
			addTestRow(b, sent)
			sent++
		}
		if sparse > 1 {
			b.Keep(sel)
		}
		for i := range b.Len() + 1 {
			if rng.IntN(1+b.Len()/3) == 0 {
				mark++
				b.Marks = append(b.Marks, batch.Mark{Row: i, Time: mark})
			}
		}
		expectColumns(want, b, func(p int) int { return owner(testHash(b, p), n) }, place)
		if rapid.Bool().Draw(t, "borrowed") {
			child := pool.Get()
			child.Borrow(b)
			copy(child.Cols, b.Cols)
			b = child
		}
		var twin *batch.Columns
		if rapid.Bool().Draw(t, "shared") {
			twin = b.Share()
		}
		w.Push(b)
		if twin != nil {
			twin.Release()
		}
		now++
	}
	w.Control(operator.Control{Kind: operator.Barrier, ID: 3})
	for i, g := range gates {
		got[i] = receiveColumns(t, g, strategy == graph.Keyed)
		for _, e := range got[i] {
			var k int
			if _, err := fmt.Sscanf(e, "row %d", &k); err == nil && place[k] < 0 {
				place[k] = i
			}
		}
	}
	checkDelivery(t, want, got, place)
}

func expectColumns(want []delivery, b *batch.Columns, owner func(place int) int, place map[int]int) {
	marks := b.Marks
	for i := 0; ; i++ {
		for ; len(marks) > 0 && marks[0].Row == i; marks = marks[1:] {
			for k := range want {
				want[k] = append(want[k], fmt.Sprint("mark ", marks[0].Time))
			}
		}
		if i == b.Len() {
			return
		}
		o, n := owner(b.Row(i)), int(b.Cols[0].I64[b.Row(i)])
		for k := range want {
			if o < 0 || o == k {
				want[k] = append(want[k], fmt.Sprint("row ", n))
			}
		}
		if o == -1 {
			place[n] = -1
		}
	}
}

func receiveColumns(t interface{ Fatalf(string, ...any) }, g *Gate, keyed bool) (d delivery) {
	for {
		e, ok := g.Poll()
		if !ok {
			return d
		}
		if e.Batch == nil {
			d = append(d, fmt.Sprintf("control %d/%d", e.Control.Kind, e.Control.ID))
			continue
		}
		b := e.Batch.(*batch.Columns)
		marks := b.Marks
		for i := 0; ; i++ {
			for ; len(marks) > 0 && marks[0].Row == i; marks = marks[1:] {
				d = append(d, fmt.Sprint("mark ", marks[0].Time))
			}
			if i == b.Len() {
				break
			}
			d = append(d, fmt.Sprint("row ", testNumber(t, b, b.Row(i), keyed)))
		}
		if len(marks) > 0 {
			t.Fatalf("marks %v are behind the end", marks)
		}
		b.Release()
	}
}

// TestColumnFlights encodes batches as unaligned snapshots and spilled overflow do, and has each subtask
// of another parallelism keep its rows.
func TestColumnFlights(t *testing.T) {
	e := keyedColumns()
	for _, hashed := range []bool{false, true} {
		b := e.decoded().Get()
		for n := range 200 {
			addTestRow(b, n)
		}
		var sel []int32
		for p := int32(0); p < 200; p += 2 {
			sel = append(sel, p)
		}
		b.Keep(sel)
		b.Mark(7)
		if hashed {
			h := e.hasher()
			h.fill(b)
		}
		data := appendFlight(appendFlight(nil, e, b), e, b)
		read, err := e.BatchReader(e.FlightType())
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			var all []int
			rest := data
			for subtask := range 3 {
				var f batch.Any
				if f, rest, err = readFlight(read, data); err != nil {
					t.Fatal(err)
				}
				c := f.(*batch.Columns)
				if len(c.Marks) != 1 || c.Marks[0] != (batch.Mark{Row: 100, Time: 7}) {
					t.Fatalf("marks %v", c.Marks)
				}
				c.Marks = c.Marks[:0]
				e.Keep(f, Share{graph.Keyed, 128, 3, subtask})
				for i := range c.Len() {
					all = append(all, testNumber(t, c, c.Row(i), true))
				}
				f.Release()
			}
			slices.Sort(all)
			if len(all) != 100 || all[0] != 0 || all[99] != 198 {
				t.Fatalf("the subtasks have %v", all)
			}
			data = rest
		}
		if len(data) > 0 {
			t.Errorf("%d bytes are left", len(data))
		}
		for cut := range data {
			if _, _, err := readFlight(read, data[:cut]); err == nil {
				t.Fatalf("%d bytes are decoded", cut)
			}
		}
		b.Release()
	}
}

func TestColumnFlightsOfOtherTypesAreRefused(t *testing.T) {
	e := keyedColumns()
	other := &ColumnEdge{Schema: &row.Schema{Fields: []row.Field{{Name: "n", Type: row.Of(row.Int)}}}}
	_, err := e.BatchReader(other.FlightType())
	if err == nil || !strings.Contains(err.Error(), "the columns change from SQL ROW<`n` INT> to SQL ROW<`n` BIGINT, ") {
		t.Errorf("got %v", err)
	}
	byNumber := &ColumnEdge{Schema: testSchema, Keys: []int{0}, KeyTypes: []*row.Type{row.Of(row.BigInt)}}
	_, err = e.BatchReader(byNumber.FlightType())
	if err == nil || !strings.Contains(err.Error(), "key changes from") {
		t.Errorf("got %v", err)
	}
}

// TestColumnPartitions writes the channel of a blocking exchange, in memory and on disk.
func TestColumnPartitions(t *testing.T) {
	for _, budget := range []int64{0, 1} {
		s := &Spill{Bytes: budget}
		e := keyedColumns()
		p := e.NewPartition(s)
		for n := 0; n < 5000; {
			b := e.decoded().Get()
			for ; !b.Full() && n < 5000; n++ {
				addTestRow(b, n)
			}
			b.Mark(1)
			if err := p.Add(b); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.End(); err != nil {
			t.Fatal(err)
		}
		n := 0
		for {
			b, err := p.Next()
			if err != nil {
				t.Fatal(err)
			}
			if b == nil {
				break
			}
			c := b.(*batch.Columns)
			for i := range c.Len() {
				if got := testNumber(t, c, c.Row(i), true); got != n {
					t.Fatalf("row %d comes in place of %d", got, n)
				}
				n++
			}
			b.Release()
		}
		if n != 5000 {
			t.Errorf("%d rows", n)
		}
		p.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestColumnEdgeChecksItsKeys(t *testing.T) {
	for want, e := range map[string]*ColumnEdge{
		"":                               keyedColumns(),
		"1 key columns have 0 types":     {Schema: testSchema, Keys: []int{1}},
		"key column 3 is none of the 3":  {Schema: testSchema, Keys: []int{3}, KeyTypes: testKey},
		`key column "n" is BIGINT`:       {Schema: testSchema, Keys: []int{0}, KeyTypes: testKey},
		`key column "key" may be NULL, `: {Schema: testSchema, Keys: []int{2}, KeyTypes: []*row.Type{testKey[0].Nullable(false)}},
	} {
		if err := e.Check(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func BenchmarkColumnWriter(b *testing.B) {
	for _, channels := range []int{1, 4} {
		b.Run(fmt.Sprint("channels=", channels), func(b *testing.B) {
			cfg := WriterConfig{Strategy: graph.Keyed, MaxParallelism: 128, TimeoutNanos: -1, Now: func() int64 { return 1 }}
			var gates []*Gate
			for range channels {
				g := NewGate(1, true, func() {})
				gates = append(gates, g)
				cfg.Channels = append(cfg.Channels, g.NewChannel(0, 0, false))
			}
			w := keyedColumns().NewWriter(cfg).(*ColumnWriter)
			in := batch.NewColumnPool(testSchema, 0).Get()
			for n := 0; !in.Full(); n++ {
				addTestRow(in, n)
			}
			for b.Loop() {
				w.Push(in.Share())
				for _, g := range gates {
					for {
						e, ok := g.Poll()
						if !ok {
							break
						}
						e.Batch.Release()
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(in.N), "ns/row")
			b.ReportAllocs()
		})
	}
}
