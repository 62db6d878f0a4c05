package jobmanager_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/jobmanager/jobmanagertest"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
)

// counting counts numbers by key.
func counting(out *collect.Sink[string], n int64) func(env *stream.Env) {
	return func(env *stream.Env) {
		count(stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{Count: n})), out)
	}
}

func count(numbers *stream.Stream[int64], out *collect.Sink[string]) {
	stream.Scan(stream.KeyBy(numbers, func(v int64) int64 { return v % 97 }),
		func(c *stream.Ctx[int64, string], n *int64, _ int64) error {
			*n++
			c.Emit(fmt.Sprintf("%d %d", c.Key(), *n))
			return nil
		}).To(out)
}

func wantCounts(t *testing.T, out *collect.Sink[string], n int64) {
	t.Helper()
	var want []string
	counts := map[int64]int{}
	for i := range n {
		counts[i%97]++
		want = append(want, fmt.Sprintf("%d %d", i%97, counts[i%97]))
	}
	got := out.Results()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("%d records, want %d; they differ", len(got), len(want))
	}
}

func TestJobOnTwoTaskManagers(t *testing.T) {
	out := collect.To[string]()
	c := jobmanagertest.New(t, jobmanager.Options{}, counting(out, 100_000), stream.Parallelism(4), stream.MaxParallelism(16))
	c.Join("tm-1", 2)
	c.Join("tm-2", 2)
	id := c.Submit(nil)
	if err := c.Wait(id); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, out, 100_000)
}

// TestWorkersEnd ends workers while the job runs, again and again.
func TestWorkersEnd(t *testing.T) {
	out := collect.To[string]()
	numbers := hold(t, 60_000, 30_000)
	c := jobmanagertest.New(t, jobmanager.Options{}, numbers.counting(out), stream.Parallelism(4), stream.MaxParallelism(16),
		stream.Checkpoint(20*time.Millisecond), stream.CheckpointDir(filepath.Join(t.TempDir(), "checkpoints")),
		stream.Restart(stream.FixedDelay(100, 10*time.Millisecond)))
	c.Join("tm-1", 2)
	c.Join("tm-2", 2)
	id := c.Submit(nil)
	j, err := c.Manager.Job(id)
	if err != nil {
		t.Fatal(err)
	}
	done := 0
	for kills := 0; kills < 4; {
		if h := j.Checkpoints(); h.Completed > done+2 {
			done = h.Completed
			c.Kill()
			kills++
		}
		select {
		case <-j.Done():
			t.Fatalf("the job has ended after %d kills: %v", kills, j.Wait())
		case <-time.After(time.Millisecond):
		}
	}
	numbers.release()
	if err := c.Wait(id); err != nil {
		t.Fatal(err)
	}
	if j.Restarts() == 0 {
		t.Error("no restart")
	}
	wantCounts(t, out, 60_000)
}

// TestWorkersOfSingleTasksEnd ends workers whose tasks have nothing to do with other workers, which could tell.
func TestWorkersOfSingleTasksEnd(t *testing.T) {
	out := collect.To[int64]()
	numbers := hold(t, 30_000, 30_000)
	c := jobmanagertest.New(t, jobmanager.Options{}, func(env *stream.Env) { stream.From(env, numbers).To(out) },
		stream.Parallelism(4), stream.MaxParallelism(16), stream.Restart(stream.FixedDelay(100, 10*time.Millisecond)),
		stream.Checkpoint(20*time.Millisecond), stream.CheckpointDir(filepath.Join(t.TempDir(), "checkpoints")))
	for i := range 4 {
		c.Join(fmt.Sprint("tm-", i), 1)
	}
	id := c.Submit(nil)
	for kills := range 6 {
		c.Until("it runs", func() bool {
			v := view(t, c.Manager, id)
			return v.Restarts >= kills && v.Tasks[jobmanager.TaskRunning] == 4
		})
		c.Kill()
		c.Until("the failure is seen", func() bool { return view(t, c.Manager, id).Restarts > kills })
	}
	numbers.release()
	if err := c.Wait(id); err != nil {
		t.Fatal(err)
	}
	got := out.Results()
	slices.Sort(got)
	for i, v := range got {
		if v != int64(i) {
			t.Fatalf("number %d is %d", i, v)
		}
	}
	if len(got) != 30_000 {
		t.Errorf("%d numbers", len(got))
	}
}

// TestAlignedSourcesOnTwoTaskManagers: a source waits for a slower one in another worker.
func TestAlignedSourcesOnTwoTaskManagers(t *testing.T) {
	const slow, fast, drift = 100, 200_000, 20
	both := collect.To[int64]()
	c := jobmanagertest.New(t, jobmanager.Options{}, func(env *stream.Env) {
		source := func(group string, count, perSecond, sign int64) {
			numbers := stream.From(env, datagen.Source(func(n int64) int64 { return n },
				datagen.Options{Count: count, PerSecond: perSecond})).Name(group).SlotSharingGroup(group)
			timed := numbers.Watermarks(watermark.Bounded(0, func(v int64) time.Time { return time.Unix(v, 0) }).
				Align("together", drift*time.Second, time.Millisecond))
			stream.Map(timed, func(v int64) int64 { return sign * (v + 1) }).To(both)
		}
		source("slow", slow, 200, -1)
		source("fast", fast, 0, 1)
	}, stream.Parallelism(1))
	c.Join("tm-1", 1)
	c.Join("tm-2", 1)
	c.Join("tm-3", 1) // of the maps and sinks
	if err := c.Wait(c.Submit(nil)); err != nil {
		t.Fatal(err)
	}
	// When the slow one is half through, the fast one is not much further.
	at := slices.Index(both.Seen(), -slow/2)
	ahead := slices.Max(both.Seen()[:at])
	if batch := int64(4096); ahead > slow/2+drift+2*batch {
		t.Errorf("the fast source is at %d when the slow one is at %d", ahead, slow/2)
	}
	if got := len(both.Results()); got != slow+fast {
		t.Errorf("%d records, want %d", got, slow+fast)
	}
}
