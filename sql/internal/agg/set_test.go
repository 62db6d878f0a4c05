package agg_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// bench computes calls for groups by name, which are namespaces of one key.
type bench struct {
	t      testing.TB
	in     []row.Field
	set    *agg.Set
	side   *agg.Side
	calls  []agg.Call
	groups map[string][]uint64
}

func newBench(t testing.TB, in []row.Field, retract bool, calls ...string) *bench {
	t.Helper()
	b := &bench{t: t, in: in, groups: map[string][]uint64{}}
	for _, text := range calls {
		b.calls = append(b.calls, callOf(t, in, text))
	}
	b.set = agg.NewSet(in, b.calls, retract)
	back := keyed.NewBackend(&operator.Context{Parallelism: 1, MaxParallelism: 1, Clock: clock.NewManual(time.Unix(0, 0))}, true)
	back.Set(codec.HashWord(7), 7, nil)
	side, err := agg.NewSide(back)
	if err != nil {
		t.Fatal(err)
	}
	b.side = side
	if b.set.HasSide() {
		b.set.Bind(side)
	}
	return b
}

// callOf is a call written as COUNT(DISTINCT 1), with numbers of columns.
func callOf(t testing.TB, in []row.Field, text string) agg.Call {
	t.Helper()
	name, args, _ := strings.Cut(strings.TrimSuffix(text, ")"), "(")
	c := agg.Call{Func: agg.Lookup(name), Filter: -1}
	args, c.Distinct = strings.CutPrefix(args, "DISTINCT ")
	var xs []expr.Expr
	for _, a := range strings.Fields(strings.ReplaceAll(args, ",", " ")) {
		i, err := strconv.Atoi(a)
		if err != nil {
			t.Fatal(err)
		}
		c.Args = append(c.Args, i)
		if name == "LISTAGG" && len(xs) == 1 { // its separator is a constant, which comes as a column
			xs = append(xs, &expr.Literal{Value: column.New(in[i].Type)})
			continue
		}
		xs = append(xs, &expr.Input{Index: i, T: in[i].Type})
	}
	var err error
	if c.T, err = c.Func.Type(xs, true); err != nil {
		t.Fatal(err)
	}
	return c
}

func (b *bench) group(name string) agg.Acc {
	if b.groups[name] == nil {
		b.groups[name] = make([]uint64, b.set.Words())
	}
	return &b.groups[name][0]
}

// update adds rows, "1 a", to a group, and takes those away that begin with "-".
func (b *bench) update(group string, rows ...string) error {
	b.t.Helper()
	r := &agg.Rows{Current: func(int) { b.side.Namespace([]byte(group)) }}
	for _, f := range b.in {
		r.Cols = append(r.Cols, column.New(f.Type))
	}
	var minus []bool
	some := false
	for i, text := range rows {
		text, isMinus := strings.CutPrefix(text, "-: ")
		minus, some = append(minus, isMinus), some || isMinus
		for c, v := range strings.Split(text, " ") {
			appendText(b.t, r.Cols[c], v)
		}
		r.Places = append(r.Places, int32(i))
		r.Accs = append(r.Accs, b.group(group))
	}
	if some {
		r.Minus = minus
	}
	return b.set.Update(r)
}

func appendText(t testing.TB, v *column.Vector, s string) {
	t.Helper()
	if s == "NULL" {
		v.AppendNull()
		return
	}
	if v.Type.Kind == row.Array {
		for _, e := range strings.Split(s, ";") {
			appendText(t, v.Children[0], e)
		}
		v.EndList()
		return
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && column.FormOf(v.Type) != column.FormBytes {
		t.Fatal(err)
	}
	switch column.FormOf(v.Type) {
	case column.FormBytes:
		v.AppendString(s)
	case column.FormI32:
		v.AppendI32(int32(f))
	case column.FormI64:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		v.AppendI64(n)
	case column.FormF32:
		v.AppendF32(float32(f))
	case column.FormF64:
		v.AppendF64(f)
	case column.FormDecimal:
		n, err := strconv.ParseInt(strings.ReplaceAll(s, ".", ""), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		v.AppendDecimal(column.Int128From(n))
	case column.FormTimestamp:
		v.AppendTimestamp(int64(f), int32(int64(f)%7))
	default:
		t.Fatalf("there are no values of %s in tests", v.Type)
	}
}

// values are those of a group.
func (b *bench) values(group string) []string {
	b.t.Helper()
	var out []*column.Vector
	for _, c := range b.calls {
		out = append(out, column.New(c.T))
	}
	g := &agg.Groups{Accs: []agg.Acc{b.group(group)}, Current: func(int) { b.side.Namespace([]byte(group)) }}
	if err := b.set.Append(g, out); err != nil {
		b.t.Fatal(err)
	}
	var texts []string
	for _, v := range out {
		switch {
		case v.N != 1:
			b.t.Fatalf("there are %d values of a group", v.N)
		case v.IsNull(0):
			texts = append(texts, "NULL")
		default:
			texts = append(texts, string(builtin.AppendText(nil, &expr.Context{Zone: time.UTC}, v, 0)))
		}
	}
	return texts
}

func TestValues(t *testing.T) {
	type rows []string
	array := row.ArrayOf(row.Of(row.Double))
	for _, c := range []struct {
		types []*row.Type
		call  string
		rows  rows
		want  string
	}{
		{[]*row.Type{row.Of(row.TinyInt)}, "SUM(0)", rows{"100", "100", "101"}, "45"},
		{[]*row.Type{row.Of(row.Int)}, "SUM(0)", rows{"2147483647", "1"}, "-2147483648"},
		{[]*row.Type{row.Of(row.Int)}, "SUM(0)", rows{"NULL"}, "NULL"},
		{[]*row.Type{row.Of(row.Int)}, "$SUM0(0)", rows{"NULL"}, "0"},
		{[]*row.Type{row.Of(row.Int)}, "AVG(0)", rows{"-1", "-2"}, "-1"},
		{[]*row.Type{row.Of(row.Int)}, "AVG(0)", rows{"2147483647", "2147483647"}, "2147483647"},
		{[]*row.Type{row.Of(row.BigInt).Nullable(false)}, "SUM(0)", rows{}, "NULL"},
		{[]*row.Type{row.Of(row.BigInt).Nullable(false)}, "SUM(0)", rows{"5", "-7", "-: 5"}, "-7"},
		{[]*row.Type{row.Of(row.Float)}, "AVG(0)", rows{"0.1", "0.2"}, "0.15"},
		{[]*row.Type{row.Of(row.Float)}, "SUM(0)", rows{"16777216", "1", "1"}, "1.6777216E7"},
		{[]*row.Type{row.Of(row.Double)}, "SUM(0)", rows{"0.1", "0.2", "0.3"}, "0.6000000000000001"},
		{[]*row.Type{row.DecimalOf(5, 2)}, "SUM(0)", rows{"999.99", "0.01"}, "1000.00"},
		{[]*row.Type{row.DecimalOf(5, 2)}, "AVG(0)", rows{"1.00", "2.00", "2.00"}, "1.666667"},
		{[]*row.Type{row.DecimalOf(5, 2)}, "AVG(0)", rows{"-1.00", "-2.00", "-2.00"}, "-1.666667"},
		{[]*row.Type{row.DecimalOf(10, 8)}, "AVG(0)", rows{"1.00000001", "1.00000002"}, "1.00000002"},
		{[]*row.Type{row.Of(row.Int)}, "STDDEV(0)", rows{"1", "2", "4"}, "1"},
		{[]*row.Type{row.Of(row.Int)}, "VAR_SAMP(0)", rows{"20", "15"}, "13"},
		{[]*row.Type{row.Of(row.Int)}, "VAR_SAMP(0)", rows{"20"}, "NULL"},
		{[]*row.Type{row.Of(row.Int)}, "VAR_POP(0)", rows{"20"}, "0"},
		{[]*row.Type{row.Of(row.Int)}, "VAR_POP(0)", rows{"NULL"}, "NULL"},
		{[]*row.Type{row.Of(row.Double)}, "VAR_POP(0)", rows{"1", "2", "3", "4"}, "1.25"},
		{[]*row.Type{row.Of(row.Double)}, "STDDEV_POP(0)", rows{"1", "2", "3", "4", "9", "-: 9"}, "1.118033988749895"},
		{[]*row.Type{row.DecimalOf(5, 2)}, "VAR_SAMP(0)", rows{"1.00", "2.00", "4.00"}, "2.333334"},
		{[]*row.Type{row.DecimalOf(5, 2)}, "STDDEV_SAMP(0)", rows{"1.00", "2.00", "4.00"}, "1.527525"},
		{[]*row.Type{row.Of(row.Double)}, "MAX(0)", rows{"-1", "NaN", "Inf"}, "NaN"},
		{[]*row.Type{row.Of(row.Double)}, "MIN(0)", rows{"NaN", "-1", "-Inf"}, "-Infinity"},
		{[]*row.Type{row.StringType()}, "MAX(0)", rows{"~", "é", "z"}, "é"},
		{[]*row.Type{row.TimestampOf(9)}, "MIN(0)", rows{"8000008", "8000007"}, "1970-01-01 00:00:08.000007001"},
		{[]*row.Type{row.StringType(), row.StringType()}, "LISTAGG(0,1)", rows{"a ;", "b ;", "NULL ;"}, "a;b"},
		{[]*row.Type{row.StringType()}, "LISTAGG(DISTINCT 0)", rows{"a", "b", "a"}, "a,b"},
		{[]*row.Type{row.StringType(), row.Of(row.Int)}, "JSON_OBJECTAGG(0,1)", rows{"b 1", "a NULL", "b 2"}, `{"a":null,"b":2}`},
		{[]*row.Type{row.StringType(), row.Of(row.Int)}, "JSON_OBJECTAGG ABSENT(0,1)", rows{"b 1", "a NULL"}, `{"b":1}`},
		{[]*row.Type{row.StringType()}, "JSON_ARRAYAGG(0)", rows{"b", "NULL", `"`}, `["b","\""]`},
		{[]*row.Type{row.StringType()}, "JSON_ARRAYAGG(0)", rows{}, "[]"},
		{[]*row.Type{row.Of(row.Int)}, "ARRAY_AGG(0)", rows{}, "NULL"},
		{[]*row.Type{row.Of(row.Int)}, "COLLECT(0)", rows{}, "{}"},
		{[]*row.Type{row.Of(row.Int)}, "SINGLE_VALUE(0)", rows{"1", "-: 1", "NULL"}, "NULL"},
		{[]*row.Type{row.StringType()}, "SINGLE_VALUE(0)", rows{"a", "-: a", "b"}, "b"},
		{[]*row.Type{row.Of(row.Int), row.Of(row.Double)}, "PERCENTILE(0,1)", rows{"1 0.3", "NULL 0.3", "4 0.3", "2 0.3"}, "1.6"},
		{[]*row.Type{row.Of(row.Int), array}, "PERCENTILE(0,1)", rows{"10 0;0.5;1", "20 0;0.5;1"}, "[10.0, 15.0, 20.0]"},
		{
			[]*row.Type{row.DecimalOf(5, 2), row.Of(row.Double), row.Of(row.Int)},
			"PERCENTILE(0,1,2)",
			rows{"1.00 0.5 1", "3.00 0.5 3", "-: 3.00 0.5 1", "5.00 0.5 0"},
			"3.0",
		},
		{[]*row.Type{row.Of(row.Int)}, "APPROX_COUNT_DISTINCT(0)", rows{"1", "2", "NULL", "1"}, "2"},
		{[]*row.Type{row.StringType()}, "COUNT(DISTINCT 0)", rows{"a", "NULL", "a", "b", "-: a", "-: a"}, "1"},
	} {
		var in []row.Field
		for i, x := range c.types {
			in = append(in, row.Field{Name: fmt.Sprint("c", i), Type: x})
		}
		retract := slices.ContainsFunc(c.rows, func(r string) bool { return r[0] == '-' && r[1] == ':' })
		b := newBench(t, in, retract, c.call)
		if len(c.rows) > 0 {
			if err := b.update("g", c.rows...); err != nil {
				t.Errorf("%s of %v: %v", c.call, c.rows, err)
				continue
			}
		}
		if got := b.values("g")[0]; got != c.want {
			t.Errorf("%s of %v of %v is %s, want %s", c.call, c.types, c.rows, got, c.want)
		}
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		types []*row.Type
		call  string
		rows  []string
		want  string
	}{
		{[]*row.Type{row.Of(row.Int)}, "SINGLE_VALUE(0)", []string{"1", "1"}, "more than one row"},
		{[]*row.Type{row.StringType(), row.Of(row.Int)}, "JSON_OBJECTAGG(0,1)", []string{"NULL 1"}, "a key is NULL"},
		{[]*row.Type{row.Of(row.Int), row.Of(row.Double)}, "PERCENTILE(0,1)", []string{"1 1.5"}, "not from 0 to 1"},
	} {
		var in []row.Field
		for i, x := range c.types {
			in = append(in, row.Field{Name: fmt.Sprint("c", i), Type: x})
		}
		err := newBench(t, in, false, c.call).update("g", c.rows...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %v fails with %v, want %s", c.call, c.rows, err, c.want)
		}
	}
}

var wide = []row.Field{
	{Name: "i", Type: row.Of(row.Int)},
	{Name: "s", Type: row.StringType()},
	{Name: "d", Type: row.DecimalOf(30, 2)},
	{Name: "ts", Type: row.TimestampOf(9)},
	{Name: "p", Type: row.ArrayOf(row.Of(row.Double)).Nullable(false)},
	{Name: "n", Type: row.Of(row.BigInt).Nullable(false)},
}

var allCalls = []string{
	"COUNT()", "COUNT(0)", "SUM(0)", "AVG(0)", "SUM(2)", "AVG(2)", "SUM(5)", "MIN(0)", "MAX(0)", "MIN(1)", "MAX(1)", "MIN(2)", "MAX(2)", "MIN(3)", "MAX(3)",
	"STDDEV_POP(0)", "VAR_SAMP(2)", "FIRST_VALUE(0)", "LAST_VALUE(0)", "FIRST_VALUE(1)", "LAST_VALUE(1)", "FIRST_VALUE(3)", "LISTAGG(1)",
	"ARRAY_AGG(0)", "COLLECT(1)", "COLLECT(4)", "JSON_ARRAYAGG(0)", "JSON_ARRAYAGG NULL(1)", "COUNT(DISTINCT 1)", "SUM(DISTINCT 0)", "LISTAGG(DISTINCT 1)",
	"ARRAY_AGG(DISTINCT 0)", "PERCENTILE(0,4)", "MAX(5)", "LAST_VALUE(5)",
}

func randomRow(rng *rand.Rand) string {
	pick := func(values ...string) string { return values[rng.IntN(len(values))] }
	return strings.Join([]string{
		pick("NULL", "1", "-2", "30", "7"), pick("NULL", "x", "yy", "z", strings.Repeat("long", 10), "exactly-24-bytes-of-text", "exactly-25-bytes-of-a-txt"), pick("NULL", "1.50", "-0.25", "99999999.99"),
		pick("NULL", "15", "8", "1000000"), "0.5;1", pick("1", "-9", "9223372036854775807"),
	}, " ")
}

// TestMergedGroupsAreOneGroup adds rows to two groups, puts them together, and compares that with one group of all rows.
func TestMergedGroupsAreOneGroup(t *testing.T) {
	for seed := range uint64(40) {
		for _, retract := range []bool{false, true} {
			rng := rand.New(rand.NewPCG(seed, 3))
			calls := slices.Clone(allCalls)
			if !retract {
				calls = append(calls, "APPROX_COUNT_DISTINCT(1)")
			}
			b := newBench(t, wide, retract, calls...)
			for _, g := range []string{"a", "b"} {
				for range rng.IntN(6) {
					r := randomRow(rng)
					if err := b.update(g, r); err != nil {
						t.Fatal(err)
					}
					if err := b.update("c", r); err != nil {
						t.Fatal(err)
					}
				}
			}
			before := b.values("b")
			b.side.Namespace([]byte("a"))
			if err := b.set.Merge(b.group("a"), b.group("b"), []byte("b")); err != nil {
				t.Fatal(err)
			}
			got, want := b.values("a"), b.values("c")
			for i, call := range calls {
				if strings.HasSuffix(call, "AGG(DISTINCT 0)") || strings.HasSuffix(call, "AGG(DISTINCT 1)") {
					got[i], want[i] = sortedText(got[i]), sortedText(want[i]) // the order is not kept
				}
				if got[i] != want[i] {
					t.Errorf("seed %d, retract %v: %s is %s, want %s", seed, retract, call, got[i], want[i])
				}
			}
			if after := b.values("b"); !slices.Equal(before, after) {
				t.Errorf("seed %d: the group that was merged is %v, was %v", seed, after, before)
			}
		}
	}
}

func sortedText(s string) string {
	parts := strings.Split(strings.ReplaceAll(strings.Trim(s, "[]"), " ", ""), ",")
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// TestRowsThatGoLeaveNothing adds rows and takes some away, in one update, and compares that with a group of those that
// stay. The rows that go differ from the others, so that the order of the rest is known.
func TestRowsThatGoLeaveNothing(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 4))
		b := newBench(t, wide, true, allCalls...)
		var rows, stay []string
		for i := range rng.IntN(8) {
			r := randomRow(rng)
			rows, stay = append(rows, r), append(stay, r)
			if rng.IntN(2) == 0 {
				gone := fmt.Sprintf("%d g%d 3.0%d %d 0.5;1 4", 100+i, i, i, 77+i)
				rows = append(rows, gone)
				if at := len(rows); rng.IntN(2) == 0 {
					rows = append(rows, randomRow(rng))
					stay = append(stay, rows[at])
				}
				rows = append(rows, "-: "+gone)
			}
		}
		if len(rows) > 0 {
			if err := b.update("a", rows...); err != nil {
				t.Fatal(err)
			}
			if err := b.update("b", stay...); err != nil {
				t.Fatal(err)
			}
		}
		got, want := b.values("a"), b.values("b")
		for i, call := range allCalls {
			if got[i] != want[i] {
				t.Errorf("seed %d: %s is %s, want %s, after %q", seed, call, got[i], want[i], rows)
			}
		}
	}
}

// TestForget drops a group and no other.
func TestForget(t *testing.T) {
	b := newBench(t, wide, true, allCalls...)
	for _, g := range []string{"a", "b"} {
		if err := b.update(g, "1 x 1.50 15 0.5;1 1"); err != nil {
			t.Fatal(err)
		}
	}
	was := b.values("b")
	b.side.Namespace([]byte("a"))
	b.side.Forget()
	b.groups["a"] = nil
	empty := newBench(t, wide, true, allCalls...).values("a")
	if got := b.values("a"); !slices.Equal(got, empty) {
		t.Errorf("a group that was dropped is %v, want %v", got, empty)
	}
	if got := b.values("b"); !slices.Equal(got, was) {
		t.Errorf("the other group is %v, want %v", got, was)
	}
}

func TestApproximateCounts(t *testing.T) {
	in := []row.Field{{Name: "i", Type: row.Of(row.BigInt)}}
	for _, n := range []int{100, 10_000, 100_000} {
		b := newBench(t, in, false, "APPROX_COUNT_DISTINCT(0)")
		var rows []string
		for i := range n {
			rows = append(rows, strconv.Itoa(i))
		}
		if err := b.update("g", rows...); err != nil {
			t.Fatal(err)
		}
		got, err := strconv.Atoi(b.values("g")[0])
		if err != nil || got < n*97/100 || got > n*103/100 {
			t.Errorf("%d different values are about %d", n, got)
		}
	}
}
