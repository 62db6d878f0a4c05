package stream

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/exchange"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
)

// Mode is how a job treats bounded input.
type Mode uint8

// The modes.
const (
	// Automatic is Batch when all sources are bounded, else Streaming.
	Automatic Mode = iota
	// Streaming processes records as they come and emits results early and often.
	Streaming
	// Batch runs stage after stage over bounded input, keyed operators one key at a time, and
	// emits final results only.
	Batch
)

// Env collects the operators of a job.
type Env struct {
	configuration *config.Configuration // see Configuration
	graph         *graph.Graph
	codecs        codec.Registry
	mode          Mode
	settings      Settings
	eachRow       bool
	inLoop        bool // the body of an iteration is being built
	errs          []error
	options       []Option // of NewEnv
}

// Option is a setting of an Env.
type Option func(*Env)

// NewEnv returns an environment for one job. By default operators run with parallelism 1.
func NewEnv(options ...Option) *Env {
	e := &Env{
		mode:    Streaming,
		graph:   &graph.Graph{Parallelism: 1, BufferTimeout: graph.DefaultBufferTimeout},
		options: options,
	}
	for _, o := range options {
		o(e)
	}
	return e
}

// Parallelism is how many subtasks an operator has that sets none itself.
func Parallelism(n int) Option {
	return func(e *Env) {
		if n < 1 {
			e.errs = append(e.errs, fmt.Errorf("stream.Parallelism(%d): must be at least 1", n))
			n = 1
		}
		e.graph.Parallelism = n
	}
}

// MaxParallelism is the number of key groups, and so the largest parallelism that the job can ever
// have without losing its state. By default it is derived from the parallelism: at least 128.
func MaxParallelism(n int) Option {
	return func(e *Env) {
		if n < 1 || n > graph.MaxMaxParallelism {
			e.errs = append(e.errs, fmt.Errorf("stream.MaxParallelism(%d): must be in 1 … %d",
				n, graph.MaxMaxParallelism))
			n = 128
		}
		e.graph.MaxParallelism = n
	}
}

// BufferTimeout is the longest time for which a record is held back to fill a batch. The default is
// 5 ms; 0 sends every record at once; a negative timeout waits for full batches. A producer that
// has nothing more to do just now sends what it has in any case, unless the timeout is negative.
func BufferTimeout(d time.Duration) Option {
	return func(e *Env) { e.graph.BufferTimeout = d }
}

// RuntimeMode sets how bounded input is treated. The default is Streaming.
func RuntimeMode(m Mode) Option { return func(e *Env) { e.mode = m } }

// WatermarkEachRow places a watermark after every record that advances it, so that lateness depends
// on the records only. By default a source places one at the end of each batch.
func WatermarkEachRow() Option { return func(e *Env) { e.eachRow = true } }

// Here runs the job in the process of the program, also where its jobs go to a cluster: for results that
// are read in the process.
func Here() Option { return func(e *Env) { e.settings.Here = true } }

// Params are the values that change what the job's functions do. They travel with the job.
func Params(p map[string]string) Option {
	return func(e *Env) { e.graph.Params = maps.Clone(p) }
}

// WithCodec registers how values of type T are encoded, for types that cannot be encoded by their
// fields. The name stands for the encoding in schemas: change it with the encoding.
func WithCodec[T any](name string, encode func(dst []byte, v *T) []byte,
	decode func(src []byte, v *T) (rest []byte, err error),
) Option {
	return func(e *Env) { codec.Register(&e.codecs, name, encode, decode) }
}

// Param is a value of Params, "" when there is none.
func (e *Env) Param(name string) string { return e.graph.Params[name] }

// Plan compiles the job for the engine. It reports all mistakes made while the job was built. Only
// launch calls it.
func (e *Env) Plan() (*graph.Plan, Settings, error) {
	s := e.settings
	s.Mode = e.mode
	if s.AtLeastOnce {
		s.AlignedTimeout = 0
	}
	if s.AtLeastOnce || s.AlignedTimeout > 0 {
		s.Checkpoints.Flags &^= operator.Unaligned
	}
	plan, err := e.graph.Compile()
	if err := errors.Join(append(e.errs, err)...); err != nil {
		return nil, s, err
	}
	bounded := true
	for _, n := range plan.Nodes {
		if n.Source != nil && !n.Bounded {
			bounded = false
			if e.mode == Batch {
				return nil, s, fmt.Errorf("source %q is unbounded, but the job is to run in batch mode",
					n.Name)
			}
		}
	}
	if s.Mode == Automatic {
		s.Mode = Streaming
		if bounded {
			s.Mode = Batch
		}
	}
	s.Pipelines = pipelines(plan)
	if s.Mode == Batch && s.Shuffle == "ALL_EXCHANGES_PIPELINED" && !s.Pipelines {
		return nil, s, fmt.Errorf("'%s' = 'ALL_EXCHANGES_PIPELINED' is for SQL: operators of package stream take one key at "+
			"a time in batch mode, when all of their input is there", config.BatchShuffleMode.Key)
	}
	return plan, s, nil
}

// pipelines reports whether the tasks of a plan can take rows of batch mode as they come: those on columns can.
func pipelines(plan *graph.Plan) bool {
	for _, n := range plan.Nodes {
		for _, e := range n.In {
			if t, ok := e.Type.(exchange.EdgeType); ok && t.Sorts() && !e.Chainable() {
				return false
			}
		}
	}
	return true
}

// Pipelined reports whether tasks in batch mode run at the same time, in one process or on a cluster. On a cluster
// stages need few slots, and those that have ended outlive failures; in one process nothing does.
func (s *Settings) Pipelined(onCluster bool) bool {
	if s.Shuffle != "" {
		return s.Shuffle == "ALL_EXCHANGES_PIPELINED"
	}
	return s.Pipelines && !onCluster
}

// Explain is the job's graph: each task with its operators, and the exchanges between them. Format
// is "text", "json" or "svg".
func (e *Env) Explain(format string) (string, error) {
	plan, _, err := e.Plan()
	if err != nil {
		return "", err
	}
	switch x := plan.Explain(); format {
	case "", "text":
		return x.Text(), nil
	case "json":
		return x.JSON(), nil
	case "svg":
		return x.SVG(""), nil
	}
	return "", fmt.Errorf("explain: unknown format %q; use text, json or svg", format)
}
