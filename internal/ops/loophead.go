package ops

import (
	"errors"
	"fmt"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/operator"
)

// LoopHeadConfig is what the head of a loop is made of.
type LoopHeadConfig[T any] struct {
	Loop     int // the number by which the loop's control elements are known
	Protocol LoopProtocol
	Codec    *codec.Codec[T]
}

// LoopHead is where a loop begins. Input 0 comes from outside, input 1 is what the body feeds back,
// input 2 are criterion records, of which only the number counts.
//
// Without rounds all records pass on as they come. With rounds those of input 1 are kept until the
// round is over.
//
// The state is what the body fed back between the head's own barrier and the return of that
// barrier, which the operators of the body have not seen, and with rounds what is kept.
type LoopHead[T any] struct {
	cfg  *LoopHeadConfig[T]
	ctx  *operator.Context
	out  operator.Outputs[T]
	pool *batch.Pool[T]

	number   int64 // of the round or wave
	ended    bool  // all input from outside has come
	finished bool
	records  int64            // came back since the wave was sent, or in this round
	counted  int64            // criterion records of this round
	kept     []*batch.Rows[T] // came back in this round
	replay   []*batch.Rows[T] // to be emitted
	then     func()           // after replay was emitted

	logging bool
	log     []byte // encoded rows
	// As of the beginning of the log:
	logNumber   int64
	logFinished bool
	logCounted  int64 // and what was added since
}

const (
	loopState      = "loop"
	loopRoundState = "round"
)

// NewLoopHead returns the head of one subtask.
func NewLoopHead[T any](cfg *LoopHeadConfig[T]) *LoopHead[T] {
	h := &LoopHead[T]{cfg: cfg, pool: batch.NewPool[T](0)}
	h.out.Init(h.pool)
	return h
}

// Open restores what was on its way back.
func (h *LoopHead[T]) Open(ctx *operator.Context) error {
	h.ctx = ctx
	if ctx.Restored == nil {
		return nil
	}
	rounds := ctx.Restored.Union[loopRoundState]
	if len(rounds) == 0 {
		return nil
	}
	for i, item := range rounds {
		n, _, err := takeInt(item)
		if err != nil {
			return err
		}
		if i > 0 && n != h.number && len(rounds) != ctx.Parallelism {
			return errors.New("the snapshot was taken while a round began, so it can be restored " +
				"with the same parallelism only; take another to change it")
		}
		h.number = n
	}
	decode, err := operator.Decoding(ctx, operator.Items{Name: loopState}, h.cfg.Codec)
	if err != nil {
		return err
	}
	for i, item := range ctx.Restored.List[loopState] {
		if err := h.restore(item, i == 0, decode); err != nil {
			return fmt.Errorf("restore a loop: %w", err)
		}
	}
	if h.cfg.Protocol.Rounds {
		ctx.Coordinator(LoopReport{
			Subtask: ctx.Subtask, Number: h.number, Joined: true, Finished: h.finished,
		})
	}
	return nil
}

func (h *LoopHead[T]) restore(item []byte, first bool,
	decode func(src []byte, v *T) (rest []byte, err error),
) error {
	number, item, err := takeInt(item)
	if err != nil {
		return err
	}
	finished, item, err := takeInt(item)
	if err != nil {
		return err
	}
	counted, item, err := takeInt(item)
	if err != nil {
		return err
	}
	if first {
		h.number = number
	}
	h.finished = h.finished || finished > 0
	h.counted += counted
	b := h.pool.Get()
	for len(item) > 0 {
		t, rest, err := takeInt(item)
		if err != nil {
			return err
		}
		var v T
		if item, err = decode(rest, &v); err != nil {
			return err
		}
		b.Add(v, t)
		if b.Full() || fault.Seeded(fault.DropOverflow) && len(b.Vals) == 2 {
			if fault.Seeded(fault.DropOverflow) {
				b.Release()
				b = h.pool.Get()
				continue
			}
			h.keep(b)
			b = h.pool.Get()
		}
	}
	if len(b.Vals) == 0 {
		b.Release()
		return nil
	}
	h.keep(b)
	return nil
}

// keep puts a batch that came back where it belongs.
func (h *LoopHead[T]) keep(b *batch.Rows[T]) {
	if h.cfg.Protocol.Rounds {
		h.kept = append(h.kept, b)
		h.records += int64(len(b.Vals))
		return
	}
	h.replay = append(h.replay, b)
}

// loopIn receives the input from outside.
type loopIn[T any] struct{ h *LoopHead[T] }

// Push passes a batch on, but not the last watermark: timers that fire at it shall find an empty
// loop.
func (i loopIn[T]) Push(b *batch.Rows[T]) bool {
	if n := len(b.Marks); n > 0 && b.Marks[n-1].Time == batch.MaxTime {
		b.Marks = b.Marks[:n-1]
	}
	return i.h.forward(b)
}

// loopBack receives what the body feeds back.
type loopBack[T any] struct{ h *LoopHead[T] }

func (i loopBack[T]) Push(b *batch.Rows[T]) bool {
	h := i.h
	if h.logging {
		h.log = h.appendRows(h.log, b)
	}
	if h.cfg.Protocol.Rounds {
		if len(b.Vals) > 0 && !h.finished {
			h.keep(b)
		} else {
			b.Release()
		}
		return true
	}
	h.records += int64(len(b.Vals))
	return h.forward(b)
}

// loopCriterion receives criterion records.
type loopCriterion[T any] struct{ h *LoopHead[T] }

func (i loopCriterion[T]) Push(b *batch.Rows[bool]) bool {
	i.h.counted += int64(len(b.Vals))
	if i.h.logging {
		i.h.logCounted += int64(len(b.Vals))
	}
	b.Release()
	return true
}

func (h *LoopHead[T]) appendRows(dst []byte, b *batch.Rows[T]) []byte {
	for i := range b.Vals {
		dst = h.cfg.Codec.Append(appendInt(dst, b.Times[i]), &b.Vals[i])
	}
	return dst
}

// forward passes b on.
func (h *LoopHead[T]) forward(b *batch.Rows[T]) bool {
	if len(b.Vals) == 0 && len(b.Marks) == 0 {
		b.Release()
		return !h.out.Blocked()
	}
	h.out.Forward(b)
	return !h.out.Blocked()
}

// Receiver is one of the three inputs.
func (h *LoopHead[T]) Receiver(input int) any {
	switch input {
	case 0:
		return batch.Receiver[T](loopIn[T]{h})
	case 1:
		return batch.Receiver[T](loopBack[T]{h})
	default:
		return batch.Receiver[bool](loopCriterion[T]{h})
	}
}

// Connect adds a consumer.
func (h *LoopHead[T]) Connect(tag string, receiver any) error {
	return h.out.ConnectTag(tag, receiver)
}

// Resume emits what is to be replayed.
func (h *LoopHead[T]) Resume() bool {
	if !h.out.Drain() {
		return false
	}
	for len(h.replay) > 0 {
		b := h.replay[0]
		h.replay[0] = nil
		h.replay = h.replay[1:]
		if !h.forward(b) {
			return false
		}
	}
	if h.then != nil {
		then := h.then
		h.then = nil
		then()
	}
	return h.out.Flush()
}

// InputEnded begins the first wave, or ends the round.
func (h *LoopHead[T]) InputEnded() {
	h.ended = true
	if h.finished {
		h.finish()
		return
	}
	h.send()
}

// send sends the wave, or the end of the round.
func (h *LoopHead[T]) send() {
	kind := operator.Wave
	if h.cfg.Protocol.Rounds {
		kind = operator.Epoch
	} else {
		h.records = 0
	}
	h.ctx.Send(operator.Control{Kind: kind, Input: h.cfg.Loop, ID: h.number})
}

// Returned reports a wave or an epoch that has come back.
func (h *LoopHead[T]) Returned(c operator.Control) {
	if c.Input != h.cfg.Loop || c.ID != h.number || h.finished {
		return // of another loop before this one
	}
	h.ctx.Coordinator(LoopReport{
		Subtask: h.ctx.Subtask, Number: c.ID, Records: h.records, Criterion: h.counted,
	})
}

// Command begins the next wave or round, or ends the loop.
func (h *LoopHead[T]) Command(c LoopCommand) {
	if c.Finish {
		h.finish()
		return
	}
	h.number = c.Next
	if c.Drained {
		h.out.MarkAll(batch.MaxTime)
		h.out.Flush()
	}
	if !h.cfg.Protocol.Rounds {
		h.send()
		return
	}
	h.replay, h.kept = h.kept, nil
	h.records, h.counted = 0, 0
	h.then = h.send
}

func (h *LoopHead[T]) finish() {
	h.finished = true
	h.out.MarkAll(batch.MaxTime)
	h.out.Flush()
	h.ctx.Send(operator.Control{Kind: operator.EndOfInput, Input: -1})
}

// Control does nothing.
func (h *LoopHead[T]) Control(operator.Control) {}

// Snapshot begins the log.
func (h *LoopHead[T]) Snapshot(w *operator.Snapshot) error {
	h.logging, h.log = true, nil
	h.logNumber, h.logFinished, h.logCounted = h.number, h.finished, h.counted
	if h.finished {
		return h.SnapshotRest(w)
	}
	for _, b := range h.kept {
		h.log = h.appendRows(h.log, b)
	}
	return nil
}

// SnapshotRest ends the log and writes the state.
func (h *LoopHead[T]) SnapshotRest(w *operator.Snapshot) error {
	number, finished := h.logNumber, int64(0)
	if h.logFinished {
		finished = 1
	}
	if !h.cfg.Protocol.Rounds {
		number, finished = 0, 0 // waves begin anew
	}
	data := appendInt(appendInt(appendInt(nil, number), finished), h.logCounted)
	if fault.Seeded(fault.SkipLoopLog) {
		h.log = nil
	}
	w.DescribeItems(operator.ListItems, loopState, h.cfg.Codec.Schema())
	w.List(loopState, append(data, h.log...))
	w.Union(loopRoundState, appendInt(nil, number))
	h.logging, h.log = false, nil
	return nil
}

// Completed does nothing.
func (h *LoopHead[T]) Completed(int64) error { return nil }

// Aborted gives the log up.
func (h *LoopHead[T]) Aborted(int64) { h.logging, h.log = false, nil }

// Close releases what is kept.
func (h *LoopHead[T]) Close() error {
	for _, b := range append(h.kept, h.replay...) {
		b.Release()
	}
	h.kept, h.replay = nil, nil
	return nil
}
