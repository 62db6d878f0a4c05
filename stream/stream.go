package stream

import (
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/columnar"
	"github.com/flott-dev/flott/internal/exchange"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/watermark"
)

// Stream is a stream of records of type T: the output of one operator, or the union of several.
type Stream[T any] struct {
	env      *Env
	from     []upstream
	strategy graph.Strategy
	part     exchange.Partitioner[T]
	source   *ops.SourceConfig[T] // of a source that has no consumer yet
}

// upstream is an output of an operator.
type upstream struct {
	node *graph.Node
	tag  string
}

// newStream is the main output of n.
func newStream[T any](env *Env, n *graph.Node) *Stream[T] {
	c, err := codec.For[T](&env.codecs)
	if err != nil {
		n.Fail(err)
	} else {
		n.OutSchema = c.Schema().String()
	}
	return &Stream[T]{env: env, from: []upstream{{node: n}}}
}

// into makes s input number input of n.
func (s *Stream[T]) into(n *graph.Node, input int) {
	enc, err := codec.For[T](&s.env.codecs)
	if err != nil {
		n.Fail(err)
	}
	for _, u := range s.from {
		s.env.graph.Connect(&graph.Edge{
			From: u.node, To: n, Tag: u.tag, Input: input, Strategy: s.strategy,
			Type: &exchange.Edge[T]{Part: s.part, Codec: enc},
		})
	}
}

// add adds an operator with input s and output O.
func add[T, O any](s *Stream[T], kind string, make func() operator.Node) *Stream[O] {
	n := s.env.graph.Add(kind)
	n.New = make
	s.into(n, 0)
	return newStream[O](s.env, n)
}

// node is the operator whose output s is.
func (s *Stream[T]) node() *graph.Node { return s.from[0].node }

// set changes the operator whose output s is.
func (s *Stream[T]) set(f func(n *graph.Node)) *Stream[T] {
	for _, u := range s.from {
		f(u.node)
	}
	return s
}

// Name names the operator in graphs, metrics and errors.
func (s *Stream[T]) Name(name string) *Stream[T] {
	return s.set(func(n *graph.Node) { n.Name = name })
}

// UID is the identity of the operator's state across versions of the job. An operator without one
// gets one derived from its place in the job, which changes when the job is rearranged.
func (s *Stream[T]) UID(uid string) *Stream[T] {
	return s.set(func(n *graph.Node) { n.UID = uid })
}

// Parallelism is the number of the operator's subtasks.
func (s *Stream[T]) Parallelism(p int) *Stream[T] {
	return s.set(func(n *graph.Node) { setParallelism(n, p) })
}

func setParallelism(n *graph.Node, p int) {
	if p < 1 {
		p = -1 // 0 would mean the job's
	}
	n.Parallelism = p
}

// MaxParallelism is the number of the operator's key groups.
func (s *Stream[T]) MaxParallelism(p int) *Stream[T] {
	if p < 1 {
		p = -1
	}
	return s.set(func(n *graph.Node) { n.MaxParallelism = p })
}

// SlotSharingGroup puts the operator in a named group; operators of different groups never share
// a slot, and are not chained.
func (s *Stream[T]) SlotSharingGroup(group string) *Stream[T] {
	return s.set(func(n *graph.Node) { n.SlotGroup = group })
}

// StartNewChain runs the operator in another task than its input.
func (s *Stream[T]) StartNewChain() *Stream[T] {
	return s.set(func(n *graph.Node) { n.StartChain = true })
}

// DisableChaining runs the operator in a task of its own.
func (s *Stream[T]) DisableChaining() *Stream[T] {
	return s.set(func(n *graph.Node) { n.NoChain = true })
}

// BufferTimeout is stream.BufferTimeout for the operator's output.
func (s *Stream[T]) BufferTimeout(d time.Duration) *Stream[T] {
	return s.set(func(n *graph.Node) { n.BufferTimeout = &d })
}

// From adds a source.
func From[T any](env *Env, source connect.Source[T]) *Stream[T] {
	n := env.graph.Add("Source")
	n.Bounded = source.Bounded()
	n.Source = source
	cfg := &ops.SourceConfig[T]{Source: source, EachRow: env.eachRow}
	n.New = func() operator.Node { return ops.NewSource(cfg) }
	s := newStream[T](env, n)
	s.source = cfg
	return s
}

// Watermarks gives the records their event time and makes watermarks. Right after From it works
// inside the source, for each split by itself; elsewhere for each subtask.
func (s *Stream[T]) Watermarks(strategy watermark.Strategy[T]) *Stream[T] {
	if s.source != nil && len(s.node().Out) == 0 {
		s.source.Strategy = strategy
		return s
	}
	eachRow := s.env.eachRow
	return add[T, T](s, "Watermarks", func() operator.Node {
		return ops.NewWatermarks(strategy, eachRow)
	})
}

// To adds a sink. It returns the sink's operator, to be named.
func (s *Stream[T]) To(sink connect.Sink[T]) *Sink {
	n := s.env.graph.Add("Sink")
	n.New = func() operator.Node { return ops.NewSink(sink) }
	s.into(n, 0)
	columnar.Commit(s.env.graph, n, sink)
	return &Sink{n}
}

// Sink is the end of a stream.
type Sink struct{ node *graph.Node }

// Name names the sink in graphs, metrics and errors.
func (s *Sink) Name(name string) *Sink {
	s.node.Name = name
	return s
}

// UID is the identity of the sink's state across versions of the job.
func (s *Sink) UID(uid string) *Sink {
	s.node.UID = uid
	return s
}

// Parallelism is the number of the sink's subtasks.
func (s *Sink) Parallelism(p int) *Sink {
	setParallelism(s.node, p)
	return s
}

// DisableChaining runs the sink in a task of its own.
func (s *Sink) DisableChaining() *Sink {
	s.node.NoChain = true
	return s
}

// Map calls f for each record.
func Map[T, O any](s *Stream[T], f func(T) O) *Stream[O] {
	if same, ok := any(f).(func(T) T); ok {
		return any(add[T, T](s, "Map", func() operator.Node { return ops.NewChange(same) })).(*Stream[O])
	}
	return add[T, O](s, "Map", func() operator.Node { return ops.NewMap(f) })
}

// TryMap is Map with a function that can fail.
func TryMap[T, O any](s *Stream[T], f func(T) (O, error)) *Stream[O] {
	return add[T, O](s, "Map", func() operator.Node { return ops.NewTryMap(f) })
}

// Filter keeps the records for which f reports true.
func (s *Stream[T]) Filter(f func(T) bool) *Stream[T] {
	return add[T, T](s, "Filter", func() operator.Node { return ops.NewKeep(f) })
}

// TryFilter is Filter with a function that can fail.
func (s *Stream[T]) TryFilter(f func(T) (bool, error)) *Stream[T] {
	return add[T, T](s, "Filter", func() operator.Node { return ops.NewFilter(f) })
}

// Select maps and filters by pointers, which spares wide records their copies: f fills all of out
// from in and reports whether to keep it. Both pointers are valid during the call only.
func Select[T, O any](s *Stream[T], f func(in *T, out *O) bool) *Stream[O] {
	return add[T, O](s, "Select", func() operator.Node { return ops.NewSelect(f) })
}

// FlatMap emits any number of records for each.
func FlatMap[T, O any](s *Stream[T], f func(v T, emit func(O))) *Stream[O] {
	return add[T, O](s, "FlatMap", func() operator.Node {
		return ops.NewFlatMap(func(v T, emit func(O)) error {
			f(v, emit)
			return nil
		})
	})
}

// TryFlatMap is FlatMap with a function that can fail.
func TryFlatMap[T, O any](s *Stream[T], f func(v T, emit func(O)) error) *Stream[O] {
	return add[T, O](s, "FlatMap", func() operator.Node { return ops.NewFlatMap(f) })
}

// Union is the records of all streams, in no particular order.
func (s *Stream[T]) Union(others ...*Stream[T]) *Stream[T] {
	u := &Stream[T]{env: s.env}
	for _, o := range append([]*Stream[T]{s}, others...) {
		if o.strategy == graph.Auto {
			u.from = append(u.from, o.from...)
			continue
		}
		// A stream with a partitioning of its own keeps it by an operator that passes it on.
		u.from = append(u.from, add[T, T](o, "Union", func() operator.Node {
			return ops.NewKeep(func(T) bool { return true })
		}).from...)
	}
	return u
}

func (s *Stream[T]) partitioned(by graph.Strategy) *Stream[T] {
	return &Stream[T]{env: s.env, from: s.from, strategy: by}
}

// Rebalance deals records out in turn to all subtasks of the next operator.
func (s *Stream[T]) Rebalance() *Stream[T] { return s.partitioned(graph.Rebalance) }

// Rescale deals records out in turn to a share of the next operator's subtasks, so that fewer
// connections are needed than with Rebalance.
func (s *Stream[T]) Rescale() *Stream[T] { return s.partitioned(graph.Rescale) }

// Shuffle deals records out at random, evenly.
func (s *Stream[T]) Shuffle() *Stream[T] { return s.partitioned(graph.Shuffle) }

// Forward sends records to the subtask with the same number; both operators must have the same
// parallelism.
func (s *Stream[T]) Forward() *Stream[T] { return s.partitioned(graph.Forward) }

// Broadcast sends every record to all subtasks of the next operator.
func (s *Stream[T]) Broadcast() *Stream[T] { return s.partitioned(graph.Broadcast) }

// Global sends every record to the first subtask of the next operator.
func (s *Stream[T]) Global() *Stream[T] { return s.partitioned(graph.Global) }

// PartitionCustom sends a record to the subtask that f picks of n.
func (s *Stream[T]) PartitionCustom(f func(v T, n int) int) *Stream[T] {
	p := s.partitioned(graph.Custom)
	p.part.Custom = f
	return p
}
