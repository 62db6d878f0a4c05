package stream_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/internal/job"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/stream"
)

type walk struct{ Start, At, Steps int64 }

func collatzSteps(n int64) (steps int64) {
	for n != 1 {
		n, steps = next(n), steps+1
	}
	return steps
}

func next(n int64) int64 {
	if n%2 == 0 {
		return n / 2
	}
	return 3*n + 1
}

// collatz builds a loop in which each number goes around until it is 1.
func collatz(env *stream.Env, n int64, slow time.Duration, out *collect.Sink[walk]) {
	starts := stream.Map(stream.From(env, slice.Sequence(1, n)),
		func(v int64) walk { return walk{v, v, 0} })
	stream.Iterate(starts, func(loop *stream.Stream[walk]) (_, _ *stream.Stream[walk]) {
		running := loop.Filter(func(w walk) bool { return w.At != 1 })
		step := stream.Map(running.Rebalance(), func(w walk) walk {
			if slow > 0 && w.At%7 == 0 {
				time.Sleep(slow)
			}
			return walk{w.Start, next(w.At), w.Steps + 1}
		})
		return step, loop.Filter(func(w walk) bool { return w.At == 1 })
	}).To(out)
}

func checkCollatz(t *testing.T, n int64, got []walk) {
	t.Helper()
	if len(got) != int(n) {
		t.Errorf("%d results, want %d", len(got), n)
	}
	seen := map[int64]bool{}
	for _, w := range got {
		if seen[w.Start] || w.Steps != collatzSteps(w.Start) {
			t.Fatalf("%+v, want %d steps, once", w, collatzSteps(w.Start))
		}
		seen[w.Start] = true
	}
}

func TestIterateCollatz(t *testing.T) {
	for p := 1; p <= 3; p++ {
		synctest.Test(t, func(t *testing.T) {
			env := stream.NewEnv(stream.Parallelism(p))
			out := collect.To[walk]()
			collatz(env, 2000, 0, out)
			if err := launch.Run(context.Background(), env, "collatz"); err != nil {
				t.Fatal(err)
			}
			checkCollatz(t, 2000, out.Results())
		})
	}
}

// TestIterateSpills has a loop that makes much more than its head takes on at once.
func TestIterateSpills(t *testing.T) {
	for p := 1; p <= 2; p++ {
		dir := t.TempDir()
		env := stream.NewEnv(stream.Parallelism(p))
		out := collect.To[int64]()
		stream.Iterate(stream.From(env, slice.Of[int64](14)),
			func(loop *stream.Stream[int64]) (_, _ *stream.Stream[int64]) {
				twice := stream.FlatMap(loop, func(v int64, emit func(int64)) {
					if v > 0 {
						emit(v - 1)
						emit(v - 1)
					}
				})
				return twice.Rebalance(), loop.Filter(func(v int64) bool { return v == 0 })
			}).To(out)
		err := launch.Run(context.Background(), env, "doubling", launch.TempDir(dir),
			func(o *job.Options) { o.FeedbackBytes = 1000 })
		if err != nil {
			t.Fatal(err)
		}
		if n := len(out.Results()); n != 1<<14 {
			t.Errorf("parallelism %d: %d results, want %d", p, n, 1<<14)
		}
		checkEmpty(t, dir)
	}
}

func TestIterateRestored(t *testing.T) {
	for seed := range uint64(12) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 3))
			p := 1 + rng.IntN(3)
			out := collect.To[walk]()
			withRestores(t, rng, 4, 400*time.Millisecond, func() *stream.Env {
				env := stream.NewEnv(stream.Parallelism(p))
				collatz(env, 200, time.Millisecond, out)
				return env
			})
			checkCollatz(t, 200, out.Results())
		})
	}
}

type pair struct{ A, B int }

// TestIterateTransitiveClosure joins paths with the edges of a graph that comes from outside.
func TestIterateTransitiveClosure(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var edges []pair
	reach := map[pair]bool{}
	for range 60 {
		e := pair{rng.IntN(40), rng.IntN(40)}
		edges = append(edges, e)
		reach[e] = true
	}
	for changed := true; changed; {
		changed = false
		for p := range maps.Clone(reach) {
			for _, e := range edges {
				if q := (pair{p.A, e.B}); p.B == e.A && !reach[q] {
					reach[q], changed = true, true
				}
			}
		}
	}
	for p := 1; p <= 3; p++ {
		env := stream.NewEnv(stream.Parallelism(p))
		source := stream.From(env, slice.Of(edges...))
		out := collect.To[pair]()
		stream.Iterate(source, func(loop *stream.Stream[pair]) (_, _ *stream.Stream[pair]) {
			seen := state.NewValue[bool]("seen")
			fresh := stream.Process(stream.KeyBy(loop, func(p pair) pair { return p }),
				func(c *stream.Ctx[pair, pair], p pair) error {
					if _, ok := seen.Get(c); !ok {
						seen.Set(c, true)
						c.Emit(p)
					}
					return nil
				}, stream.Uses(seen))
			from, to := state.NewList[int]("from"), state.NewList[int]("to")
			longer := stream.ProcessBoth(stream.ConnectKeyed(
				stream.KeyBy(fresh, func(p pair) int { return p.B }),
				stream.KeyBy(source, func(p pair) int { return p.A })),
				func(c *stream.Ctx[int, pair], p pair) error {
					from.Add(c, p.A)
					for _, b := range to.Get(c) {
						c.Emit(pair{p.A, b})
					}
					return nil
				},
				func(c *stream.Ctx[int, pair], e pair) error {
					to.Add(c, e.B)
					for _, a := range from.Get(c) {
						c.Emit(pair{a, e.B})
					}
					return nil
				}, stream.Uses(from, to))
			return longer, fresh
		}).To(out)
		if err := launch.Run(context.Background(), env, "closure"); err != nil {
			t.Fatal(err)
		}
		got := map[pair]bool{}
		for _, q := range out.Results() {
			got[q] = true
		}
		if !maps.Equal(got, reach) || len(out.Results()) != len(reach) {
			t.Errorf("parallelism %d: %d paths (%d different), want %d", p, len(out.Results()),
				len(got), len(reach))
		}
	}
}

func TestIterateCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := stream.NewEnv(stream.Parallelism(2))
		ones := stream.From(env, slice.Sequence(1, 3000))
		stream.Iterate(ones, func(loop *stream.Stream[int64]) (_, _ *stream.Stream[int64]) {
			same := stream.Map(loop, func(v int64) int64 {
				if v%1500 == 7 { // time passes in both subtasks
					time.Sleep(time.Millisecond)
				}
				return v
			})
			return same, same.Filter(func(v int64) bool { return v < 0 })
		}).To(collect.To[int64]())
		j, err := launch.Start(context.Background(), env, "for ever")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
		if _, err := j.Snapshot(context.Background()); err != nil {
			t.Error(err)
		}
		j.Cancel()
		j.Wait()
	})
}

func TestIterateNested(t *testing.T) {
	env := stream.NewEnv()
	same := func(loop *stream.Stream[int64]) (_, _ *stream.Stream[int64]) { return loop, loop }
	stream.Iterate(stream.From(env, slice.Sequence(1, 3)),
		func(loop *stream.Stream[int64]) (_, _ *stream.Stream[int64]) {
			return stream.Iterate(loop, same), loop
		}).To(collect.To[int64]())
	err := launch.Run(context.Background(), env, "nested")
	if err == nil || !strings.Contains(err.Error(), "not supported") {
		t.Errorf("got %v", err)
	}
}

type point struct{ X, Y float64 }

type centre struct {
	ID int
	At point
	N  int64
}

type kmeansState struct {
	Points  []point
	Centres map[int]point
}

// kmeans builds Lloyd's algorithm: points are kept by the subtasks, centres go around. It emits the
// centres of each round, numbered.
func kmeans(env *stream.Env, points []point, first []centre, rounds int, slow time.Duration,
) *stream.Stream[centre] {
	data := stream.From(env, slice.Of(points...))
	return stream.IterateRounds(stream.From(env, slice.Of(first...)).Parallelism(1), rounds,
		func(r *stream.Rounds, centres *stream.Stream[centre]) (_, _ *stream.Stream[centre]) {
			sums := stream.RoundProcessBoth(stream.Connect(centres.Broadcast(), data.Rebalance()),
				func(_ *stream.Emitter[centre], s *kmeansState, c centre) error {
					if s.Centres == nil {
						s.Centres = map[int]point{}
					}
					s.Centres[c.ID] = c.At
					return nil
				},
				func(_ *stream.Emitter[centre], s *kmeansState, p point) error {
					s.Points = append(s.Points, p)
					return nil
				},
				stream.RoundHooks[kmeansState, centre]{
					Round: func(c *stream.Emitter[centre], s *kmeansState, _ int) error {
						sums := map[int]centre{}
						for _, p := range s.Points {
							best, least := 0, math.Inf(1)
							for id, at := range s.Centres {
								d := math.Hypot(p.X-at.X, p.Y-at.Y)
								if d < least || d == least && id < best {
									best, least = id, d
								}
							}
							sum := sums[best]
							sums[best] = centre{best, point{sum.At.X + p.X, sum.At.Y + p.Y}, sum.N + 1}
						}
						for _, sum := range sums {
							c.Emit(sum)
						}
						time.Sleep(slow)
						return nil
					},
				})
			sum, old := state.NewValue[centre]("sum"), state.NewValue[point]("old")
			moved := stream.NewTag[int]("moved")
			fresh := stream.Process(stream.KeyBy(sums, func(c centre) int { return c.ID }),
				func(c *stream.Ctx[int, centre], v centre) error {
					s, _ := sum.Get(c)
					sum.Set(c, centre{v.ID, point{s.At.X + v.At.X, s.At.Y + v.At.Y}, s.N + v.N})
					return nil
				},
				stream.Uses(sum, old),
				stream.OnRound(func(c *stream.Ctx[int, centre], round int) error {
					s, _ := sum.Get(c)
					sum.Clear(c)
					at := point{s.At.X / float64(s.N), s.At.Y / float64(s.N)}
					if p, ok := old.Get(c); !ok || p != at {
						moved.Emit(c, round)
					}
					old.Set(c, at)
					c.Emit(centre{c.Key(), at, int64(round)})
					return nil
				}))
			stream.ContinueWhile(r, stream.Side(fresh, moved))
			return fresh, fresh
		})
}

// kmeansWant computes the same without an engine. Coordinates are small integers, so that sums do
// not depend on their order.
func kmeansWant(points []point, first []centre, rounds int) (all []centre) {
	centres := map[int]point{}
	for _, c := range first {
		centres[c.ID] = c.At
	}
	old := map[int]point{}
	for round := range rounds {
		sums := map[int]centre{}
		for _, p := range points {
			best, least := 0, math.Inf(1)
			for id, at := range centres {
				d := math.Hypot(p.X-at.X, p.Y-at.Y)
				if d < least || d == least && id < best {
					best, least = id, d
				}
			}
			s := sums[best]
			sums[best] = centre{best, point{s.At.X + p.X, s.At.Y + p.Y}, s.N + 1}
		}
		moved := false
		for id, s := range sums {
			at := point{s.At.X / float64(s.N), s.At.Y / float64(s.N)}
			if p, ok := old[id]; !ok || p != at {
				moved = true
			}
			old[id], centres[id] = at, at
			all = append(all, centre{id, at, int64(round)})
		}
		if !moved {
			break
		}
	}
	return all
}

func kmeansData() (points []point, first []centre) {
	rng := rand.New(rand.NewPCG(4, 4))
	for i := range 300 {
		c := float64(i % 3 * 40)
		points = append(points, point{c + float64(rng.IntN(50)), c + float64(rng.IntN(50))})
	}
	for i := range 3 {
		first = append(first, centre{ID: i, At: points[i*7]})
	}
	return points, first
}

func sortCentres(c []centre) []centre {
	slices.SortFunc(c, func(a, b centre) int { return int(a.N-b.N)*10 + a.ID - b.ID })
	return c
}

func TestRoundsKMeans(t *testing.T) {
	points, first := kmeansData()
	for _, rounds := range []int{1, 3, 100} {
		want := sortCentres(kmeansWant(points, first, rounds))
		for p := 1; p <= 3; p++ {
			synctest.Test(t, func(t *testing.T) {
				env := stream.NewEnv(stream.Parallelism(p))
				out := collect.To[centre]()
				kmeans(env, points, first, rounds, 0).To(out)
				if err := launch.Run(context.Background(), env, "kmeans"); err != nil {
					t.Fatal(err)
				}
				if got := sortCentres(out.Results()); !slices.Equal(got, want) {
					t.Errorf("parallelism %d, at most %d rounds:\ngot  %v\nwant %v", p, rounds, got, want)
				}
			})
		}
		if rounds == 100 && len(want) < 12 {
			t.Errorf("the data converges in %d rounds, too few for a test", len(want)/3)
		}
	}
}

func TestRoundsRestored(t *testing.T) {
	points, first := kmeansData()
	want := sortCentres(kmeansWant(points, first, 100))
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 5))
			p := 1 + rng.IntN(3)
			out := collect.To[centre]()
			withRestores(t, rng, 4, 30*time.Millisecond, func() *stream.Env {
				env := stream.NewEnv(stream.Parallelism(p))
				kmeans(env, points, first, 100, 5*time.Millisecond).To(out)
				return env
			})
			if got := sortCentres(out.Results()); !slices.Equal(got, want) {
				t.Errorf("seed %d, parallelism %d:\ngot  %v\nwant %v", seed, p, got, want)
			}
		})
	}
}

// TestRoundsLast counts down each key by one a round, and emits at the end how many rounds it took.
func TestRoundsLast(t *testing.T) {
	for p := 1; p <= 3; p++ {
		env := stream.NewEnv(stream.Parallelism(p))
		out, totals := collect.To[string](), collect.To[int64]()
		last := stream.IterateRounds(stream.From(env, slice.Of[int64](3, 1, 5, 3)), 10,
			func(_ *stream.Rounds, vars *stream.Stream[int64]) (*stream.Stream[int64], *stream.Stream[string]) {
				down := stream.Map(vars, func(v int64) int64 { return v - 1 }).
					Filter(func(v int64) bool { return v > 0 })
				n := state.NewValue[int]("n")
				counts := stream.Process(stream.KeyBy(vars, func(v int64) int64 { return v }),
					func(c *stream.Ctx[int64, string], v int64) error {
						k, _ := n.Get(c)
						n.Set(c, k+1)
						return nil
					}, stream.Uses(n), stream.OnLastRound(func(c *stream.Ctx[int64, string]) error {
						k, _ := n.Get(c)
						c.Emit(fmt.Sprint(c.Key(), " ", k))
						return nil
					}))
				stream.RoundProcess(vars.Global(),
					func(_ *stream.Emitter[int64], s *int64, v int64) error {
						*s += v
						return nil
					}, stream.RoundHooks[int64, int64]{
						Last: func(c *stream.Emitter[int64], s *int64) error {
							c.Emit(*s)
							return nil
						},
					}).Parallelism(1).To(totals)
				return down, counts
			})
		last.To(out)
		if err := launch.Run(context.Background(), env, "countdown"); err != nil {
			t.Fatal(err)
		}
		got := sorted(out.Results())
		if want := []string{"1 4", "2 3", "3 3", "4 1", "5 1"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := totals.Results(); !slices.Equal(got, []int64{6 + 1 + 15 + 6}) {
			t.Errorf("total %v", got)
		}
	}
}
