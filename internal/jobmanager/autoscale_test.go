package jobmanager_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/file"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/jobmanager/jobmanagertest"
	"github.com/flott-dev/flott/internal/schedule"
	"github.com/flott-dev/flott/stream"
)

// TestAutoscale: a vertex that waits for something slow with each record gets more subtasks, within bounds,
// and the decision says why. Its input stays as it is.
func TestAutoscale(t *testing.T) {
	const records, most = 12_000, 3
	out := collect.To[int64]()
	second := int64(time.Second)
	c := jobmanagertest.New(t, jobmanager.Options{Autoscale: jobmanager.Autoscale{
		Enabled: true, Max: most, Interval: 20 * time.Millisecond,
		AutoscaleConfig: schedule.AutoscaleConfig{Window: second / 4, Stabilization: second / 10, Cooldown: second / 5},
	}}, func(env *stream.Env) {
		numbers := stream.From(env, datagen.Source(func(n int64) int64 { return n },
			datagen.Options{Count: records, PerSecond: 2_000})).Name("numbers")
		stream.Map(numbers.Rebalance(), func(v int64) int64 {
			time.Sleep(time.Millisecond) // what is slow is elsewhere
			return v
		}).Name("slow").To(out)
	}, stream.Parallelism(1), stream.MaxParallelism(8))
	c.Join("tm-1", 4)
	id := c.Submit(nil)
	v := running(t, c, id, 1, most)
	if len(v.Scaling.Decisions) == 0 {
		t.Fatalf("it has decided nothing: %+v", v.Scaling)
	}
	d := v.Scaling.Decisions[0]
	if text := strings.Join(d.Reasons, "; "); !strings.Contains(text, `vertex "slow`) || !strings.Contains(text, "is busy") || strings.Contains(text, `"numbers"`) {
		t.Errorf("the reasons are %q", d.Reasons)
	}
	if err := c.Wait(id); err != nil {
		t.Fatal(err)
	}
	if got := len(out.Results()); got != records {
		t.Errorf("%d records, want %d", got, records)
	}
}

// TestBacklog: what files have not been read of is known in records, with what no reader has yet, and the autoscaler
// scales the job to have read it in time, though nothing holds the source up.
func TestBacklog(t *testing.T) {
	const lines, files = 20_000, 8
	dir := t.TempDir()
	for i := range files {
		if err := os.WriteFile(fmt.Sprintf("%s/%d.txt", dir, i), bytes.Repeat([]byte("nine byte\n"), lines), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open, n := atomic.Bool{}, atomic.Int64{}
	out := collect.To[int]()
	second := int64(time.Second)
	c := jobmanagertest.New(t, jobmanager.Options{Autoscale: jobmanager.Autoscale{
		Enabled: true, Max: 2, Interval: 20 * time.Millisecond,
		AutoscaleConfig: schedule.AutoscaleConfig{
			Window: second, Stabilization: second / 10, Cooldown: second / 5, CatchUp: second,
		},
	}}, func(env *stream.Env) {
		text := stream.From(env, file.Lines(dir)).Name("text")
		stream.Map(text, func(line string) int {
			if n.Add(1)%16 == 0 && !open.Load() {
				time.Sleep(time.Millisecond)
			}
			return len(line)
		}).Name("slow").To(out)
	}, stream.Parallelism(1), stream.MaxParallelism(8))
	c.Join("tm-1", 2)
	id := c.Submit(nil)
	v := running(t, c, id, 2)
	d := v.Scaling.Decisions[0]
	if text := strings.Join(d.Reasons, "; "); !strings.Contains(text, "rows are left") || !strings.Contains(text, "to catch up within") {
		t.Errorf("the reasons are %q", d.Reasons)
	}
	c.Until("both subtasks tell what they have to read", func() bool {
		v, err := c.Manager.View(id)
		if err != nil {
			t.Fatal(err)
		}
		left := int64(0)
		for _, s := range v.Vertices[0].Subtasks {
			b := s.Counters.Backlog
			if b == nil || b.Records < 0 {
				return false
			}
			left += b.Records
		}
		return left > lines && left < lines*files // more than in the file that one reads: all of them
	})
	open.Store(true)
	if err := c.Wait(id); err != nil {
		t.Fatal(err)
	}
	if got := len(out.Results()); got != lines*files {
		t.Errorf("%d lines, want %d", got, lines*files)
	}
}
