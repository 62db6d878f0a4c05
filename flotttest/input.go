package flotttest

import (
	"errors"
	"fmt"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/exchange"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/stream"
)

// NoTime is the time of a record without one.
const NoTime = batch.NoTime

// Input is an input of the operator under test.
type Input[T any] struct {
	core  *core
	edge  *graph.Edge
	part  exchange.Partitioner[T]
	pool  *batch.Pool[T]
	open  []*batch.Rows[T] // for each subtask, nil when empty
	rows  int
	turns int
}

// NewInput returns an input.
func NewInput[T any]() *Input[T] { return &Input[T]{pool: batch.NewPool[T](0)} }

// Stream is the input as a stream. The operator under test must read it, by key or not, without
// another operator in between.
func (in *Input[T]) Stream(env *stream.Env) *stream.Stream[T] {
	return stream.From[T](env, noSource[T]{in})
}

// Push pushes a record with an event time in milliseconds.
func (in *Input[T]) Push(v T, t int64) {
	for _, other := range in.core.inputs {
		if other != input(in) {
			other.flush()
		}
	}
	i, word := in.route(v)
	b := in.batch(i)
	b.Add(v, t)
	if in.edge.Strategy == graph.Keyed {
		keys := append(b.Keys[:len(b.Vals)-1:len(b.Vals)-1], word)
		copy(b.KeyColumn(), keys)
	}
	if in.rows++; in.rows >= in.core.cfg.rows || b.Full() {
		in.flush()
	}
}

// route is the subtask of a record, and its entry in the key column.
func (in *Input[T]) route(v T) (subtask int, word uint64) {
	n := len(in.core.subtasks)
	if in.edge.Strategy != graph.Keyed {
		in.turns++
		return in.turns % n, 0
	}
	var column [1]uint64
	in.part.Keys(column[:], []T{v})
	hash := column[0]
	if in.part.Hash != nil {
		hash = in.part.Hash(hash)
	}
	maxParallelism := in.core.subtasks[0].ctx.MaxParallelism
	kg := codec.KeyGroup(hash, maxParallelism)
	return operator.SubtaskOf(kg, maxParallelism, n), column[0]
}

func (in *Input[T]) batch(i int) *batch.Rows[T] {
	if in.open[i] == nil {
		in.open[i] = in.pool.Get()
	}
	return in.open[i]
}

// input is an Input of any type.
type input interface {
	flush()
	mark(t int64)
	markOf(subtask int, t int64)
}

func (in *Input[T]) mark(t int64) {
	for i := range in.open {
		in.batch(i).Mark(t)
	}
	if in.core.cfg.rows == 1 {
		in.flush()
	}
}

func (in *Input[T]) markOf(subtask int, t int64) {
	in.batch(subtask).Mark(t)
	in.flush()
}

func (in *Input[T]) flush() {
	in.rows = 0
	for i, b := range in.open {
		if b == nil {
			continue
		}
		in.open[i] = nil
		s := in.core.subtasks[i]
		in.core.try(func() {
			s.settle(s.node.Receiver(in.edge.Input).(batch.Receiver[T]).Push(b))
		})
	}
}

// attach makes the Input behind an edge feed the subtasks of c.
func attach(c *core, e *graph.Edge) input {
	src, ok := e.From.Source.(interface {
		attach(c *core, e *graph.Edge) input
	})
	if !ok {
		c.t.Fatal(fmt.Errorf("input %d of %q is not the stream of an Input", e.Input, e.To.Name))
	}
	return src.attach(c, e)
}

// noSource stands for an Input in the graph.
type noSource[T any] struct{ in *Input[T] }

func (s noSource[T]) attach(c *core, e *graph.Edge) input {
	in := s.in
	in.core, in.edge, in.rows = c, e, 0
	in.part = e.Type.(*exchange.Edge[T]).Part
	in.open = make([]*batch.Rows[T], len(c.subtasks))
	return in
}

var errNoSource = errors.New("an Input works in a Harness only")

func (noSource[T]) Bounded() bool { return false }

func (noSource[T]) Enumerator(connect.EnumeratorContext, []byte) (connect.Enumerator, error) {
	return nil, errNoSource
}

func (noSource[T]) Reader(connect.ReaderContext) (connect.Reader[T], error) {
	return nil, errNoSource
}
