// Package watch is the job of the hostwatch example: it learns the usual range of every program's
// CPU and memory and every interface's traffic, and tells when one leaves it.
//
// Data flow: samples of /proc are added up by program in windows of event time; a function keeps a
// running mean and deviation for each program and compares each window with them.
package watch

import (
	"fmt"
	"math"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect/proc"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

// Window is the time over which samples are added up.
const Window = 2 * time.Second

// Usage is what all processes of one program, or one interface, used in a window.
type Usage struct {
	Name    string
	At      time.Time // end of the window
	CPU     float64   // cores
	Memory  int64     // bytes, the largest sum of one moment
	Traffic float64   // bytes per second, both directions
}

// Alert tells that something left its usual range.
type Alert struct {
	At      time.Time
	Name    string
	What    string
	Value   float64
	Usual   float64
	Allowed float64
}

// String is the alert for people.
func (a Alert) String() string {
	unit := func(v float64) string {
		if a.What == "CPU" {
			return fmt.Sprintf("%.2f cores", v)
		}
		return fmt.Sprintf("%.1f MiB", v/(1<<20))
	}
	return fmt.Sprintf("%s  %s: %s is %s, usually %s ± %s", a.At.Format("15:04:05"), a.Name, a.What,
		unit(a.Value), unit(a.Usual), unit(a.Allowed))
}

// sums is the accumulator of a window.
type sums struct {
	CPU, Traffic float64
	Samples      int64 // moments
	Last         time.Time
	Memory, Peak int64
}

func (s *sums) add(v *proc.Sample) {
	if !v.At.Equal(s.Last) {
		s.Last, s.Memory = v.At, 0
		s.Samples++
	}
	s.CPU += v.CPU
	s.Traffic += v.In + v.Out
	s.Memory += v.Memory
	s.Peak = max(s.Peak, s.Memory)
}

// Job adds the job to env: usage of every program and window, and alerts.
func Job(samples *stream.Stream[proc.Sample]) (*stream.Stream[Usage], *stream.Stream[Alert]) {
	timed := samples.Watermarks(watermark.Monotonous(func(s proc.Sample) time.Time { return s.At }))
	total := agg.Aggregate[proc.Sample, sums, sums]{
		Add:    func(acc *sums, v *proc.Sample) { acc.add(v) },
		Result: func(acc *sums) sums { return *acc },
	}
	byName := stream.KeyBy(timed, func(s proc.Sample) string { return s.Name })
	windows := stream.Aggregate(byName.Window(window.Tumbling(Window)), total).Name("usage by program")
	usage := stream.Map(windows, func(r stream.Result[string, sums]) Usage {
		n := float64(max(1, r.Value.Samples))
		return Usage{
			Name: r.Key, At: r.Window.Until(), CPU: r.Value.CPU / n, Memory: r.Value.Peak,
			Traffic: r.Value.Traffic / n,
		}
	})
	alerts := stream.Scan(stream.KeyBy(usage, func(u Usage) string { return u.Name }), compare).
		Name("compare with the usual range")
	return usage, alerts
}

// ranges is the state of a program.
type ranges struct {
	Windows              int
	CPU, Memory, Traffic track
}

const (
	learning = 10  // windows before the first alert
	spread   = 5.0 // standard deviations that are usual
	forget   = 0.1 // weight of the newest window
)

// compare learns, and alerts when a value is far from what is usual, by more than a floor: programs
// that do nearly nothing have a tiny deviation.
func compare(c *stream.Ctx[string, Alert], s *ranges, u Usage) error {
	s.Windows++
	check := func(t *track, what string, value, floor float64) {
		allowed := max(floor, spread*math.Sqrt(t.Variance))
		if s.Windows > learning && math.Abs(value-t.Mean) > allowed {
			c.Emit(Alert{u.At, u.Name, what, value, t.Mean, allowed})
		}
		t.learn(value, s.Windows)
	}
	check(&s.CPU, "CPU", u.CPU, 0.25)
	check(&s.Memory, "memory", float64(u.Memory), 64<<20)
	check(&s.Traffic, "traffic", u.Traffic, 4<<20)
	return nil
}

// track is an exponentially weighted mean and variance.
type track struct{ Mean, Variance float64 }

func (t *track) learn(v float64, n int) {
	weight := max(forget, 1/float64(n))
	d := v - t.Mean
	t.Mean += weight * d
	t.Variance = (1 - weight) * (t.Variance + weight*d*d)
}
