package datagen_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func square(n int64) int64 { return n * n }

func TestConformance(t *testing.T) {
	var want []int64
	for n := range int64(60) {
		want = append(want, n*n)
	}
	for _, rate := range []int64{0, 1000, 7} {
		t.Run(fmt.Sprintf("rate %d", rate), func(t *testing.T) {
			connecttest.Source(t, func() connect.Source[int64] {
				return datagen.Source(square, datagen.Options{Count: 60, PerSecond: rate})
			}, connecttest.Options[int64]{Want: want})
		})
	}
	t.Run("fewer than readers", func(t *testing.T) {
		connecttest.Source(t, func() connect.Source[int64] {
			return datagen.Source(square, datagen.Options{Count: 2})
		}, connecttest.Options[int64]{Want: want[:2]})
	})
}

func TestUnboundedRestoredWithFewerReaders(t *testing.T) {
	src := datagen.Source(func(n int64) int64 { return n }, datagen.Options{})
	d := connecttest.NewDriver(t, src, 3, nil)
	first, err := d.Read(50)
	if err != nil {
		t.Fatal(err)
	}
	snap := d.Snapshot()
	d.Close()
	d = connecttest.NewDriver(t, src, 1, snap)
	rest, err := d.Read(70)
	if err != nil {
		t.Fatal(err)
	}
	all := append(first, rest...)
	slices.Sort(all)
	for i, v := range all[:100] {
		if v != int64(i) {
			t.Fatalf("record %d is %d: the splits are not read side by side: %v", i, v, all)
		}
	}
}

func TestPace(t *testing.T) {
	for _, tc := range []struct {
		perSecond int64
		after     time.Duration
		want      int
	}{
		{100, 0, 1},
		{100, 9 * time.Millisecond, 1},
		{100, 10 * time.Millisecond, 2},
		{100, 50 * time.Millisecond, 6},
		{3000, time.Millisecond, 6},
		{3, 667 * time.Millisecond, 3},
		{3, 665 * time.Millisecond, 2},
	} {
		src := datagen.Source(square, datagen.Options{PerSecond: tc.perSecond})
		d := connecttest.NewDriver(t, src, 1, nil)
		var got int
		poll := func() {
			for {
				b, err := d.Poll(0)
				if err != nil {
					t.Fatal(err)
				}
				got += len(b.Records)
				if b.Status == connect.Waiting {
					return
				}
			}
		}
		poll()
		d.Advance(tc.after)
		poll()
		if got != tc.want {
			t.Errorf("%d per second, after %v: %d records, want %d", tc.perSecond, tc.after, got,
				tc.want)
		}
	}
}

func TestStartInTheFuture(t *testing.T) {
	now := connecttest.NewDriver(t, datagen.Source(square, datagen.Options{}), 1, nil).Now()
	src := datagen.Source(square, datagen.Options{
		Count: 5, PerSecond: 10, Start: now.Add(time.Minute),
	})
	d := connecttest.NewDriver(t, src, 1, nil)
	if b, err := d.Poll(0); err != nil || len(b.Records) > 0 || b.Status != connect.Waiting {
		t.Fatalf("polled before the start: %v, %v", b, err)
	}
	d.Advance(2 * time.Minute)
	if got, err := d.Read(0); err != nil || len(got) != 5 {
		t.Fatalf("after the start: %v, %v", got, err)
	}
}

func TestOptionsAreValidated(t *testing.T) {
	env := stream.NewEnv()
	stream.From(env, datagen.Source(square, datagen.Options{Count: -1, PerSecond: -2})).
		To(collect.To[int64]())
	err := launch.Run(context.Background(), env, "bad")
	for _, want := range []string{"Count is -1", "PerSecond is -2"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error: %v", want, err)
		}
	}
}

func TestPollDoesNotAllocate(t *testing.T) {
	allocs := connecttest.PollAllocs(t, datagen.Source(square, datagen.Options{}))
	if allocs != 0 {
		t.Errorf("%v allocations for each poll", allocs)
	}
}

func ExampleSource() {
	env := stream.NewEnv(stream.Parallelism(2))
	words := datagen.Source(func(n int64) string { return fmt.Sprint("record ", n) },
		datagen.Options{Count: 4})
	out := collect.To[string]()
	stream.From(env, words).To(out)
	if err := launch.Run(context.Background(), env, "generate"); err != nil {
		fmt.Println(err)
	}
	results := out.Results()
	slices.Sort(results)
	fmt.Println(strings.Join(results, "\n"))
	// Output:
	// record 0
	// record 1
	// record 2
	// record 3
}

func ExampleBatches() {
	env := stream.NewEnv()
	numbers := func() (datagen.Fill[int], error) {
		return func(first, step int64, out []int) {
			for i := range out {
				out[i] = int(first) + i*int(step)
			}
		}, nil
	}
	out := collect.To[int]()
	stream.From(env, datagen.Batches(numbers, datagen.Options{Count: 5})).To(out)
	if err := launch.Run(context.Background(), env, "generate"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(out.Results())
	// Output:
	// [0 1 2 3 4]
}

// TestBacklog: what is to be read is known of a source that ends, and of one with a rate.
func TestBacklog(t *testing.T) {
	const count = 100
	d := connecttest.NewDriver(t, datagen.Source(square, datagen.Options{Count: count}), 3, nil)
	if err := d.Deliver(); err != nil {
		t.Fatal(err)
	}
	for read, ended := 0, false; !ended; {
		b, ok := d.Backlog()
		if want := (connect.Backlog{Records: int64(count - read), Bytes: -1}); !ok || b != want {
			t.Fatalf("after %d records the backlog is %+v, want %+v", read, b, want)
		}
		for i := range 3 {
			p, err := d.Poll(i)
			if err != nil {
				t.Fatal(err)
			}
			read += len(p.Records)
		}
		ended = d.Ended()
	}
	paced := connecttest.NewDriver(t, datagen.Source(square, datagen.Options{PerSecond: 100, Count: 50}), 1, nil)
	if p, err := paced.Poll(0); err != nil || len(p.Records) != 1 {
		t.Fatalf("the first poll: %+v, %v", p, err)
	}
	for _, step := range []struct {
		after time.Duration
		want  int64
	}{{0, 0}, {100 * time.Millisecond, 10}, {time.Hour, 49}} {
		paced.Advance(step.after)
		if b, _ := paced.Backlog(); b.Records != step.want {
			t.Errorf("after another %v %d records are due, want %d", step.after, b.Records, step.want)
		}
	}
	endless := connecttest.NewDriver(t, datagen.Source(square, datagen.Options{}), 1, nil)
	if err := endless.Deliver(); err != nil {
		t.Fatal(err)
	}
	if b, _ := endless.Backlog(); b != connect.Unknown {
		t.Errorf("the backlog of a source without end is %+v", b)
	}
}
