package jobmanager

import (
	"slices"
	"time"

	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/schedule"
)

// Autoscale says whether the parallelism of jobs follows their load, and how.
type Autoscale struct {
	Enabled bool
	schedule.AutoscaleConfig
	// Min and Max are bounds for every vertex; 0 means 1 and its maximum parallelism.
	Min, Max int
	// Interval is the time between two samples; 0 means 5 s.
	Interval time.Duration
}

// Decision is something that the autoscaler has decided.
type Decision struct {
	At       int64 // nanoseconds since 1970
	From, To []int // the parallelism of each vertex
	// Reasons has one for each vertex that changes.
	Reasons []string
}

// decisionsMost is how many decisions are kept.
const decisionsMost = 32

// autoscaling measures a job and changes its bounds. It belongs to the job's fleet.
//
//	workers ─ control.Sample ─▶ fleet.samples ─ measure ─▶ schedule.Autoscaler ─ decision ─▶ setBounds
type autoscaling struct {
	scaler    *schedule.Autoscaler
	last      map[int]control.Sample // by place, as of the last measure
	at        int64                  // when that was
	running   []int
	decisions []Decision
	explains  []string // what the last sample says of each vertex
	stop      func()
}

// startAutoscaler begins to measure, if that is wanted.
func (f *fleet) startAutoscaler() {
	o := &f.m.o.Autoscale
	if !o.Enabled || f.job.Settings.Batch {
		return
	}
	interval := o.Interval
	if interval == 0 {
		interval = 5 * time.Second
	}
	var next func()
	next = func() {
		if f.ended {
			return
		}
		f.autoscale()
		f.auto.stop = f.m.after(interval, next)
	}
	f.auto.stop = f.m.after(interval, next)
}

// autoscale takes a sample and does what follows.
func (f *fleet) autoscale() {
	a := &f.auto
	now := f.m.now()
	if f.scaling.pending || f.scaling.busy || f.job.state() != schedule.Running || len(f.samples) < f.tasks {
		a.last = nil // what comes next is compared with nothing
		return
	}
	running := f.graph.Parallelism()
	if a.scaler == nil {
		_, edges := placing(f.graph)
		a.scaler, a.running = schedule.NewAutoscaler(f.m.o.Autoscale.AutoscaleConfig, f.autoscaleBounds(), edges, running, now), running
	}
	again := !slices.Equal(running, a.running) || len(a.last) != len(f.samples)
	for place, s := range a.last {
		again = again || f.samples[place].Attempt != s.Attempt
	}
	if again {
		a.scaler.Rescaled(now, running)
		a.running, a.explains = running, nil
	} else if s, ok := f.measure(now); ok {
		d := a.scaler.Sample(s)
		a.explains = a.scaler.Explain()
		if d != nil {
			f.decide(d)
		}
	}
	a.last, a.at = map[int]control.Sample{}, now
	for place, s := range f.samples {
		a.last[place] = s
	}
}

// autoscaleBounds are the limits of the autoscaler.
func (f *fleet) autoscaleBounds() []schedule.VertexBounds {
	bounds := slices.Clone(f.scaling.bounds)
	for i := range bounds {
		b := &bounds[i]
		if f.job.Graph.Vertices[i].Fixed {
			continue
		}
		b.Lower = max(1, f.m.o.Autoscale.Min)
		if b.Upper = b.MaxParallelism; f.m.o.Autoscale.Max > 0 {
			b.Upper = min(b.Upper, f.m.o.Autoscale.Max)
		}
	}
	return bounds
}

// measure compares the counters of all subtasks with those of the last time.
func (f *fleet) measure(now int64) (schedule.ScaleSample, bool) {
	g := f.graph
	s := schedule.ScaleSample{At: now, Vertices: make([]schedule.VertexSample, len(g.Vertices))}
	in, out := make([]float64, len(g.Vertices)), make([]float64, len(g.Vertices)) // rows per second
	place := 0
	for v := range g.Vertices {
		var busy, held, idle, rowsIn, rowsOut, rowsRead, backlog float64
		known := g.Vertices[v].Source
		for range g.Vertices[v].Parallelism {
			x, last := f.samples[place], f.auto.last[place]
			busy += float64(x.Busy - last.Busy)
			held += float64(x.Backpressured - last.Backpressured)
			idle += float64(x.Idle - last.Idle)
			rowsIn += float64(x.RecordsIn - last.RecordsIn)
			rowsOut += float64(x.RecordsOut - last.RecordsOut)
			rowsRead += float64(x.RecordsRead - last.RecordsRead)
			if known = known && x.Backlog != nil && x.Backlog.Records >= 0; known {
				backlog += float64(x.Backlog.Records)
			}
			place++
		}
		all := busy + held + idle
		if all <= 0 {
			return s, false // nothing was heard since
		}
		perSecond := float64(g.Vertices[v].Parallelism) * 1e9 / all
		in[v], out[v] = rowsIn*perSecond, rowsOut*perSecond
		x := &s.Vertices[v]
		x.Busy, x.Backpressured, x.Rows, x.Backlog = busy/all, held/all, in[v], -1
		if known {
			x.Backlog = backlog
		}
		if g.Vertices[v].Source {
			x.Rows = rowsRead * perSecond
		}
	}
	outs := make([]int, len(g.Vertices)) // edges from each vertex
	for v := range g.Vertices {
		for _, e := range g.Vertices[v].In {
			outs[e.From]++
		}
	}
	for v := range g.Vertices {
		for _, e := range g.Vertices[v].In { // in the order of placing
			switch n := len(g.Vertices[v].In); {
			case n == 1:
				s.Edges = append(s.Edges, in[v])
			case outs[e.From] == 1:
				s.Edges = append(s.Edges, out[e.From])
			default:
				s.Edges = append(s.Edges, in[v]/float64(n))
			}
		}
	}
	return s, true
}

// decide has the job run as the autoscaler says, as far as there are slots.
func (f *fleet) decide(d *schedule.ScaleDecision) {
	a := &f.auto
	a.decisions = append(a.decisions, Decision{At: f.m.now(), From: f.graph.Parallelism(), To: d.Parallelism, Reasons: d.Reasons})
	a.decisions = a.decisions[max(0, len(a.decisions)-decisionsMost):]
	lower, _ := f.scaling.adaptive.Limits()
	var bounds []Bounds
	for i, p := range d.Parallelism {
		bounds = append(bounds, Bounds{max(1, min(lower[i], p)), p})
	}
	f.m.log(f.job).Info("flott: the autoscaler has decided", "to", d.Parallelism, "reasons", d.Reasons)
	f.setBounds(bounds, func(err error) {
		if err != nil {
			f.m.log(f.job).Warn("flott: the autoscaler's decision cannot be", "error", err)
		}
	})
}
