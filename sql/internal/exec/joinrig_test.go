package exec

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/lsm"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/spill"
	"github.com/flott-dev/flott/metric"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// joinRig drives an operator with two inputs and notes what it gives.
type joinRig struct {
	t      testing.TB
	op     Op
	node   operator.Node
	ctx    *operator.Context
	pools  [2]*batch.ColumnPool
	clock  *clock.Manual
	onDisk bool
	size   int        // rows of a batch
	rnd    *rand.Rand // refuses batches, if it is not nil
	wakeAt []int64

	parallelism int // of which the node is the first subtask; 0 is 1

	pending [2]*batch.Columns
	temp    spill.Dir
	lines   []string
	marks   []int64
}

// newJoinRig opens the operator of a description. Its inputs have columns of numbers and times.
func newJoinRig(t testing.TB, op Op, left, right []row.Field, size int) *joinRig {
	r := &joinRig{t: t, op: op, size: size, clock: clock.NewManual(time.UnixMilli(1000))}
	r.temp.Parent = t.TempDir()
	for i, fields := range [][]row.Field{left, right} {
		r.pools[i] = batch.NewColumnPool(&row.Schema{Fields: fields}, size)
	}
	return r
}

func (r *joinRig) open(from *operator.State) *joinRig {
	r.t.Helper()
	r.node = r.op.Node()
	r.ctx = &operator.Context{
		Operator: "join", Parallelism: max(1, r.parallelism), MaxParallelism: 16, Metrics: &metric.Group{}, Clock: r.clock, Restored: from,
		Temp: &r.temp, Mail: func(f func()) { f() }, WakeAt: func(at int64) { r.wakeAt = append(r.wakeAt, at) },
	}
	if r.onDisk {
		space := &lsm.Space{Bytes: 1, FS: vfs.NewMem()}
		r.ctx.Cold = space.Open
	}
	if err := r.node.Connect("", batch.ColumnReceiver(r)); err != nil {
		r.t.Fatal(err)
	}
	if err := r.node.Open(r.ctx); err != nil {
		r.t.Fatal(err)
	}
	return r
}

// Push notes changes, as "+I 1 null 3".
func (r *joinRig) Push(b *batch.Columns) bool {
	for i := range b.Len() {
		p := b.Row(i)
		line := b.Kind(p).String()
		for _, c := range b.Cols {
			if c.N != b.N {
				r.t.Fatalf("a column has %d values of %d", c.N, b.N)
			}
			line += " " + joinText(c, p)
		}
		r.lines = append(r.lines, line)
	}
	for _, m := range b.Marks {
		r.marks = append(r.marks, m.Time)
	}
	b.Release()
	return r.rnd == nil || r.rnd.IntN(3) > 0
}

func joinText(v *column.Vector, p int) string {
	switch {
	case v.IsNull(p):
		return "null"
	case column.FormOf(v.Type) == column.FormTimestamp:
		return fmt.Sprint(v.I64[p] / 1000)
	case column.FormOf(v.Type) == column.FormBytes:
		return string(v.Bytes(p))
	}
	return fmt.Sprint(v.I64[p])
}

// joinNull is NULL in a row of numbers.
const joinNull = -99

// push gives a row to an input. Times are in milliseconds.
func (r *joinRig) push(input int, kind row.ChangeKind, values ...int) {
	if r.pending[1-input] != nil {
		r.flush()
	}
	b := r.pending[input]
	if b == nil {
		b = r.pools[input].Get()
		r.pending[input] = b
	}
	for i, x := range values {
		switch v := b.Cols[i]; {
		case x == joinNull:
			v.AppendNull()
		case column.FormOf(v.Type) == column.FormTimestamp:
			v.AppendTimestamp(int64(x)*1000, 0)
		case column.FormOf(v.Type) == column.FormBytes:
			v.AppendString(fmt.Sprint(x))
		default:
			v.AppendI64(int64(x))
		}
	}
	if b.Add(kind); b.N == r.size {
		r.flush()
	}
}

func (r *joinRig) flush() {
	for i, b := range r.pending {
		if b != nil {
			r.pending[i] = nil
			if r.parallelism > 1 { // without keys: hashes are those of an edge before, which mean nothing
				for k := range b.HashColumn() {
					b.Hashes[k] = 1<<63 + uint64(k)
				}
			}
			r.settle(r.node.Receiver(i).(batch.ColumnReceiver).Push(b))
		}
	}
	r.ctx.RunBetween()
}

func (r *joinRig) settle(done bool) {
	for !done {
		done = r.node.Resume()
	}
}

// mark advances the watermark.
func (r *joinRig) mark(t int64) {
	r.flush()
	b := r.pools[0].Get()
	b.Mark(t)
	r.settle(r.node.Receiver(0).(batch.ColumnReceiver).Push(b))
}

// advance moves the clock.
func (r *joinRig) advance(d time.Duration) {
	r.flush()
	end := r.clock.Now().UnixMilli() + d.Milliseconds()
	for {
		slices.Sort(r.wakeAt)
		if len(r.wakeAt) == 0 || r.wakeAt[0] > end {
			break
		}
		at := r.wakeAt[0]
		r.wakeAt = r.wakeAt[1:]
		r.clock.Advance(time.Duration(max(0, at-r.clock.Now().UnixMilli())) * time.Millisecond)
		for !r.node.(operator.TimeListener).ProcessingTime(r.clock.Now().UnixMilli()) {
			r.settle(false)
		}
		r.settle(r.node.Resume())
	}
	r.clock.Advance(time.Duration(end-r.clock.Now().UnixMilli()) * time.Millisecond)
}

func (r *joinRig) end() {
	r.mark(batch.MaxTime)
	r.node.Control(operator.Control{Kind: operator.EndOfInput, Input: -1})
	r.settle(r.node.Resume())
}

// restart goes on from a snapshot with another operator.
func (r *joinRig) restart() {
	r.t.Helper()
	r.flush()
	w := &operator.Snapshot{Checkpoint: 1}
	if err := r.node.Snapshot(w); err != nil {
		r.t.Fatal(err)
	}
	w.Finish()
	r.close()
	r.open(operator.Redistribute([]*operator.State{&w.State}, 16, max(1, r.parallelism), 0))
}

func (r *joinRig) close() {
	if err := r.node.Close(); err != nil {
		r.t.Fatal(err)
	}
	if err := r.ctx.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// take are the changes since the last call.
func (r *joinRig) take() []string {
	r.flush()
	lines := r.lines
	r.lines = nil
	return lines
}

func (r *joinRig) expect(want ...string) {
	r.t.Helper()
	if got := r.take(); !slices.Equal(got, want) {
		r.t.Fatalf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// joinRows are the rows that changes leave, sorted.
func joinRows(t testing.TB, changes []string) []string {
	t.Helper()
	count := map[string]int{}
	for _, c := range changes {
		if c[0] == '+' {
			count[c[3:]]++
		} else if count[c[3:]]--; count[c[3:]] < 0 {
			t.Fatalf("%s: there is no such row; of\n%s", c, strings.Join(changes, "\n"))
		}
	}
	var rows []string
	for _, k := range slices.Sorted(maps.Keys(count)) {
		for range count[k] {
			rows = append(rows, k)
		}
	}
	return rows
}

// joinLess is column a < column b.
func joinLess(a, b int) expr.Expr {
	bigint, yes := row.Of(row.BigInt), row.Of(row.Boolean)
	less := &expr.Func{Name: "<", Strict: true, Total: true, Compile: func(*expr.Call) expr.Kernel {
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			for i := range n {
				out.Bools[i] = args[0].I64[i] < args[1].I64[i]
			}
		}
	}}
	return &expr.Call{Func: less, T: yes, Args: []expr.Expr{&expr.Input{Index: a, T: bigint}, &expr.Input{Index: b, T: bigint}}}
}

func joinField(name string, t *row.Type) row.Field { return row.Field{Name: name, Type: t} }

func joinLine(values ...[]int) string {
	var s []string
	for _, part := range values {
		for _, v := range part {
			s = append(s, cmp.Or(map[int]string{joinNull: "null"}[v], fmt.Sprint(v)))
		}
	}
	return strings.Join(s, " ")
}
