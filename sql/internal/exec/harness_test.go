package exec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// harness runs the node of an operator, with state in memory.
type harness struct {
	t     testing.TB
	op    Op
	node  operator.Node
	clock *clock.Manual
	wake  int64
	out   []string // changes as text, "+I [1,a]", and marks as "mark 7"
	rows  int
	keep  bool
	pools []*batch.ColumnPool
	ctx   *operator.Context
	temp  spill.Dir
	disk  *lsm.Space // where state has no room in memory; nil for state in memory
	// refuse says that the consumer has no room; nil for never.
	refuse func() bool
	mail   struct {
		sync.Mutex
		queue []func()
	}
}

// newHarness opens a node, whose inputs have the given columns, from a state or nil.
func newHarness(t testing.TB, op Op, from *operator.State, ins ...[]row.Field) *harness {
	t.Helper()
	h := &harness{t: t, op: op, clock: clock.NewManual(time.UnixMilli(1_000_000)), keep: true}
	for _, in := range ins {
		h.pools = append(h.pools, batch.NewColumnPool(&row.Schema{Fields: in}, 0))
	}
	h.temp.Parent = t.TempDir()
	h.open(from)
	return h
}

// onDisk goes on with a node whose state is on disk, as far as it can be.
func (h *harness) onDisk() {
	h.disk = &lsm.Space{Bytes: 1, FS: vfs.NewMem()}
	h.restart()
}

func (h *harness) open(from *operator.State) {
	h.t.Helper()
	h.node = h.op.Node()
	if err := h.node.Connect("", batch.ColumnReceiver(h)); err != nil {
		h.t.Fatal(err)
	}
	h.wake, h.mail.queue = 0, nil
	h.ctx = &operator.Context{
		Operator: "test", Parallelism: 1, MaxParallelism: 8, Clock: h.clock, Restored: from, Temp: &h.temp,
		Metrics: &metric.Group{}, Cancelled: h.t.Context(),
		Mail: func(f func()) {
			h.mail.Lock()
			defer h.mail.Unlock()
			h.mail.queue = append(h.mail.queue, f)
		},
		WakeAt: func(at int64) {
			if h.wake == 0 || at < h.wake {
				h.wake = at
			}
		},
	}
	if h.disk != nil {
		h.ctx.Cold = h.disk.Open
	}
	if err := h.node.Open(h.ctx); err != nil {
		h.t.Fatal(err)
	}
}

// Push collects what the node sends.
func (h *harness) Push(b *batch.Columns) bool {
	marks := b.Marks
	h.rows += b.Len()
	for i := 0; h.keep && i <= b.Len(); i++ {
		for len(marks) > 0 && marks[0].Row == i {
			h.out = append(h.out, fmt.Sprint("mark ", marks[0].Time))
			marks = marks[1:]
		}
		if i < b.Len() {
			p := b.Row(i)
			h.out = append(h.out, b.Kind(p).String()+" "+rowText(b.Cols, p))
		}
	}
	b.Release()
	return h.refuse == nil || !h.refuse()
}

// step does what a task does between two inputs, and reports whether the node has no pending work.
func (h *harness) step() bool {
	h.mail.Lock()
	mail := h.mail.queue
	h.mail.queue = nil
	h.mail.Unlock()
	for _, f := range mail {
		f()
	}
	return h.node.Resume()
}

// until steps, letting time pass, until the node has no pending work.
func (h *harness) until() {
	for !h.step() {
		time.Sleep(time.Millisecond)
	}
}

// rowText is a row as text.
func rowText(cols []*column.Vector, p int) string {
	var parts []string
	for _, c := range cols {
		if c.IsNull(p) {
			parts = append(parts, "NULL")
			continue
		}
		parts = append(parts, string(builtin.AppendText(nil, &expr.Context{Zone: time.UTC}, c, p)))
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// push gives the node a batch of changes as text, "+I 1 a": the values are separated by blanks, NULL is NULL.
func (h *harness) push(input int, changes ...string) {
	h.t.Helper()
	b := h.batch(input, changes...)
	if b.Len()+len(b.Marks) == 0 {
		b.Release()
		return
	}
	h.node.Receiver(input).(batch.ColumnReceiver).Push(b)
	h.ctx.RunBetween()
}

// batch makes a batch of changes.
func (h *harness) batch(input int, changes ...string) *batch.Columns {
	b := h.pools[input].Get()
	for _, c := range changes {
		kind, rest, _ := strings.Cut(c, " ")
		if kind == "mark" {
			t, err := strconv.ParseInt(rest, 10, 64)
			if err != nil {
				h.t.Fatal(err)
			}
			b.Mark(t)
			continue
		}
		for i, v := range strings.Split(rest, " ") {
			appendTestValue(h.t, b.Cols[i], v)
		}
		b.Add(kindOf(kind))
	}
	return b
}

func kindOf(s string) row.ChangeKind {
	for _, k := range []row.ChangeKind{row.Insert, row.UpdateBefore, row.UpdateAfter, row.Delete} {
		if k.String() == s {
			return k
		}
	}
	panic("no kind of change: " + s)
}

func appendTestValue(t testing.TB, v *column.Vector, s string) {
	if s == "NULL" {
		v.AppendNull()
		return
	}
	switch column.FormOf(v.Type) {
	case column.FormBytes:
		v.AppendString(s)
		return
	case column.FormBool:
		v.AppendBool(s == "true")
		return
	case column.FormF64:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		v.AppendF64(f)
		return
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	switch column.FormOf(v.Type) {
	case column.FormI32:
		v.AppendI32(int32(n))
	case column.FormI64:
		v.AppendI64(n)
	case column.FormTimestamp:
		v.AppendTimestamp(n*1000, 0) // milliseconds
	case column.FormDecimal:
		v.AppendDecimal(column.Int128From(n)) // unscaled
	default:
		t.Fatalf("there are no values of %s in tests", v.Type)
	}
}

// take is what the node has sent since the last call.
func (h *harness) take() []string {
	out := h.out
	h.out = nil
	return out
}

// want checks what the node has sent since the last call.
func (h *harness) want(lines ...string) {
	h.t.Helper()
	if got := h.take(); !slices.Equal(got, lines) {
		h.t.Fatalf("sent\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(lines, "\n  "))
	}
}

// end ends the inputs.
func (h *harness) end() {
	h.node.Control(operator.Control{Kind: operator.EndOfInput, Input: -1})
}

// advance lets time pass.
func (h *harness) advance(d time.Duration) {
	h.clock.Advance(d)
	now := h.clock.Now().UnixMilli()
	if l, ok := h.node.(operator.TimeListener); ok && h.wake > 0 && h.wake <= now {
		h.wake = 0
		l.ProcessingTime(now)
	}
}

// snapshot is the node's state.
func (h *harness) snapshot() *operator.State {
	h.t.Helper()
	w := &operator.Snapshot{Checkpoint: 1, Full: true}
	if err := h.node.Snapshot(w); err != nil {
		h.t.Fatal(err)
	}
	w.Finish()
	return &w.State
}

// restart goes on with a new node, which is restored from a snapshot of the old one.
func (h *harness) restart() {
	h.t.Helper()
	s := h.snapshot()
	h.close()
	h.open(s)
}

func (h *harness) close() {
	h.t.Helper()
	if err := h.node.Close(); err != nil {
		h.t.Fatal(err)
	}
	if err := h.ctx.Close(); err != nil {
		h.t.Fatal(err)
	}
}

// materialize applies changes to a multiset of rows. It fails where a row is taken away that is not there.
func materialize(t testing.TB, changes []string) map[string]int {
	t.Helper()
	rows := map[string]int{}
	for _, c := range changes {
		kind, r, _ := strings.Cut(c, " ")
		switch kind {
		case "+I", "+U":
			rows[r]++
		case "-U", "-D":
			if rows[r]--; rows[r] < 0 {
				t.Fatalf("%s is taken away and not there", r)
			} else if rows[r] == 0 {
				delete(rows, r)
			}
		}
	}
	return rows
}
