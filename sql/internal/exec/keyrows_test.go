package exec

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/row"
)

var timedRows = []row.Field{field("k", row.Of(row.Int)), field("v", row.StringType()), field("ts", row.TimestampOf(3))}

func TestDeduplicate(t *testing.T) {
	for _, c := range []struct {
		name string
		op   Deduplicate
		want []string
	}{
		{"first", Deduplicate{Rowtime: -1}, []string{"+I [1,a,1970-01-01 00:00:00.005]", "+I [2,b,1970-01-01 00:00:00.005]"}},
		{"last", Deduplicate{Rowtime: -1, Last: true, Before: true}, []string{
			"+I [1,a,1970-01-01 00:00:00.005]", "+I [2,b,1970-01-01 00:00:00.005]", "-U [1,a,1970-01-01 00:00:00.005]", "+U [1,c,1970-01-01 00:00:00.003]",
			"-U [1,c,1970-01-01 00:00:00.003]", "+U [1,d,1970-01-01 00:00:00.005]",
		}},
		{"first by time", Deduplicate{Rowtime: 2}, []string{
			"+I [1,a,1970-01-01 00:00:00.005]", "+I [2,b,1970-01-01 00:00:00.005]", "+U [1,c,1970-01-01 00:00:00.003]",
		}},
		{"last by time", Deduplicate{Rowtime: 2, Last: true, Before: true}, []string{
			"+I [1,a,1970-01-01 00:00:00.005]", "+I [2,b,1970-01-01 00:00:00.005]", "-U [1,a,1970-01-01 00:00:00.005]", "+U [1,d,1970-01-01 00:00:00.005]",
			"-U [1,d,1970-01-01 00:00:00.005]", "+U [1,d,1970-01-01 00:00:00.005]",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			op := c.op
			op.In, op.Keys, op.EachRow = timedRows, []int{0}, true
			h := newHarness(t, &op, nil, timedRows)
			h.push(0, "+I 1 a 5", "+I 2 b 5", "+I 1 c 3")
			h.restart()
			h.push(0, "+I 1 d 5", "+I 1 d 5")
			h.want(c.want...)
			// What remains is the same when a batch's rows are put together.
			op.EachRow = false
			h = newHarness(t, &op, nil, timedRows)
			h.push(0, "+I 1 a 5", "+I 2 b 5", "+I 1 c 3", "+I 1 d 5", "+I 1 d 5")
			together := h.take()
			last := func(changes []string) map[string]string {
				rows := map[string]string{}
				for _, c := range changes {
					if k, r, _ := strings.Cut(c[4:], ","); c[0] == '+' {
						rows[k] = r
					}
				}
				return rows
			}
			if !maps.Equal(last(together), last(c.want)) || len(together) != 2 {
				t.Errorf("of one batch %q, each row %q", together, c.want)
			}
		})
	}
}

func TestDeduplicateTTL(t *testing.T) {
	for _, last := range []bool{false, true} {
		op := &Deduplicate{In: keyValue, Keys: []int{0}, Last: last, Rowtime: -1, TTL: time.Minute}
		h := newHarness(t, op, nil, keyValue)
		h.push(0, "+I a 1")
		h.advance(40 * time.Second)
		h.push(0, "+I a 1")
		h.advance(40 * time.Second)
		h.push(0, "+I a 1")
		if last { // each row counts as a change
			h.want("+I [a,1]", "+U [a,1]", "+U [a,1]")
		} else { // the first one counts
			h.want("+I [a,1]", "+I [a,1]")
		}
	}
}

func TestNormalize(t *testing.T) {
	op := &Normalize{In: keyValue, Keys: []int{0}, Before: true, EachRow: true}
	h := newHarness(t, op, nil, keyValue)
	h.push(0, "+U a 1", "+U a 1", "+I a 2", "-D b 1", "-D a NULL", "+U a 3", "+U NULL 1")
	h.want("+I [a,1]", "-U [a,1]", "+U [a,2]", "-D [a,2]", "+I [a,3]", "+I [NULL,1]")
	op.EachRow = false
	h = newHarness(t, op, nil, keyValue)
	h.push(0, "+U a 1", "+U b 1", "+U a 2", "-D c 1")
	h.restart()
	h.push(0, "-D a 2", "+U a 4", "-D b 1")
	h.want("+I [a,2]", "+I [b,1]", "-U [a,2]", "+U [a,4]", "-D [b,1]")
}

func TestMaterialize(t *testing.T) {
	op := &Materialize{In: keyValue, Keys: []int{0}, EachRow: true}
	h := newHarness(t, op, nil, keyValue)
	h.push(0, "+I a 1", "+U a 2", "-U a 1", "-U a 7", "+U a 3", "+U a 4", "-D a 4")
	h.want("+I [a,1]", "+U [a,2]", "+U [a,3]", "+U [a,4]", "+U [a,3]")
	h.restart()
	h.push(0, "-D a 2", "-D a 3")
	h.want("-D [a,3]")
}

// TestKeptRowsAreThoseOfAModel normalizes and materializes random changes, in batches of some sizes and with restarts.
func TestKeptRowsAreThoseOfAModel(t *testing.T) {
	for seed := range seeds(50) {
		for _, size := range []int{1, 3, 1024} {
			checkKept(t, seed, size)
		}
	}
}

func checkKept(t *testing.T, seed uint64, size int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 7))
	normal := newHarness(t, &Normalize{In: keyValue, Keys: []int{0}, Before: true}, nil, keyValue)
	sink := newHarness(t, &Materialize{In: keyValue, Keys: []int{0}}, nil, keyValue)
	if seed%2 == 0 {
		normal.onDisk()
		sink.onDisk()
	}
	defer normal.close()
	defer sink.close()
	rows := map[string][]string{} // that materialize has
	last := map[string]string{}   // that normalize has
	var upserts, changes []string
	for range 200 {
		k, v := string("abcd"[rng.IntN(4)]), strconv.Itoa(rng.IntN(5))
		if rng.IntN(3) == 0 {
			upserts = append(upserts, "-D "+k+" "+v)
			delete(last, k)
		} else {
			upserts = append(upserts, "+U "+k+" "+v)
			last[k] = v
		}
		if list := rows[k]; len(list) > 0 && rng.IntN(2) == 0 {
			v = list[rng.IntN(len(list))]
			at := slices.Index(list, v)
			rows[k] = slices.Delete(list, at, at+1)
			changes = append(changes, "-U "+k+" "+v)
		} else {
			rows[k] = append(list, v)
			changes = append(changes, "+I "+k+" "+v)
		}
		if len(upserts) == size {
			normal.push(0, upserts...)
			sink.push(0, changes...)
			upserts, changes = nil, nil
			if rng.IntN(20) == 0 {
				normal.restart()
				sink.restart()
			}
		}
	}
	normal.push(0, upserts...)
	sink.push(0, changes...)
	want := map[string]int{}
	for k, v := range last {
		want["["+k+","+v+"]"] = 1
	}
	if got := materialize(t, normal.take()); !maps.Equal(got, want) {
		t.Fatalf("seed %d, batches of %d: normalized\n%v\nwant\n%v", seed, size, got, want)
	}
	upserted := map[string]string{}
	for _, c := range sink.take() {
		k, v, _ := strings.Cut(strings.Trim(c[3:], "[]"), ",")
		if c[0] == '+' {
			upserted[k] = v
		} else {
			delete(upserted, k)
		}
	}
	wanted := map[string]string{}
	for k, list := range rows {
		if len(list) > 0 {
			wanted[k] = list[len(list)-1]
		}
	}
	if !maps.Equal(upserted, wanted) {
		t.Fatalf("seed %d, batches of %d: the sink has\n%v\nwant\n%v", seed, size, upserted, wanted)
	}
}

func BenchmarkKeptRows(b *testing.B) {
	in := []row.Field{field("k", row.Of(row.BigInt).Nullable(false)), field("v", row.Of(row.BigInt)), field("s", row.StringType())}
	timed := append(slices.Clone(in), field("ts", row.TimestampOf(3)))
	for _, c := range []struct {
		name string
		op   Op
	}{
		{"first", &Deduplicate{In: in, Keys: []int{0}, Rowtime: -1}},
		{"last", &Deduplicate{In: in, Keys: []int{0}, Rowtime: -1, Last: true, Before: true}},
		{"first by time", &FirstByTime{In: timed, Keys: []int{0}, Rowtime: 3}},
		{"normalize", &Normalize{In: in, Keys: []int{0}, Before: true}},
		{"materialize", &Materialize{In: in, Keys: []int{0}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			columns := in
			if _, ok := c.op.(*FirstByTime); ok {
				columns = timed
			}
			h := newHarness(b, c.op, nil, columns)
			h.keep = false
			x := h.pools[0].Get()
			rng := rand.New(rand.NewPCG(1, 2))
			k := int64(0)
			for i := range batch.MaxRows {
				if c.name != "materialize" || i%2 == 0 {
					k = rng.Int64N(10_000)
				}
				x.Cols[0].AppendI64(k)
				x.Cols[1].AppendI64(k)
				x.Cols[2].AppendString("some text")
				if len(columns) > 3 {
					x.Cols[3].AppendTimestamp(int64(i)*1000, 0)
				}
				kind := row.Insert
				if c.name == "materialize" && i%2 == 1 { // else its lists would grow
					kind = row.Delete
				}
				x.Add(kind)
			}
			b.ReportAllocs()
			for b.Loop() {
				h.node.Receiver(0).(batch.ColumnReceiver).Push(x.Share())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch.MaxRows), "ns/row")
		})
	}
}
