package flotttest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

// numbered is a record of a source with one split, whose records have ascending numbers for each key.
type numbered struct {
	Source, Key string
	N           int64
}

func source(env *stream.Env, name string, n int64) *stream.Stream[numbered] {
	return stream.From(env, slice.Func(n, func(i int64) numbered {
		return numbered{name, fmt.Sprintf("key-%d", i*i%11), i}
	})).Parallelism(1).Watermarks(watermark.BoundedMillis(time.Second, func(r *numbered) int64 { return r.N * 100 }))
}

func byNumberedKey(s *stream.Stream[numbered]) *stream.Keyed[string, numbered] {
	return stream.KeyBy(s, func(r numbered) string { return r.Key })
}

// last is the number of the last record of each source.
type last map[string]int64

func (l *last) check(r *numbered) error {
	if *l == nil {
		*l = last{}
	}
	if before, ok := (*l)[r.Source]; ok && r.N <= before {
		return fmt.Errorf("record %v came after %d", *r, before)
	}
	(*l)[r.Source] = r.N
	return nil
}

// inOrder passes records on and fails when those of one key and source are not in order.
func inOrder(k *stream.Keyed[string, numbered]) *stream.Stream[numbered] {
	return stream.Scan(k, func(c *stream.Ctx[string, numbered], l *last, r numbered) error {
		c.Emit(r)
		return l.check(&r)
	})
}

func text(s *stream.Stream[numbered]) *stream.Stream[string] {
	return stream.Map(s, func(r numbered) string { return fmt.Sprint(r) })
}

// TestUnalignedSnapshots stops jobs of all shapes in the middle, with records on the way, and restores
// them with any parallelism.
func TestUnalignedSnapshots(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(env *stream.Env, sink *collect.Sink[string])
	}{
		{"one exchange", func(env *stream.Env, sink *collect.Sink[string]) {
			text(inOrder(byNumberedKey(source(env, "a", 400)))).To(sink)
		}},
		{"exchanges one after the other", func(env *stream.Env, sink *collect.Sink[string]) {
			first := inOrder(byNumberedKey(source(env, "a", 400)))
			second := inOrder(stream.KeyBy(first, func(r numbered) string { return r.Key + "!" }))
			text(inOrder(byNumberedKey(second))).To(sink)
		}},
		{"union", func(env *stream.Env, sink *collect.Sink[string]) {
			all := source(env, "a", 300).Union(source(env, "b", 200), source(env, "c", 100))
			text(inOrder(byNumberedKey(all))).To(sink)
		}},
		{"two inputs", func(env *stream.Env, sink *collect.Sink[string]) {
			a, b := byNumberedKey(source(env, "a", 300)), byNumberedKey(source(env, "b", 300))
			pass := func(c *stream.Ctx[string, numbered], l *last, r *numbered) error {
				c.Emit(*r)
				return l.check(r)
			}
			text(stream.ScanBoth(stream.ConnectKeyed(a, b), pass, pass)).To(sink)
		}},
		{"exchanges without keys", func(env *stream.Env, sink *collect.Sink[string]) {
			s := source(env, "a", 400).Rebalance()
			s = stream.Map(s, func(r numbered) numbered { return r }).Shuffle()
			s = stream.Map(s, func(r numbered) numbered { return r }).Global()
			text(s).To(sink)
		}},
		{"exchanges that come and go with the parallelism", func(env *stream.Env, sink *collect.Sink[string]) {
			two := stream.Map(source(env, "a", 400), func(r numbered) numbered { return r }).Parallelism(2)
			text(two).To(sink)
		}},
		{"custom", func(env *stream.Env, sink *collect.Sink[string]) {
			s := source(env, "a", 400).PartitionCustom(func(r numbered, n int) int { return int(r.N) % n })
			text(s).To(sink)
		}},
		{"rescale and broadcast align", func(env *stream.Env, sink *collect.Sink[string]) {
			s := byNumberedKey(source(env, "a", 300).Rescale())
			rules := source(env, "rules", 100)
			text(stream.KeyedWithBroadcast(s, rules,
				func(c *stream.Ctx[string, numbered], _ *stream.Rules[string, int64], r numbered) error {
					c.Emit(r)
					return nil
				},
				func(_ *stream.Emitter[numbered], w *stream.RulesWriter[string, int64], r numbered) error {
					w.Put(r.Key, r.N)
					return nil
				})).To(sink)
		}},
		{"a loop, within which barriers align", func(env *stream.Env, sink *collect.Sink[string]) {
			in := inOrder(byNumberedKey(source(env, "a", 300)))
			text(stream.Iterate(in, func(loop *stream.Stream[numbered]) (_, _ *stream.Stream[numbered]) {
				halved := stream.Map(stream.Scan(byNumberedKey(loop),
					func(c *stream.Ctx[string, numbered], n *int64, r numbered) error {
						c.Emit(r)
						return nil
					}), func(r numbered) numbered {
					r.N /= 2
					return r
				})
				return halved.Filter(func(r numbered) bool { return r.N > 10 }),
					halved.Filter(func(r numbered) bool { return r.N <= 10 })
			})).To(sink)
		}},
		{"joined windows", func(env *stream.Env, sink *collect.Sink[string]) {
			a, b := byNumberedKey(source(env, "a", 300)), byNumberedKey(source(env, "b", 300))
			stream.JoinWindow(a, b, window.Tumbling(3*time.Second), func(l, r numbered) string {
				return fmt.Sprint(l, r)
			}).To(sink)
		}},
		{"interval join", func(env *stream.Env, sink *collect.Sink[string]) {
			a, b := byNumberedKey(source(env, "a", 300)), byNumberedKey(source(env, "b", 300))
			stream.IntervalJoin(a, b, -time.Second, time.Second,
				func(c *stream.Ctx[string, string], l, r *numbered) error {
					c.Emit(fmt.Sprint(*l, *r))
					return nil
				}, stream.IntervalOptions[numbered, numbered]{}).To(sink)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			flotttest.CheckRestore(t, c.build, flotttest.RestoreOptions{Unaligned: true, Seeds: 25})
		})
	}
}
