package exec

import (
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
)

// batches notes of how many rows the batches are.
type batches struct {
	*harness
	sizes []int
}

func (b *batches) Push(c *batch.Columns) bool {
	b.sizes = append(b.sizes, c.Len())
	return b.harness.Push(c)
}

func TestMiniBatch(t *testing.T) {
	op := &MiniBatch{In: keyValue, Size: 4, Latency: 5 * time.Second}
	h := newHarness(t, op, nil, keyValue)
	h.push(0, "+I a 1", "mark 3", "-U a 1", "mark 4", "+U a 2")
	h.want()
	h.push(0, "+I b 1", "+I c 1", "+I d 1") // four are enough, and the watermark comes behind its rows
	h.want("+I [a,1]", "-U [a,1]", "+U [a,2]", "+I [b,1]", "mark 4")
	h.advance(4 * time.Second) // since the rows that are left
	h.push(0, "+I e 1", "mark 5", "mark 6")
	h.want()
	h.advance(time.Second)
	h.want("+I [c,1]", "+I [d,1]", "+I [e,1]", "mark 6")
	h.push(0, "mark 7") // waits for nothing
	h.want("mark 7")
	for _, kind := range []operator.ControlKind{operator.Barrier, operator.EndOfInput, operator.Idle} {
		h.push(0, "+I f 1", "mark 8")
		h.want()
		h.node.Control(operator.Control{Kind: kind, Input: -1})
		h.want("+I [f,1]", "mark 8")
	}
	h.push(0, "+I g 1")
	h.advance(5 * time.Second)
	h.want("+I [g,1]")
	h.push(0, "+I h 1")
	h.close()
}

// TestMiniBatchIsOneBatch: what has come in many batches, and has waited for a consumer without room, goes on as one.
func TestMiniBatchIsOneBatch(t *testing.T) {
	op := &MiniBatch{In: keyValue, Size: 3000, Latency: time.Second}
	h := newHarness(t, op, nil, keyValue)
	b := &batches{harness: h}
	if err := h.node.Close(); err != nil {
		t.Fatal(err)
	}
	h.node = op.Node()
	if err := h.node.Connect("", batch.ColumnReceiver(b)); err != nil {
		t.Fatal(err)
	}
	if err := h.node.Open(h.ctx); err != nil {
		t.Fatal(err)
	}
	h.keep = false
	rows := make([]string, 700)
	for i := range rows {
		rows[i] = "+I a 1"
	}
	for range 10 {
		h.push(0, rows...)
	}
	h.end()
	if len(b.sizes) != 3 || b.sizes[0] != 3000 || b.sizes[1] != 3000 || b.sizes[2] != 1000 {
		t.Errorf("batches of %v rows", b.sizes)
	}
}
