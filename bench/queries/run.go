package queries

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/flott-dev/flott/config"
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
	Interval    time.Duration // between checkpoints; 0 takes none
	Directory   string        // of the checkpoints; by default they stay in memory
	Backend     string        // of state; by default hashmap
	Hash        bool          // compute the hash of the result
	Paced       bool          // events come at their time
	Started     func(*launch.Job)
	// Configuration has the above where it is zero, and the rest.
	Configuration *config.Configuration
}

// Report is what a run cost and what came out.
type Report struct {
	Query              string  `json:"query"`
	API                string  `json:"api"`
	Track              string  `json:"track"`
	Parallelism        int     `json:"parallelism"`
	StateBackend       string  `json:"state_backend"`
	CheckpointInterval int64   `json:"checkpoint_interval_ms"`
	Checkpoints        int     `json:"checkpoints"`
	StateBytes         int64   `json:"state_bytes"` // of the largest of the last checkpoints
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
	// They are said in code, so that the report is true whatever FLOTT_CONF says.
	parallelism := cmp.Or(o.Parallelism, config.Parallelism.Get(o.Configuration))
	interval := cmp.Or(o.Interval, config.CheckpointInterval.Get(o.Configuration))
	backend := cmp.Or(o.Backend, config.StateBackend.Get(o.Configuration))
	env := stream.NewEnv(stream.Parallelism(parallelism), stream.Checkpoint(interval), stream.StateBackend(backend),
		stream.CheckpointDir(cmp.Or(o.Directory, config.CheckpointDir.Get(o.Configuration))))
	p := &Probe{Hash: o.Hash}
	q.Build(env, o, p)
	cpu, start := cputime.Process(), time.Now()
	j, err := launch.Start(ctx, env, "nexmark "+q.Name, launch.Configuration(o.Configuration))
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
	taken, state := checkpoints(j)
	return Report{
		Query: q.Name, API: "stream", Track: "G", Parallelism: parallelism,
		StateBackend: backend, CheckpointInterval: interval.Milliseconds(),
		Checkpoints: taken, StateBytes: state,
		Events: o.Config.Events, Seconds: time.Since(start).Seconds(), CPUSeconds: used,
		EventsPerCPUSecond: int64(float64(o.Config.Events) / used), MaxRSSBytes: cputime.MaxRSS(),
		OutputRows: out.Rows, OutputChecksum: strconv.FormatUint(out.Checksum, 16),
		OutputHash: p.FinalHash(), Counted: out.Counted,
	}, nil
}

// checkpoints is the number of a job's checkpoints and the size of the largest: the one after the end of
// the input has little left.
func checkpoints(j *launch.Job) (completed int, size int64) {
	last, completed, _ := j.Checkpoints()
	for _, c := range last {
		if c.Err == nil {
			size = max(size, c.FullSize)
		}
	}
	return completed, size
}
