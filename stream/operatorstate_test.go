package stream_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/stream"
)

type (
	offsetV1 struct {
		At   int32
		Gone string
	}
	offsetV2 struct {
		Note string
		At   int64
	}
)

// listed is an operator that keeps the records in a list or union state of type E.
func listed[E any](union bool, of func(n int) E) func(s *stream.Stream[int]) *stream.Stream[string] {
	return func(s *stream.Stream[int]) *stream.Stream[string] {
		return stream.ProcessEach(s, func(t *stream.Task) (func(*stream.Emitter[string], int) error, error) {
			open := stream.OperatorList[E]
			if union {
				open = stream.OperatorUnion[E]
			}
			items, err := open(t, "items")
			return func(c *stream.Emitter[string], n int) error {
				if n >= 0 {
					items.Add(of(n))
					return nil
				}
				c.Emit(fmt.Sprint(items.Get()))
				return nil
			}, err
		})
	}
}

// Operator state is restored from a snapshot of an older type.
func TestOperatorStateEvolves(t *testing.T) {
	for _, union := range []bool{false, true} {
		was := listed(union, func(n int) offsetV1 { return offsetV1{int32(n), "x"} })
		is := listed(union, func(n int) offsetV2 { return offsetV2{At: int64(n)} })
		in, build := flotttest.NewInput[int](), was
		h := flotttest.New(t, func(env *stream.Env) *stream.Stream[string] { return build(in.Stream(env)) })
		in.Push(3, 0)
		in.Push(4, 0)
		snapshot := h.Snapshot()
		build = is
		h.Restore(snapshot, 1)
		in.Push(-1, 0)
		if got := h.Out.Values(); !slices.Equal(got, []string{"[{ 3} { 4}]"}) {
			t.Errorf("union %v: got %q", union, got)
		}
	}
}

func ruled[V any](of func(n int) V) func(s, rules *stream.Stream[int]) *stream.Stream[string] {
	return func(s, rules *stream.Stream[int]) *stream.Stream[string] {
		return stream.WithBroadcast(s, rules,
			func(c *stream.Emitter[string], r *stream.Rules[string, V], n int) error {
				v, _ := r.Get("rule")
				c.Emit(fmt.Sprint(v))
				return nil
			}, func(_ *stream.Emitter[string], r *stream.RulesWriter[string, V], n int) error {
				r.Put("rule", of(n))
				return nil
			})
	}
}

func TestBroadcastStateEvolves(t *testing.T) {
	build := ruled(func(n int) offsetV1 { return offsetV1{int32(n), "x"} })
	in, rules := flotttest.NewInput[int](), flotttest.NewInput[int]()
	h := flotttest.New(t, func(env *stream.Env) *stream.Stream[string] {
		return build(in.Stream(env), rules.Stream(env))
	})
	rules.Push(7, 0)
	snapshot := h.Snapshot()
	build = ruled(func(n int) offsetV2 { return offsetV2{At: int64(n)} })
	h.Restore(snapshot, 2)
	in.Push(1, 0)
	if got := h.Out.Values(); !slices.Equal(got, []string{"{ 7}"}) {
		t.Errorf("got %q", got)
	}
}
