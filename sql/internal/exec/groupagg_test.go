package exec

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// field is a column that may be NULL.

// callOf is a call of an aggregate function, written as COUNT(DISTINCT 1) with numbers of columns.
func callOf(t testing.TB, in []row.Field, text string, filter int) agg.Call {
	t.Helper()
	name, args, _ := strings.Cut(strings.TrimSuffix(text, ")"), "(")
	c := agg.Call{Func: agg.Lookup(name), Filter: filter, Name: text}
	args, c.Distinct = strings.CutPrefix(args, "DISTINCT ")
	var xs []expr.Expr
	for _, a := range strings.Fields(strings.ReplaceAll(args, ",", " ")) {
		i, err := strconv.Atoi(a)
		if err != nil {
			t.Fatal(err)
		}
		c.Args = append(c.Args, i)
		xs = append(xs, &expr.Input{Index: i, T: in[i].Type})
	}
	var err error
	if c.T, err = c.Func.Type(xs, true); err != nil {
		t.Fatal(err)
	}
	return c
}

// groupOf is a GROUP BY.
func groupOf(t testing.TB, in []row.Field, keys []int, calls ...string) *GroupAggregate {
	t.Helper()
	g := &GroupAggregate{In: in, Keys: keys, Before: true}
	for _, k := range keys {
		g.Out = append(g.Out, in[k])
	}
	for _, text := range calls {
		c := callOf(t, in, text, -1)
		g.Calls = append(g.Calls, c)
		g.Out = append(g.Out, row.Field{Name: text, Type: c.T})
	}
	return g
}

var keyValue = []row.Field{field("k", row.StringType()), field("v", row.Of(row.BigInt))}

func TestGroupChanges(t *testing.T) {
	op := groupOf(t, keyValue, []int{0}, "COUNT()", "SUM(1)", "MAX(1)")
	op.EachRow, op.Retract = true, true
	h := newHarness(t, op, nil, keyValue)
	h.push(0, "-D a 1") // of a group that is not known
	h.want()
	h.push(0, "+I a 5", "+I a 3", "+I NULL NULL", "-U a 5", "+U a 4", "-D a 3", "-D a 4", "+I a 1", "mark 7")
	h.want("+I [a,1,5,5]", "-U [a,1,5,5]", "+U [a,2,8,5]", "+I [NULL,1,NULL,NULL]", "-U [a,2,8,5]", "+U [a,1,3,3]",
		"-U [a,1,3,3]", "+U [a,2,7,4]", "-U [a,2,7,4]", "+U [a,1,4,4]", "-D [a,1,4,4]", "+I [a,1,1,1]", "mark 7")
}

func TestGroupUnchangedIsNotSent(t *testing.T) {
	op := groupOf(t, keyValue, []int{0}, "MAX(1)")
	op.EachRow = true
	h := newHarness(t, op, nil, keyValue)
	h.push(0, "+I a 5", "+I a 3", "+I a 6")
	h.want("+I [a,5]", "-U [a,5]", "+U [a,6]")
}

func TestGroupWithoutBefore(t *testing.T) {
	op := groupOf(t, keyValue, []int{0}, "MAX(1)")
	op.EachRow, op.Before = true, false
	h := newHarness(t, op, nil, keyValue)
	h.push(0, "+I a 5", "+I a 6")
	h.want("+I [a,5]", "+U [a,6]")
}

func TestGroupPutsTheRowsOfABatchTogether(t *testing.T) {
	op := groupOf(t, keyValue, []int{0}, "COUNT()", "SUM(1)")
	op.Retract = true
	h := newHarness(t, op, nil, keyValue)
	h.push(0, "+I b 1", "+I a 5", "+I b 2", "+I c 1", "-D c 1")
	h.want("+I [b,2,3]", "+I [a,1,5]")
	h.push(0, "+I a 1", "-D b 1", "-D a 5", "-D a 1")
	h.want("-D [a,1,5]", "-U [b,2,3]", "+U [b,1,2]")
}

func TestGlobalGroup(t *testing.T) {
	op := groupOf(t, keyValue, nil, "COUNT()", "SUM(1)")
	op.Retract = true
	h := newHarness(t, op, nil, keyValue)
	h.end()
	h.want()
	h = newHarness(t, op, nil, keyValue)
	h.push(0, "+I a 1")
	h.push(0, "-D a 1")
	h.want("+I [1,1]", "-D [1,1]")
	op = groupOf(t, keyValue, nil, "COUNT()", "SUM(1)")
	op.Final = true
	h = newHarness(t, op, nil, keyValue)
	h.end()
	h.want("+I [0,NULL]")
	h = newHarness(t, op, nil, keyValue)
	h.push(0, "+I a 1", "+I b 2")
	h.restart()
	h.push(0, "+I b 4")
	h.want()
	h.end()
	h.want("+I [3,7]")
}

// TestFinalGroupsOnDisk groups more rows than there is memory for, and gives the groups at the end.
func TestFinalGroupsOnDisk(t *testing.T) {
	op := groupOf(t, keyValue, []int{0}, "COUNT()", "MAX(1)", "COUNT(DISTINCT 1)")
	op.Final = true
	h := newHarness(t, op, nil, keyValue)
	defer h.close()
	h.onDisk()
	want := map[string]int{}
	for i := range 3000 {
		h.push(0, fmt.Sprintf("+I k%d %d", i, i), fmt.Sprintf("+I k%d %d", i/2, i))
		distinct := map[int]bool{i: true, 2 * i: true, 2*i + 1: true}
		if 2*i >= 3000 {
			distinct = map[int]bool{i: true}
		}
		rows := 1
		if 2*i < 3000 {
			rows = 3
		}
		most := i
		if rows == 3 {
			most = 2*i + 1
		}
		want[fmt.Sprintf("[k%d,%d,%d,%d]", i, rows, most, len(distinct))] = 1
	}
	h.want()
	h.end()
	if got := materialize(t, h.take()); !maps.Equal(got, want) {
		t.Errorf("there are %d groups, want %d", len(got), len(want))
	}
}

func TestDistinctRows(t *testing.T) {
	op := groupOf(t, keyValue, []int{0, 1})
	h := newHarness(t, op, nil, keyValue)
	h.push(0, "+I a 1", "+I b NULL", "+I a 1", "+I b NULL")
	h.want("+I [a,1]", "+I [b,NULL]")
	h.push(0, "+I a 1", "+I a 2")
	h.want("+I [a,2]")
}

// Calls on the same values with several filters have values in common, and do not get each other's.
func TestDistinctValuesByFilter(t *testing.T) {
	in := append(slices.Clone(keyValue), field("f", row.Of(row.Boolean)), field("g", row.Of(row.Boolean)))
	for _, retract := range []bool{false, true} {
		op := groupOf(t, in, []int{0}, "COUNT(DISTINCT 1)", "COUNT(DISTINCT 1)", "COUNT(DISTINCT 1)", "SUM(DISTINCT 1)", "ARRAY_AGG(DISTINCT 1)")
		op.Calls[1].Filter, op.Calls[2].Filter, op.Calls[3].Filter = 2, 3, 3
		op.Retract = retract
		h := newHarness(t, op, nil, in)
		h.push(0, "+I a 1 true false", "+I a 2 false NULL", "+I a NULL true true", "+I b 1 true true")
		h.want("+I [a,2,1,0,NULL,[1, 2, NULL]]", "+I [b,1,1,1,1,[1]]")
		h.restart()
		h.push(0, "+I a 2 true true", "+I a 1 true true", "+I a NULL true true", "+I b 1 true true")
		h.want("-U [a,2,1,0,NULL,[1, 2, NULL]]", "+U [a,2,2,2,3,[1, 2, NULL]]")
		if !retract {
			continue
		}
		h.push(0, "-D a 2 true true", "-D a 1 true false", "-D a NULL true true")
		h.want("-U [a,2,2,2,3,[1, 2, NULL]]", "+U [a,2,1,1,1,[1, 2, NULL]]")
		h.push(0, "-D a 2 false NULL", "-D a NULL true true")
		h.want("-U [a,2,1,1,1,[1, 2, NULL]]", "+U [a,1,1,1,1,[1]]")
	}
}

// What was taken away without having been there does not count for a group that comes with the same key later.
func TestDistinctValuesGoWithTheGroup(t *testing.T) {
	op := groupOf(t, keyValue, []int{0}, "COUNT(DISTINCT 1)")
	op.Retract = true
	h := newHarness(t, op, nil, keyValue)
	h.push(0, "+I a 1", "+I b 1")
	h.push(0, "-D a 9")
	h.push(0, "+I a 1", "+I a 9", "+I b 1")
	h.want("+I [a,1]", "+I [b,1]", "-D [a,1]", "+I [a,2]")
	h.push(0, "-D a 9", "-D a 1", "-D b 1", "-D b 1")
	h.want("-D [a,2]", "-D [b,1]")
	if n := h.node.(*groupAggregate).sets.Len(); n != 0 {
		t.Errorf("%d values are left of groups that are gone", n)
	}
}

func TestGroupTTL(t *testing.T) {
	op := groupOf(t, keyValue, []int{0}, "COUNT()", "COUNT(DISTINCT 1)")
	op.TTL = time.Minute
	h := newHarness(t, op, nil, keyValue)
	h.push(0, "+I a 1")
	h.advance(59 * time.Second)
	h.push(0, "+I a 1")
	h.want("+I [a,1,1]", "-U [a,1,1]", "+U [a,2,1]")
	h.advance(30 * time.Second) // the timer of the first row
	h.restart()
	h.push(0, "+I b 1")
	h.advance(31 * time.Second)
	h.push(0, "+I a 1") // has expired
	h.want("+I [b,1,1]", "+I [a,1,1]")
	h.advance(10 * time.Minute)
	h.advance(10 * time.Minute)
	n := h.node.(*groupAggregate)
	n.table.each(func(uint64, uint64, []byte, agg.Acc) { t.Error("a group is left") })
}

// wide has a column of each type that the model knows.
var model = []row.Field{
	field("k", row.StringType()), field("i", row.Of(row.Int)), field("s", row.StringType()), field("d", row.DecimalOf(20, 2)),
	field("f", row.Of(row.Boolean)),
}

var modelCalls = []string{
	"COUNT()", "COUNT(1)", "SUM(1)", "AVG(1)", "MIN(1)", "MAX(1)", "MIN(2)", "MAX(2)", "COUNT(DISTINCT 1)", "SUM(DISTINCT 1)", "SUM(3)",
	"MAX(3)", "FIRST_VALUE(1)", "LAST_VALUE(2)", "LISTAGG(2)", "ARRAY_AGG(1)", "COLLECT(2)", "JSON_ARRAYAGG NULL(1)",
}

// modelRow is a row of the model; NULL is "".
type modelRow struct{ k, i, s, d, f string }

func (r modelRow) text() string {
	parts := []string{r.k, r.i, r.s, r.d, r.f}
	for i, p := range parts {
		if p == "" {
			parts[i] = "NULL"
		}
	}
	return strings.Join(parts, " ")
}

// longText does not stand in the words of an accumulator.
var longText = strings.Repeat("long", 10)

// modelGroup is the values of a group's rows in the order in which they came: when a row goes, the first value of each
// column goes that is the same.
type modelGroup struct {
	rows            int
	ints, texts, ds []string
}

func (g *modelGroup) add(r modelRow) {
	g.ints, g.texts, g.ds = append(g.ints, r.i), append(g.texts, r.s), append(g.ds, r.d)
}

func (g *modelGroup) remove(r modelRow) {
	for list, v := range map[*[]string]string{&g.ints: r.i, &g.texts: r.s, &g.ds: r.d} {
		at := slices.Index(*list, v)
		*list = slices.Delete(*list, at, at+1)
	}
}

// numbers are those that are not NULL.
func numbers(texts []string) (list []int, sum int) {
	for _, s := range texts {
		if n, err := strconv.Atoi(s); err == nil {
			list = append(list, n)
			sum += n
		}
	}
	return list, sum
}

// values computes modelCalls.
func (g *modelGroup) values() string {
	ints, sum := numbers(g.ints)
	decimals, total := numbers(g.ds)
	texts := slices.DeleteFunc(slices.Clone(g.texts), func(s string) bool { return s == "" })
	distinct := slices.Compact(slices.Sorted(slices.Values(ints)))
	distinctSum := 0
	for _, n := range distinct {
		distinctSum += n
	}
	array := "NULL"
	var json string
	if len(g.ints) > 0 {
		var parts []string
		for _, s := range g.ints {
			if s == "" {
				s = "null"
			}
			parts = append(parts, s)
		}
		json = strings.Join(parts, ",")
		array = strings.ToUpper("[" + strings.Join(parts, ", ") + "]")
	}
	var collected []string
	sorted := slices.Sorted(slices.Values(texts))
	for _, k := range slices.Compact(slices.Clone(sorted)) {
		n := 0
		for _, s := range texts {
			if s == k {
				n++
			}
		}
		collected = append(collected, fmt.Sprintf("%s=%d", k, n))
	}
	ifInt := func(f func() int) string {
		if len(ints) == 0 {
			return "NULL"
		}
		return strconv.Itoa(f())
	}
	ifText := func(f func() string) string {
		if len(texts) == 0 {
			return "NULL"
		}
		return f()
	}
	cents := func(f func() int) string {
		if len(decimals) == 0 {
			return "NULL"
		}
		return fmt.Sprintf("%.2f", float64(f())/100)
	}
	return strings.Join([]string{
		strconv.Itoa(len(g.ints)), strconv.Itoa(len(ints)),
		ifInt(func() int { return sum }), ifInt(func() int { return sum / len(ints) }),
		ifInt(func() int { return slices.Min(ints) }), ifInt(func() int { return slices.Max(ints) }),
		ifText(func() string { return sorted[0] }), ifText(func() string { return sorted[len(sorted)-1] }),
		strconv.Itoa(len(distinct)), ifInt(func() int { return distinctSum }),
		cents(func() int { return total }), cents(func() int { return slices.Max(decimals) }),
		ifInt(func() int { return ints[0] }), ifText(func() string { return texts[len(texts)-1] }),
		ifText(func() string { return strings.Join(texts, ",") }), array,
		"{" + strings.Join(collected, ", ") + "}", "[" + json + "]",
	}, ",")
}

// TestGroupsAreThoseOfAModel groups random changes, in batches of some sizes, with and without restarts, and with
// all calls under a FILTER too.
func TestGroupsAreThoseOfAModel(t *testing.T) {
	for seed := range seeds(30) {
		for _, size := range []int{1, 3, 1024} {
			for _, filter := range []int{-1, 4} {
				checkGroups(t, seed, size, filter, seed%3 != 0)
			}
		}
	}
}

func checkGroups(t *testing.T, seed uint64, size, filter int, retract bool) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, uint64(size)))
	op := groupOf(t, model, []int{0}, modelCalls...)
	op.Retract = retract
	for i := range op.Calls {
		op.Calls[i].Filter = filter
	}
	h := newHarness(t, op, nil, model)
	defer h.close()
	if seed%2 == 0 {
		h.onDisk()
	}
	pick := func(values ...string) string { return values[rng.IntN(len(values))] }
	var rows []modelRow
	groups := map[string]*modelGroup{}
	var pending []string
	for range 300 {
		r := modelRow{
			pick("", "a", "b", "c"), pick("", "1", "-2", "30", "4"), pick("", "x", "y", "zz", longText), pick("", "150", "-25", "7"),
			pick("", "true", "false"),
		}
		kinds := []string{"+I ", "+U "}
		if at := rng.IntN(2*len(rows) + 2); retract && at < len(rows) {
			r, kinds = rows[at], []string{"-U ", "-D "}
			rows = slices.Delete(rows, at, at+1)
		} else {
			rows = append(rows, r)
		}
		pending = append(pending, pick(kinds...)+r.text())
		g := groups[r.k]
		if g == nil {
			g = &modelGroup{}
			groups[r.k] = g
		}
		g.rows++
		if kinds[0][0] == '-' {
			g.rows -= 2
		}
		switch {
		case filter >= 0 && r.f != "true":
		case kinds[0][0] == '-':
			g.remove(r)
		default:
			g.add(r)
		}
		if len(pending) == size {
			h.push(0, pending...)
			pending = nil
			if rng.IntN(20) == 0 {
				h.restart()
			}
		}
	}
	h.push(0, pending...)
	want := map[string]int{}
	for k, g := range groups {
		if k == "" {
			k = "NULL"
		}
		if g.rows > 0 {
			want["["+k+","+g.values()+"]"] = 1
		}
	}
	if got := materialize(t, h.take()); !maps.Equal(got, want) {
		t.Fatalf("seed %d, batches of %d, filter %d: the groups are\n%v\nwant\n%v", seed, size, filter, got, want)
	}
}

// Calls of other kinds, for 1 k keys and 100 values of each.
func BenchmarkGroupCalls(b *testing.B) {
	in := []row.Field{field("k", row.Of(row.Int).Nullable(false)), field("v", row.Of(row.BigInt)), field("s", row.StringType())}
	for _, c := range []struct {
		call    string
		filter  int
		retract bool
	}{
		{"SUM(1)", -1, false},
		{"AVG(1)", -1, false},
		{"STDDEV_POP(1)", -1, false},
		{"MAX(1)", -1, false},
		{"MAX(2)", -1, false},
		{"MAX(1)", -1, true},
		{"COUNT(DISTINCT 1)", -1, false},
		{"LAST_VALUE(2)", -1, false},
		{"LAST_VALUE(1)", -1, true},
		{"SUM(1)", 3, false},
	} {
		b.Run(fmt.Sprintf("%s/filter=%v/retract=%v", c.call, c.filter >= 0, c.retract), func(b *testing.B) {
			in := append(slices.Clone(in), field("f", row.Of(row.Boolean)))
			op := groupOf(b, in, []int{0}, c.call)
			op.Calls[0].Filter, op.Retract = c.filter, c.retract
			h := newHarness(b, op, nil, in)
			h.keep = false
			var batches []*batch.Columns
			rng := rand.New(rand.NewPCG(1, 2))
			for range 200 {
				x := h.pools[0].Get()
				k, v := 0, uint64(0)
				for i := range batch.MaxRows {
					kind := row.Insert
					if c.retract && i%2 == 1 { // what was added just now goes
						kind = row.Delete
					} else {
						k, v = rng.IntN(1000), rng.Uint64N(100)
					}
					x.Cols[0].AppendI32(int32(k))
					x.Cols[1].AppendI64(int64(v))
					x.Cols[2].AppendString("text " + strconv.FormatUint(v, 10))
					x.Cols[3].AppendBool(v%2 == 0)
					x.Add(kind)
				}
				batches = append(batches, x)
			}
			for _, x := range batches {
				h.node.Receiver(0).(batch.ColumnReceiver).Push(x.Share())
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				h.node.Receiver(0).(batch.ColumnReceiver).Push(batches[i%len(batches)].Share())
				i++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch.MaxRows), "ns/row")
		})
	}
}

func BenchmarkGroupAggregate(b *testing.B) {
	for _, c := range []struct {
		name string
		t    *row.Type
		keys uint64
	}{
		{"INT NOT NULL/1K", row.Of(row.Int).Nullable(false), 1000},
		{"INT/1K", row.Of(row.Int), 1000},
		{"STRING/1K", row.StringType(), 1000},
		{"INT NOT NULL/1M", row.Of(row.Int).Nullable(false), 1_000_000},
		{"STRING/1M", row.StringType(), 1_000_000},
	} {
		b.Run(c.name, func(b *testing.B) {
			in := []row.Field{field("k", c.t), field("v", row.Of(row.BigInt))}
			op := groupOf(b, in, []int{0}, "COUNT()", "SUM(1)")
			h := newHarness(b, op, nil, in)
			h.keep = false
			var batches []*batch.Columns
			rng := rand.New(rand.NewPCG(1, 2))
			for range 2000 {
				x := h.pools[0].Get()
				for range batch.MaxRows {
					k := rng.Uint64N(c.keys)
					if c.t.Kind == row.Int {
						x.Cols[0].AppendI32(int32(k))
					} else {
						x.Cols[0].AppendString("key " + strconv.FormatUint(k, 10))
					}
					x.Cols[1].AppendI64(int64(k))
					x.Add(row.Insert)
				}
				batches = append(batches, x)
			}
			for _, x := range batches {
				h.node.Receiver(0).(batch.ColumnReceiver).Push(x.Share())
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				h.node.Receiver(0).(batch.ColumnReceiver).Push(batches[i%len(batches)].Share())
				i++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch.MaxRows), "ns/row")
		})
	}
}

// TestKeysWithTheSameHash groups rows whose keys differ and whose hashes do not.
func TestKeysWithTheSameHash(t *testing.T) {
	in := []row.Field{field("k", row.Of(row.Int)), field("v", row.Of(row.BigInt))}
	for _, values := range [][]string{{"1", "2"}, {"1", "NULL"}} {
		h := newHarness(t, groupOf(t, in, []int{0}, "COUNT()"), nil, in)
		b := h.batch(0, "+I "+values[0]+" 0", "+I "+values[1]+" 0", "+I "+values[0]+" 0")
		hashes := b.HashColumn()
		for i := range hashes {
			hashes[i] = 12345
		}
		h.node.Receiver(0).(batch.ColumnReceiver).Push(b)
		h.want("+I ["+values[0]+",2]", "+I ["+values[1]+",1]")
	}
}
