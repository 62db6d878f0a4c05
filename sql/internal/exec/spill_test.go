package exec

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// counting takes what a node gives, and counts rows.
type counting struct{ rows int }

func (c *counting) Push(b *batch.Columns) bool {
	c.rows += b.Len()
	b.Release()
	return true
}

// spilled is a row of the tests of memory: a number and a text of 200 bytes.
var spilled = []row.Field{field("k", row.Of(row.BigInt)), field("s", row.StringType())}

const spilledMemory = 16 << 20

// spilledRows is how many rows of 200 bytes there are. The race detector makes them slow: a quarter of them is still more than the
// memory that is allowed.
var spilledRows = 1 << (20 - 2*raceEnabled)

// peak is the peak of the live heap while f runs, above what there was before: what is garbage does not count, as that depends on
// when the collector gets to run.
func peak(f func()) int64 {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	runtime.GC()
	metrics.Read(live)
	before, most := live[0].Value.Uint64(), uint64(0)
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			metrics.Read(live)
			most = max(most, live[0].Value.Uint64())
			for range 1000 {
				runtime.Gosched()
			}
		}
	}()
	f()
	stop.Store(true)
	<-done
	return int64(most) - int64(before)
}

// feed gives rows to an input of a node, with keys below some number; 0 is for NULL.
func feed(r *rig, input, rows, keys int) {
	in := r.node.Receiver(input).(batch.ColumnReceiver)
	text := strings.Repeat("x", 190)
	for i := 0; i < rows; {
		b := r.pool.Get()
		for ; i < rows && !b.Full(); i++ {
			if keys > 0 {
				b.Cols[0].AppendI64(int64(i) * 7919 % int64(keys))
			} else {
				b.Cols[0].AppendNull()
			}
			b.Cols[1].AppendString(fmt.Sprintf("%s%010d", text, i*7919%rows))
			b.Add(row.Insert)
		}
		in.Push(b)
	}
}

// bounded checks that an operator gives so many rows of 200 MB of input (50 MB with the race detector) in little memory, and leaves no files.
func bounded(t *testing.T, op Op, out []row.Field, inputs, keys, want int) {
	t.Helper()
	if testing.Short() {
		t.Skip("200 MB")
	}
	c := &counting{}
	r := newRig(t, spilled, out, func() operator.Node { return op.Node() })
	r.close()
	r.node = op.Node()
	if err := errors.Join(r.node.Connect("", batch.ColumnReceiver(c)), r.node.Open(r.context(nil))); err != nil {
		t.Fatal(err)
	}
	most := peak(func() {
		for i := range inputs {
			feed(r, i, spilledRows/inputs, keys)
		}
		r.node.Control(operator.Control{Kind: operator.EndOfInput, Input: -1})
	})
	if c.rows != want {
		t.Errorf("it gives %d rows, want %d", c.rows, want)
	}
	if most > 3*spilledMemory {
		t.Errorf("%d MB of memory are in use, with a budget of %d", most>>20, spilledMemory>>20)
	}
	t.Logf("%d MB", most>>20)
	r.closed()
}

func TestSortInLittleMemory(t *testing.T) {
	bounded(t, &Sort{In: spilled, Keys: []logical.SortKey{{Column: 1}}, Limit: -1, Final: true, Memory: spilledMemory}, spilled, 1, spilledRows, spilledRows)
}

func TestOverInLittleMemory(t *testing.T) {
	call := overCallOf("SUM", row.Of(row.BigInt), logical.Frame{UnboundedFrom: true}, []int{0})
	out := append(append([]row.Field(nil), spilled...), field("n", row.Of(row.BigInt)))
	bounded(t, &Over{
		In: spilled, Partition: []int{0}, Order: []logical.SortKey{{Column: 1}}, Calls: []logical.OverCall{call}, Out: out, Final: true, Memory: spilledMemory,
	}, out, 1, 1000, spilledRows)
}

// fullDisk has a job's temporary files go to a disk that is full.
func (r *rig) fullDisk() (dir string) {
	r.t.Helper()
	if runtime.GOOS != "linux" {
		r.t.Skip("there is no /dev/full")
	}
	sub, err := r.temp.Sub("x")
	if err != nil {
		r.t.Fatal(err)
	}
	dir = filepath.Dir(sub)
	for i := range 200 {
		if err := os.Symlink("/dev/full", filepath.Join(dir, fmt.Sprint(i))); err != nil {
			r.t.Fatal(err)
		}
	}
	return dir
}

// failsOnFullDisk checks that a node whose input has to go to disk fails, and says what is full.
func failsOnFullDisk(t *testing.T, r *rig, inputs int) {
	t.Helper()
	dir := r.fullDisk()
	defer func() {
		err, _ := recover().(error)
		if err == nil || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "io.tmp.dirs") {
			t.Errorf("got %v", err)
		}
		r.close()
		if err := r.temp.Close(); err != nil {
			t.Error(err)
		}
		if left, _ := os.ReadDir(r.temp.Parent); len(left) > 0 {
			t.Errorf("left over: %v", left)
		}
	}()
	for i := range inputs {
		feed(r, i, 5000, 5000)
	}
	r.node.Control(operator.Control{Kind: operator.EndOfInput, Input: -1})
}

func TestSortOnFullDisk(t *testing.T) {
	op := Sort{In: spilled, Keys: []logical.SortKey{{Column: 1}}, Limit: -1, Final: true, Memory: 10_000}
	failsOnFullDisk(t, newRig(t, spilled, spilled, func() operator.Node { return op.Node() }), 1)
}

// TestFinalGroupsAgainstModel groups random rows with budgets of a few groups, of some, and of all.
func TestFinalGroupsAgainstModel(t *testing.T) {
	in := []row.Field{field("k", row.Of(row.BigInt)), field("s", row.StringType()), field("v", row.Of(row.BigInt))}
	spills := 0
	for seed := range seeds(60) {
		rnd := rand.New(rand.NewPCG(seed, 11))
		op := groupOf(t, in, [][]int{{0}, {1}, {0, 1}}[seed%3], "COUNT()", "SUM(2)", "MAX(2)", "COUNT(DISTINCT 2)")
		op.Final, op.Retract, op.Memory = true, rnd.IntN(2) == 0, []int64{1, 4000, 0}[rnd.IntN(3)]
		r := newRig(t, in, op.Out, func() operator.Node { return op.Node() })
		keys := 1 + rnd.IntN(300)
		var rows, live []change
		for range rnd.IntN(3000) {
			k := rnd.IntN(keys)
			if rnd.IntN(3) == 0 {
				k = 0 // more often than others
			}
			x := ins(k, fmt.Sprint("s", k%7), maybe(rnd, 20))
			if rnd.IntN(20) == 0 {
				x.values[rnd.IntN(2)] = nil
			}
			rows, live = append(rows, x), append(live, x)
			if at := rnd.IntN(len(live)); op.Retract && rnd.IntN(3) == 0 {
				rows = append(rows, change{row.Delete, live[at].values})
				live = slices.Delete(live, at, at+1)
			}
		}
		r.push([]int{1, 3, batch.MaxRows}[rnd.IntN(3)], rows...)
		if len(r.lines) > 0 {
			t.Fatalf("there is %s before the end", r.lines[0])
		}
		if r.node.(*groupAggregate).spill.waiting != nil {
			spills++
		}
		r.end()
		r.closed()
		if got, want := materialized(t, r.take()), groupModel(op, rows); !slices.Equal(got, want) {
			t.Fatalf("seed %d: %+v: got\n%q\nwant\n%q", seed, op, got, want)
		}
	}
	if spills < int(seeds(10)) {
		t.Errorf("in %d of the runs rows wait on disk", spills)
	}
}

// groupModel is what GROUP BY gives of rows: COUNT(*), SUM, MAX and COUNT(DISTINCT) of column 2.
func groupModel(op *GroupAggregate, rows []change) []string {
	groups := map[string][]any{}
	for _, x := range rows {
		key := ""
		for _, k := range op.Keys {
			key += textOf(x.values[k]) + ","
		}
		if x.kind == row.Insert {
			groups[key] = append(groups[key], x.values[2])
			continue
		}
		at := slices.Index(groups[key], x.values[2])
		groups[key] = slices.Delete(groups[key], at, at+1)
	}
	var lines []string
	for key, values := range groups {
		if len(values) == 0 {
			continue
		}
		sum, most, distinct := 0, -1, map[any]bool{}
		for _, v := range values {
			if v != nil {
				sum, most, distinct[v] = sum+v.(int), max(most, v.(int)), true
			}
		}
		if len(distinct) == 0 {
			lines = append(lines, fmt.Sprintf("[%s%d,null,null,0]", key, len(values)))
			continue
		}
		lines = append(lines, fmt.Sprintf("[%s%d,%d,%d,%d]", key, len(values), sum, most, len(distinct)))
	}
	slices.Sort(lines)
	return lines
}

func textOf(x any) string {
	if x == nil {
		return "null"
	}
	return fmt.Sprint(x)
}

func TestFinalGroupsInLittleMemory(t *testing.T) {
	op := groupOf(t, spilled, []int{1}, "COUNT()", "SUM(0)")
	op.Final, op.Memory = true, spilledMemory
	bounded(t, op, op.Out, 1, spilledRows, spilledRows)
}

func TestFinalGroupsOnFullDisk(t *testing.T) {
	op := groupOf(t, spilled, []int{0}, "COUNT()")
	op.Final, op.Memory = true, 1
	failsOnFullDisk(t, newRig(t, spilled, op.Out, func() operator.Node { return op.Node() }), 1)
}

// spilledJoin joins rows with rows of the same number.
func spilledJoin() *Join {
	return &Join{
		Kind: logical.Full, Left: spilled, Right: spilled, LeftKeys: []int{0}, RightKeys: []int{0}, NullSafe: []bool{false},
		Out: append(slices.Clone(spilled), spilled...), Final: true, Memory: spilledMemory,
	}
}

func TestJoinInLittleMemory(t *testing.T) {
	op := spilledJoin()
	bounded(t, op, op.Out, 2, spilledRows/2, spilledRows/2)
}

// TestJoinOfOneKeyInLittleMemory has so many rows of a key that no dealing out helps.
func TestJoinOfOneKeyInLittleMemory(t *testing.T) {
	op := spilledJoin()
	bounded(t, op, op.Out, 2, 0, spilledRows) // NULL, which equals nothing
}

func TestJoinOnFullDisk(t *testing.T) {
	op := spilledJoin()
	op.Memory = 10_000
	failsOnFullDisk(t, newRig(t, spilled, op.Out, func() operator.Node { return op.Node() }), 2)
}
