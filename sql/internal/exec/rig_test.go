package exec

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/lsm"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/spill"
	"github.com/flott-dev/flott/metric"
	"github.com/flott-dev/flott/row"
)

// rig drives a node by hand and notes what it gives.
type rig struct {
	t     testing.TB
	in    []row.Field
	out   []row.Field
	make  func() operator.Node
	node  operator.Node
	clock *clock.Manual
	wake  int64 // processing time that the node has asked for, 0 for none
	pool  *batch.ColumnPool
	lines []string // changes, and watermarks where marks is set
	marks bool
	// full has the consumer refuse every other batch.
	full bool
	odd  bool
	// disk has state on disk, of which next to nothing fits into memory.
	disk bool
	// The node is that of one subtask of so many; parallelism 0 is 1.
	subtask, parallelism int

	task *operator.Context
	temp spill.Dir
}

// field is a column of a row; NULL unless its type is NOT NULL.
func field(name string, t *row.Type) row.Field { return row.Field{Name: name, Type: t} }

func newRig(t testing.TB, in, out []row.Field, makeNode func() operator.Node) *rig {
	r := &rig{t: t, in: in, out: out, make: makeNode, clock: clock.NewManual(time.UnixMilli(1_000_000))}
	r.temp.Parent = t.TempDir()
	r.pool = batch.NewColumnPool(&row.Schema{Fields: in}, 0)
	r.open(nil)
	return r
}

func (r *rig) open(from *operator.State) {
	r.t.Helper()
	r.node = r.make()
	if err := r.node.Connect("", batch.ColumnReceiver(r)); err != nil {
		r.t.Fatal(err)
	}
	if err := r.node.Open(r.context(from)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) context(from *operator.State) *operator.Context {
	r.task = &operator.Context{
		Operator: "rig", Subtask: r.subtask, Parallelism: max(1, r.parallelism), MaxParallelism: 8, Metrics: &metric.Group{}, Clock: r.clock, Restored: from,
		Temp: &r.temp, Mail: func(f func()) { f() }, WakeAt: func(at int64) {
			if r.wake == 0 || at < r.wake {
				r.wake = at
			}
		},
	}
	if r.disk {
		r.task.Cold = lsm.Opener(lsm.Pebble, 1, r.t.TempDir())
	}
	return r.task
}

// onDisk starts anew with state on disk.
func (r *rig) onDisk(disk bool) *rig {
	if r.disk = disk; disk {
		r.close()
		r.open(nil)
	}
	return r
}

// memories are budgets of operators with Final: for a few rows, for some, and for all in tests.
var memories = []int64{200, 20_000, 0}

// closed closes the node, after which no files are left.
func (r *rig) closed() {
	r.t.Helper()
	r.close()
	if files, _ := filepath.Glob(r.temp.Parent + "/*/*"); len(files) > 0 {
		r.t.Fatalf("left over: %v", files)
	}
}

func (r *rig) close() {
	r.t.Helper()
	if err := errors.Join(r.node.Close(), r.task.Close()); err != nil {
		r.t.Fatal(err)
	}
}

// Push takes what the node gives.
func (r *rig) Push(b *batch.Columns) bool {
	marks := b.Marks
	for i := range b.Len() + 1 {
		for len(marks) > 0 && marks[0].Row == i {
			if r.marks {
				r.lines = append(r.lines, fmt.Sprintf("mark %s", timeText(marks[0].Time)))
			}
			marks = marks[1:]
		}
		if i == b.Len() {
			break
		}
		p := b.Row(i)
		var values []string
		for _, c := range b.Cols {
			values = append(values, valueText(c, p))
		}
		r.lines = append(r.lines, b.Kind(p).String()+" ["+strings.Join(values, ",")+"]")
	}
	b.Release()
	if r.full {
		r.odd = !r.odd
		return !r.odd
	}
	return true
}

func timeText(t int64) string {
	if t == batch.MaxTime {
		return "end"
	}
	return fmt.Sprint(t)
}

// valueText is a value as tests write it: times in milliseconds, decimals unscaled.
func valueText(v *column.Vector, p int) string {
	if v.IsNull(p) {
		return "null"
	}
	switch column.FormOf(v.Type) {
	case column.FormBool:
		return fmt.Sprint(v.Bools[p])
	case column.FormI32:
		return fmt.Sprint(v.I32[p])
	case column.FormI64:
		return fmt.Sprint(v.I64[p])
	case column.FormTimestamp:
		return fmt.Sprint(floorMillis(v.I64[p]))
	case column.FormF64:
		return fmt.Sprint(v.F64[p])
	case column.FormBytes:
		return string(v.Bytes(p))
	case column.FormDecimal:
		return v.Decimal(p).String()
	}
	return "?"
}

// change is a row of the input.
type change struct {
	kind   row.ChangeKind
	values []any
}

func ins(values ...any) change { return change{row.Insert, values} }
func del(values ...any) change { return change{row.Delete, values} }

func appendValue(v *column.Vector, x any) {
	switch x := x.(type) {
	case nil:
		v.AppendNull()
	case string:
		v.AppendString(x)
	case bool:
		v.AppendBool(x)
	case float64:
		v.AppendF64(x)
	case int:
		switch column.FormOf(v.Type) {
		case column.FormI32:
			v.AppendI32(int32(x))
		case column.FormTimestamp:
			v.AppendTimestamp(int64(x)*1000, 0)
		case column.FormF64:
			v.AppendF64(float64(x))
		case column.FormDecimal:
			v.AppendDecimal(column.Int128From(int64(x)))
		default:
			v.AppendI64(int64(x))
		}
	default:
		panic(fmt.Sprintf("a value %T", x))
	}
}

func (r *rig) batch(rows []change) *batch.Columns {
	b := r.pool.Get()
	for _, c := range rows {
		for i, x := range c.values {
			appendValue(b.Cols[i], x)
		}
		b.Add(c.kind)
	}
	return b
}

// push gives rows to the node, so many in a batch.
func (r *rig) push(size int, rows ...change) {
	for part := range slices.Chunk(rows, size) {
		r.give(r.batch(part))
	}
}

func (r *rig) give(b *batch.Columns) {
	ok := r.node.Receiver(0).(batch.ColumnReceiver).Push(b)
	for !ok {
		ok = r.node.Resume()
	}
	r.task.RunBetween()
}

func (r *rig) mark(t int64) {
	b := r.pool.Get()
	b.Mark(t)
	r.give(b)
}

// advance moves the clock and wakes the node if it has asked for it.
func (r *rig) advance(d time.Duration) {
	r.clock.Advance(d)
	for r.wake != 0 && r.wake <= r.clock.Now().UnixMilli() {
		r.wake = 0
		for !r.node.(operator.TimeListener).ProcessingTime(r.clock.Now().UnixMilli()) {
			r.node.Resume()
		}
	}
}

// end tells that the input has ended.
func (r *rig) end() {
	r.mark(batch.MaxTime)
	r.node.Control(operator.Control{Kind: operator.EndOfInput, Input: -1})
	for !r.node.Resume() {
	}
}

// restart takes a snapshot and goes on with a new node.
func (r *rig) restart() {
	r.t.Helper()
	s := r.snapshot()
	r.close()
	r.open(operator.Redistribute([]*operator.State{s}, 8, 1, 0))
}

// snapshot is the state of the node.
func (r *rig) snapshot() *operator.State {
	r.t.Helper()
	w := &operator.Snapshot{Checkpoint: 1}
	if err := r.node.Snapshot(w); err != nil {
		r.t.Fatal(err)
	}
	w.Finish()
	return &w.State
}

// take are the changes since the last call.
func (r *rig) take() []string {
	l := r.lines
	r.lines = nil
	return l
}

func (r *rig) expect(want ...string) {
	r.t.Helper()
	if got := r.take(); !slices.Equal(got, want) {
		r.t.Fatalf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// materialized are the rows that changes leave, sorted. A row that is taken away has to be there.
func materialized(t testing.TB, lines []string) []string {
	t.Helper()
	count := map[string]int{}
	for _, l := range lines {
		if strings.HasPrefix(l, "mark") {
			continue
		}
		kind, rest := l[:2], l[3:]
		if kind == "+I" || kind == "+U" {
			count[rest]++
			continue
		}
		if count[rest]--; count[rest] < 0 {
			t.Fatalf("%s, and there is no such row", l)
		}
	}
	var rows []string
	for r, n := range count {
		for range n {
			rows = append(rows, r)
		}
	}
	sort.Strings(rows)
	return rows
}
