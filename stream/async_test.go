package stream_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// withRestores runs a job that build adds to an environment, takes a snapshot at random moments,
// cancels, and restores it, restarts times; then it lets the job end. It must be called in a
// synctest bubble. The moments are up to most apart.
func withRestores(t *testing.T, rng *rand.Rand, restarts int, most time.Duration,
	build func() *stream.Env,
) {
	t.Helper()
	var last *launch.Snapshot
	for i := 0; ; i++ {
		j, err := launch.Start(context.Background(), build(), "restored", launch.Restore(last))
		if err != nil {
			t.Fatal(err)
		}
		if i < restarts {
			time.Sleep(time.Duration(rng.Int64N(int64(most))))
			if s, err := j.Snapshot(context.Background()); err == nil {
				last = s
				t.Logf("snapshot %d", s.ID())
				time.Sleep(time.Duration(rng.Int64N(int64(most))) / 4)
				j.Cancel()
			}
		}
		err = j.Wait()
		if err == nil {
			return
		}
		if !errors.Is(err, launch.ErrCanceled) {
			t.Fatal(err)
		}
	}
}

func sorted[T interface{ ~int | ~int64 | ~string }](v []T) []T {
	slices.Sort(v)
	return v
}

func TestAsyncRestored(t *testing.T) {
	for seed := range uint64(12) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 2))
			p, ordered := 1+rng.IntN(3), rng.IntN(2) == 0
			out := collect.To[int64]()
			build := func() *stream.Env {
				env := stream.NewEnv(stream.Parallelism(p))
				s := stream.Async(stream.From(env, slice.Sequence(1, 300)),
					func(ctx context.Context, v int64) (int64, error) {
						time.Sleep(time.Duration(v*7919%17) * time.Millisecond)
						return v, nil
					}, stream.AsyncOptions[int64, int64]{Capacity: 5, Ordered: ordered})
				if seed%2 == 0 {
					s.DisableChaining()
				}
				s.To(out)
				return env
			}
			withRestores(t, rng, 4, 150*time.Millisecond, build)
			got := out.Results()
			if p == 1 && ordered && !slices.IsSorted(got) {
				t.Errorf("seed %d: not in order", seed)
			}
			for i, v := range sorted(got) {
				if v != int64(i+1) {
					t.Fatalf("seed %d: %v", seed, got)
				}
			}
			if len(got) != 300 {
				t.Errorf("seed %d: %d results", seed, len(got))
			}
		})
	}
}

func TestAsyncCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := stream.NewEnv()
		stream.Async(stream.From(env, slice.Sequence(1, 10)),
			func(ctx context.Context, v int64) (int64, error) {
				<-ctx.Done()
				return 0, ctx.Err()
			}, stream.AsyncOptions[int64, int64]{Timeout: -1}).To(collect.To[int64]())
		j, err := launch.Start(t.Context(), env, "stuck")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		j.Cancel()
		if err := j.Wait(); !errors.Is(err, launch.ErrCanceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAsyncErrors(t *testing.T) {
	env := stream.NewEnv()
	stream.Async(stream.From(env, slice.Of("a", "b")),
		func(context.Context, string) (int, error) { return 0, errors.New("no answer") },
		stream.AsyncOptions[string, int]{}).Name("ask").To(collect.To[int]())
	err := launch.Run(t.Context(), env, "failing")
	if err == nil || !strings.Contains(err.Error(), `operator "ask"`) ||
		!strings.Contains(err.Error(), "no answer") || !strings.Contains(err.Error(), "record: ") {
		t.Errorf("got %v", err)
	}

	env = stream.NewEnv()
	stream.Async(stream.From(env, slice.Of("a")), nil, stream.AsyncOptions[string, int]{
		Capacity: -1, Retry: stream.AsyncRetry{Attempts: -2, Backoff: 0.5, Delay: -1},
	}).To(collect.To[int]())
	err = launch.Run(t.Context(), env, "wrong")
	for _, field := range []string{"Capacity", "Attempts", "Backoff", "Delay"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not reported: %v", field, err)
		}
	}
}

func ExampleAsync() {
	env := stream.NewEnv()
	words := stream.From(env, slice.Of("one", "two", "three"))
	lookUp := func(ctx context.Context, w string) (int, error) { return len(w), nil }
	lengths := stream.Async(words, lookUp, stream.AsyncOptions[string, int]{Ordered: true})
	out := collect.To[int]()
	lengths.To(out)
	if err := launch.Run(context.Background(), env, "lengths"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(out.Results())
	// Output: [3 3 5]
}
