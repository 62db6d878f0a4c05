package flotttest

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/stream"
)

// Row is a record with its event time in milliseconds.
type Row[T any] struct {
	Value T
	Time  int64
}

// Probe holds the records of one output.
type Probe[T any] struct {
	// Rows are the records since the last Take, subtask by subtask in order.
	Rows []Row[T]
	// Marks are the watermarks that the first subtask passed on.
	Marks []int64
	core  *core
}

// NewProbe returns a probe without records.
func NewProbe[T any]() *Probe[T] { return &Probe[T]{} }

// Read makes the probe read s, a main or side output of the operator under test.
func (p *Probe[T]) Read(s *stream.Stream[T]) {
	s.To(noSink[T]{}).Name(probes.name(p))
}

// Take returns the records since the last call.
func (p *Probe[T]) Take() []Row[T] {
	if p.core != nil {
		p.core.Flush()
	}
	rows := p.Rows
	p.Rows = nil
	return rows
}

// Values is Take without times.
func (p *Probe[T]) Values() []T {
	var values []T
	for _, r := range p.Take() {
		values = append(values, r.Value)
	}
	return values
}

type anyProbe interface{ receiver(c *core) any }

func (p *Probe[T]) receiver(c *core) any {
	p.core = c
	return batch.Receiver[T](&receiver[T]{p, c, len(c.subtasks) == 1})
}

type receiver[T any] struct {
	probe *Probe[T]
	core  *core
	first bool
}

func (r *receiver[T]) Push(b *batch.Rows[T]) bool {
	for i, v := range b.Vals {
		r.probe.Rows = append(r.probe.Rows, Row[T]{v, b.Times[i]})
	}
	if r.first {
		for _, m := range b.Marks {
			r.probe.Marks = append(r.probe.Marks, m.Time)
		}
	}
	b.Release()
	return !r.core.cfg.slow
}

// noSink stands for a probe in the graph.
type noSink[T any] struct{}

func (noSink[T]) Writer(connect.WriterContext, [][]byte) (connect.Writer[T], error) {
	return nil, errors.New("a probe works in a Harness only")
}

// registry knows the probes by the names of the nodes that stand for them.
type registry struct {
	mu struct {
		sync.Mutex
		byName map[string]anyProbe
	}
}

var probes registry

func (r *registry) name(p anyProbe) string {
	name := fmt.Sprintf("probe %p", p)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.byName == nil {
		r.mu.byName = map[string]anyProbe{}
	}
	r.mu.byName[name] = p
	return name
}

func (r *registry) of(n *graph.Node) anyProbe {
	if !strings.HasPrefix(n.Name, "probe ") {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.byName[n.Name]
}
