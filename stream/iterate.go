package stream

import (
	"errors"
	"fmt"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/exchange"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
)

// Iterate builds a loop: body gets the records of s and those that it feeds back itself, in no
// particular order relative to each other, and returns the stream to feed back and the stream that
// leaves the loop.
//
//	     ┌───────────── feedback ◀──┐
//	s ─▶ head ─▶ loop ─▶ body ──────┴─▶ out
//
// The loop ends when all of its inputs have ended and no record is left in it. It then gets the last
// watermark, and ends once what timers and windows made of that has gone around as well. Watermarks
// of s pass through the loop and do not wait for records that go around, so these may be late.
// Timers in processing time do not keep a loop alive.
//
// Feedback never blocks: where the body makes more records than the head takes on, they wait, beyond
// 64 MiB on disk. Loops cannot be nested.
func Iterate[T, O any](s *Stream[T],
	body func(loop *Stream[T]) (feedback *Stream[T], out *Stream[O]),
) *Stream[O] {
	l := newLoop(s, "Iterate", ops.LoopProtocol{})
	feedback, out := body(l.stream)
	l.close(feedback)
	return out
}

// Rounds is a loop in rounds, while its body is built.
type Rounds struct {
	env     *Env
	head    *graph.Node
	streams []*Stream[bool]
}

// IterateRounds builds a loop that runs in rounds. The records of initial are those of round 0;
// what the body feeds back in one round is what it gets in the next. A round begins when the one
// before is over in all subtasks: every record of it has been processed and every function that
// waits for its end was called (see OnRound, RoundProcess).
//
// The loop ends after a round that feeds nothing back, after maxRounds rounds, or after a round in
// which a stream given to ContinueWhile had no record. What the last round feeds back is dropped, so
// a body that wants it emits it to out as well.
//
// Other streams may lead into the body, such as training data; they are read to their end before
// round 0 is over, and operators that need their records in each round keep them. Operators of the
// body that lead to no feedback may see records of the next round before the end of a round.
func IterateRounds[T, O any](initial *Stream[T], maxRounds int,
	body func(r *Rounds, vars *Stream[T]) (next *Stream[T], out *Stream[O]),
) *Stream[O] {
	l := newLoop(initial, "IterateRounds", ops.LoopProtocol{Rounds: true, Max: int64(maxRounds)})
	if maxRounds < 1 {
		l.head.Fail(fmt.Errorf("the largest number of rounds is %d, want at least 1", maxRounds))
	}
	r := &Rounds{env: l.env, head: l.head}
	next, out := body(r, l.stream)
	if len(r.streams) > 0 {
		l.cfg.Protocol.Criterion = true
		l.head.Loop = l.cfg.Protocol
		for _, c := range r.streams {
			l.feed(l.tail(c.node()), 2, &exchange.Edge[bool]{})
		}
	}
	l.close(next)
	return out
}

// ContinueWhile lets the loop go on only if s, a stream of its body, had a record in the round.
func ContinueWhile[C any](r *Rounds, s *Stream[C]) {
	r.streams = append(r.streams, Map(s, func(C) bool { return true }).Name("Criterion"))
}

// loop is a loop that is being built.
type loop[T any] struct {
	env    *Env
	head   *graph.Node
	cfg    *ops.LoopHeadConfig[T]
	stream *Stream[T]
	first  int // position of the head in the graph
	nested bool
}

func newLoop[T any](s *Stream[T], kind string, p ops.LoopProtocol) *loop[T] {
	env := s.env
	n := env.graph.Add(kind)
	l := &loop[T]{env: env, head: n, first: len(env.graph.Nodes) - 1, nested: env.inLoop}
	if env.inLoop {
		n.Fail(errors.New("a loop inside of a loop is not supported"))
	}
	env.inLoop = true
	c, err := codec.For[T](&env.codecs)
	if err != nil {
		n.Fail(err)
	} else {
		n.States = []string{"loop: list " + c.Schema().String()}
	}
	l.cfg = &ops.LoopHeadConfig[T]{Loop: n.ID, Protocol: p, Codec: c}
	n.Loop = p
	n.New = func() operator.Node { return ops.NewLoopHead(l.cfg) }
	s.into(n, 0)
	l.stream = newStream[T](env, n)
	return l
}

// close ends the body.
func (l *loop[T]) close(feedback *Stream[T]) {
	t := add[T, T](feedback, "Feedback", func() operator.Node {
		return ops.NewKeep(func(T) bool { return true })
	})
	l.feed(l.tail(t.node()), 1, &exchange.Edge[T]{Codec: l.cfg.Codec})
	for _, n := range l.env.graph.Nodes[l.first:] {
		n.InLoop = l.head.ID
	}
	l.env.inLoop = l.nested
}

// tail gives the last operator before a feedback edge the head's parallelism.
func (l *loop[T]) tail(n *graph.Node) *graph.Node {
	n.Parallelism, n.MaxParallelism = l.head.Parallelism, l.head.MaxParallelism
	return n
}

func (l *loop[T]) feed(tail *graph.Node, input int, edge exchange.EdgeType) {
	l.env.graph.Connect(&graph.Edge{
		From: tail, To: l.head, Input: input, Strategy: graph.Feedback, Type: edge,
	})
}
