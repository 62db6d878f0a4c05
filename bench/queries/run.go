package queries

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/flott-dev/flott/connect/nexmark"
	"github.com/flott-dev/flott/internal/cputime"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
)

// Options say how a query is run.
type Options struct {
	Config      nexmark.Config
	Parallelism int
	Interval    time.Duration // between snapshots; 0 takes none
	Hash        bool          // compute the hash of the result
	Paced       bool          // events come at their time
	Started     func(*launch.Job)
}

// Report is what a run cost and what came out.
type Report struct {
	Query              string  `json:"query"`
	API                string  `json:"api"`
	Track              string  `json:"track"`
	Parallelism        int     `json:"parallelism"`
	StateBackend       string  `json:"state_backend"`
	CheckpointInterval int64   `json:"checkpoint_interval_ms"`
	Events             int64   `json:"events"`
	Seconds            float64 `json:"seconds"`
	CPUSeconds         float64 `json:"cpu_seconds"`
	EventsPerCPUSecond int64   `json:"events_per_cpu_second"`
	MaxRSSBytes        int64   `json:"max_rss_bytes"`
	OutputRows         int64   `json:"output_rows"`
	OutputChecksum     string  `json:"output_checksum"`
	OutputHash         string  `json:"output_hash,omitempty"`
	Counted            int64   `json:"counted,omitempty"`
}

// Build adds the query to env.
func (q Query) Build(env *stream.Env, o Options, p *Probe) {
	var options []nexmark.SourceOption
	if o.Paced {
		options = append(options, nexmark.Paced())
	}
	events := stream.From(env, nexmark.Source(o.Config, options...)).Name("events").
		Watermarks(watermark.BoundedMillis(4*time.Second, (*nexmark.Event).Millis))
	q.build(events, p)
}

// Run runs a query to the end of its events.
func (q Query) Run(ctx context.Context, o Options) (Report, error) {
	env := stream.NewEnv(stream.Parallelism(max(1, o.Parallelism)), stream.Checkpoint(o.Interval))
	p := &Probe{Hash: o.Hash}
	q.Build(env, o, p)
	cpu, start := cputime.Process(), time.Now()
	j, err := launch.Start(ctx, env, "nexmark "+q.Name)
	if err != nil {
		return Report{}, err
	}
	if o.Started != nil {
		o.Started(j)
	}
	if err := j.Wait(); err != nil {
		return Report{}, fmt.Errorf("query %s: %w", q.Name, err)
	}
	used := (cputime.Process() - cpu).Seconds()
	out := p.Output()
	return Report{
		Query: q.Name, API: "stream", Track: "G", Parallelism: max(1, o.Parallelism),
		StateBackend: "hashmap", CheckpointInterval: o.Interval.Milliseconds(),
		Events: o.Config.Events, Seconds: time.Since(start).Seconds(), CPUSeconds: used,
		EventsPerCPUSecond: int64(float64(o.Config.Events) / used), MaxRSSBytes: cputime.MaxRSS(),
		OutputRows: out.Rows, OutputChecksum: strconv.FormatUint(out.Checksum, 16),
		OutputHash: p.FinalHash(), Counted: out.Counted,
	}, nil
}
