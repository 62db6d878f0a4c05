package savepoint

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/flott-dev/flott/internal/checkpoint"
)

// Rehash writes a savepoint of what is at from into a new directory, with another number of key groups
// for all operators that have keyed state: for a job whose maximum parallelism has to change, which no job
// can do by itself.
func Rehash(ctx context.Context, maxParallelism int, from, to string) error {
	s, err := Open(ctx, from)
	if err != nil {
		return err
	}
	w := NewWriter(s)
	w.MaxParallelism(maxParallelism)
	return w.Write(ctx, to)
}

// groupsMax is the largest number of key groups.
const groupsMax = 1 << 15

// MaxParallelism sets the number of key groups of operators; without uids of all of them.
func (w *Writer) MaxParallelism(n int, uids ...string) {
	if n < 1 || n > groupsMax {
		w.fail(fmt.Errorf("the maximum parallelism is %d; choose one from 1 to %d", n, groupsMax))
		return
	}
	if len(uids) == 0 {
		for _, e := range w.operators {
			e.max = n
		}
	}
	for _, uid := range uids {
		if e := w.of(uid); e != nil {
			e.max = n
		}
	}
}

// marksState is the union state of how far the watermark of each key group has come.
const marksState = "watermarks"

// rescaleMarks tells new key groups how far they have come. One that takes over from several old ones
// is as far as the least of them: then nothing counts as late that was not. With rekeyed any may take over
// from all.
func rescaleMarks(o *checkpoint.OperatorState, from, to int, rekeyed bool) error {
	if from == to && !rekeyed {
		return nil
	}
	old := make([]int64, from)
	known := false
	for _, sub := range o.Subtasks {
		for _, item := range sub.Union[marksState] {
			c := cursor{src: item}
			first, last, mark := c.uvarint(), c.uvarint(), c.varint()
			if c.err != nil || last >= uint64(from) || len(c.src) > 0 {
				return errors.New("the watermarks of its key groups cannot be read")
			}
			known = true
			for kg := first; kg <= last; kg++ {
				old[kg] = mark
			}
		}
	}
	if !known {
		return nil
	}
	var items [][]byte
	for kg := range to {
		first, last := kg*from/to, ((kg+1)*from-1)/to
		if rekeyed {
			first, last = 0, from-1
		}
		mark := old[first]
		for _, m := range old[first : last+1] {
			mark = min(mark, m)
		}
		item := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(kg)), uint64(kg))
		items = append(items, binary.AppendVarint(item, mark))
	}
	for i, sub := range o.Subtasks {
		if i > 0 {
			items = nil
		}
		sub.Union = with(sub.Union, marksState, items)
	}
	return nil
}
