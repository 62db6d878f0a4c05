package exec

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
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

const (
	spilledRows   = 1 << 20 // of 200 bytes
	spilledMemory = 16 << 20
)

// peak is the peak of the heap while f runs, above what there was before.
func peak(f func()) int64 {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, most := m.HeapAlloc, uint64(0)
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
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

// feed gives rows to an input of a node, with keys below some number.
func feed(r *rig, input, rows, keys int) {
	in := r.node.Receiver(input).(batch.ColumnReceiver)
	text := strings.Repeat("x", 190)
	for i := 0; i < rows; {
		b := r.pool.Get()
		for ; i < rows && !b.Full(); i++ {
			b.Cols[0].AppendI64(int64(i) * 7919 % int64(keys))
			b.Cols[1].AppendString(fmt.Sprintf("%s%010d", text, i*7919%rows))
			b.Add(row.Insert)
		}
		in.Push(b)
	}
}

// bounded checks that an operator gives so many rows of 200 MB of input in little memory, and leaves no files.
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
	if most > 4*spilledMemory {
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
