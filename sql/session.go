package sql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/bind"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/exec"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/gotype"
	"github.com/flott-dev/flott/sql/internal/logical"
	"github.com/flott-dev/flott/sql/internal/parse"
	"github.com/flott-dev/flott/sql/internal/physical"
	"github.com/flott-dev/flott/sql/internal/rule"
	"github.com/flott-dev/flott/stream"
)

// Session runs statements one after the other. It has a catalog, options, and what tables may be connected to. Its
// methods may be called by several goroutines; statements run one at a time.
type Session struct {
	mu         sync.Mutex
	catalog    *catalog.Store
	options    map[string]string
	defaults   map[string]string // of NewSession
	connectors []connect.TableFactory
	formats    []format.Factory
	functions  *functions
	executor   stream.Executor
	shuffle    uint64
	params     map[string]*expr.Literal // of the statement that runs
	set        []*ast.Insert            // of BEGIN STATEMENT SET
	collecting bool
	jobs       []*job // that run, and the last ones that have ended
	started    int    // jobs
}

// Option is a setting of a Session.
type Option func(s *Session)

// With adds connectors and formats: connect/all has those that come with Flott.
func With(connectors []connect.TableFactory, formats []format.Factory) Option {
	return func(s *Session) {
		s.connectors = append(s.connectors, connectors...)
		s.formats = append(s.formats, formats...)
	}
}

// On sets what runs the session's jobs. A session without one can plan and explain.
func On(e stream.Executor) Option { return func(s *Session) { s.executor = e } }

// Shuffle lets the rows of sources come in another order where none is defined, for tests: the final result of a query
// must not depend on it. Rows between two watermarks have no order; changes of the same key have one. Each seed gives
// another order, 0 none.
func Shuffle(seed uint64) Option { return func(s *Session) { s.shuffle = seed } }

// Set sets an option, as SET 'key' = 'value' does; RESET goes back to it.
func Set(key, value string) Option {
	return func(s *Session) { s.options[key], s.defaults[key] = value, value }
}

// NewSession returns a session with an empty catalog.
func NewSession(options ...Option) *Session {
	s := &Session{options: map[string]string{}, defaults: map[string]string{}, functions: newFunctions()}
	s.catalog = catalog.NewStore(s.makeTable)
	s.catalog.Open = s.openCatalog
	for _, o := range options {
		o(s)
	}
	return s
}

// configuration is the options that are known. Others are kept as they are.
func (s *Session) configuration() (*config.Configuration, error) {
	c := &config.Configuration{}
	for _, k := range slices.Sorted(maps.Keys(s.options)) {
		if !config.Known(k) {
			continue
		}
		if err := c.Set(k, s.options[k]); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Param is a value for a parameter of a statement, :name. It has the SQL type of its Go type, and is never part of the text.
type Param struct {
	Name  string
	Value any
}

// params are literals for the values of parameters.
func params(args []Param) (map[string]*expr.Literal, error) {
	if len(args) == 0 {
		return nil, nil
	}
	out := map[string]*expr.Literal{}
	for _, a := range args {
		v := reflect.ValueOf(a.Value)
		if !v.IsValid() {
			return nil, fmt.Errorf("the parameter :%s has no type; give a typed nil pointer for NULL", a.Name)
		}
		t, err := gotype.TypeOf(v.Type())
		if err != nil {
			return nil, fmt.Errorf("the parameter :%s: %w", a.Name, err)
		}
		write, err := gotype.NewWriter(v.Type())
		if err != nil {
			return nil, fmt.Errorf("the parameter :%s: %w", a.Name, err)
		}
		value := column.New(t)
		write(v, value)
		out[a.Name] = &expr.Literal{Value: value}
	}
	return out, nil
}

// Execute runs one statement. What it reads and writes goes on until the Result is closed or ctx is done. The error is
// an *Error.
func (s *Session) Execute(ctx context.Context, text string, args ...Param) (*Result, error) {
	x, err := parse.Statement(text)
	if err != nil {
		return nil, errorOf(text, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.params, err = params(args); err != nil {
		return nil, errorOf(text, err)
	}
	defer func() { s.params = nil }()
	r, err := s.run(ctx, x, text)
	return r, errorOf(text, err)
}

// Script runs the statements of a text one after the other, and calls each with its result, which each closes. A job
// that a statement starts is waited for before the next one runs. It returns the first error.
func (s *Session) Script(ctx context.Context, text string, each func(statement string, r *Result) error) error {
	p := parse.New(text)
	for {
		x, err := p.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return errorOf(text, err)
		}
		s.mu.Lock()
		r, err := s.run(ctx, x, text)
		s.mu.Unlock()
		if err != nil {
			return errorOf(text, err)
		}
		if err := each(p.Text(x), r); err != nil {
			return err
		}
	}
}

// env is what names mean now.
func (s *Session) env(c *config.Configuration) (*bind.Env, error) {
	zone, err := location(config.LocalTimeZone.Get(c))
	if err != nil {
		return nil, err
	}
	return &bind.Env{
		Catalog: s.catalog, Functions: s.functions, Batch: config.RuntimeMode.Get(c) == "BATCH", Zone: zone, Files: s.file,
		Params: s.params, LegacyCast: config.LegacyCast.Get(c) == "ENABLED",
	}, nil
}

// location is a time zone by its name, or by an offset: GMT+08:00.
func location(name string) (*time.Location, error) {
	if zone, err := time.LoadLocation(name); err == nil {
		return zone, nil
	}
	text := strings.TrimPrefix(strings.TrimPrefix(name, "GMT"), "UTC")
	for _, layout := range []string{"-07:00", "-0700", "-07"} {
		if t, err := time.Parse(layout, text); err == nil {
			_, offset := t.Zone()
			return time.FixedZone(name, offset), nil
		}
	}
	return nil, fmt.Errorf("there is no time zone %q: 'table.local-time-zone' is a name such as Europe/Berlin, or GMT+08:00", name)
}

// planConfig is what planning depends on.
func (s *Session) planConfig(c *config.Configuration, env *bind.Env) (*physical.Config, error) {
	p := &physical.Config{
		Session: exec.Session{Zone: env.Zone}, Batch: env.Batch, TTL: config.StateTTL.Get(c),
		WatermarkEachRow: config.WatermarkInterval.Get(c) == 0, DropNulls: config.NotNullEnforcer.Get(c) == "DROP", Shuffle: s.shuffle,
		EachWatermark: watermarkEachRow, SourceKinds: s.sourceKinds, SinkKinds: s.sinkKinds, LooksUp: s.looksUp, Lookup: s.lookup,
	}
	p.LookupAsync = exec.LookupAsync{
		Capacity: config.AsyncLookupCapacity.Get(c), Timeout: config.AsyncLookupTimeout.Get(c), Unordered: config.AsyncLookupMode.Get(c) == "ALLOW_UNORDERED",
	}
	if p.Batch {
		p.SortMemory, p.HashAggMemory, p.HashJoinMemory = config.SortMemory.Get(c), config.HashAggMemory.Get(c), config.HashJoinMemory.Get(c)
	}
	switch config.AggPhaseStrategy.Get(c) {
	case "AUTO":
		p.TwoPhaseGlobal = config.Parallelism.Get(c) > 1
	case "TWO_PHASE":
		p.TwoPhase = true
	}
	if !p.Batch && !config.MiniBatch.Get(c) {
		p.TwoPhase, p.TwoPhaseGlobal = false, false
	}
	switch on, ok := config.MiniBatch.Lookup(c); {
	case ok && !on:
		p.EachRow = true
	case on && !env.Batch:
		if config.DistinctSplit.Get(c) {
			p.DistinctBuckets = config.DistinctBuckets.Get(c)
		}
		p.MiniBatch = exec.MiniBatch{Size: config.MiniBatchSize.Get(c), Latency: config.MiniBatchLatency.Get(c)}
		return p, checkMiniBatch(p.MiniBatch)
	}
	return p, nil
}

// checkMiniBatch refuses mini-batches of which nobody has said when they end.
func checkMiniBatch(m exec.MiniBatch) error {
	switch {
	case m.Latency <= 0:
		return errors.New("'table.exec.mini-batch.enabled' needs a 'table.exec.mini-batch.allow-latency' above 0: how long a row may wait, such as '1 s'")
	case m.Size <= 0:
		return errors.New("'table.exec.mini-batch.enabled' needs a 'table.exec.mini-batch.size' above 0: how many rows may wait in a subtask, such as '5000'")
	}
	return nil
}

// optimize applies the rules to the plans of a job.
func (s *Session) optimize(env *bind.Env, plans ...logical.Node) ([]logical.Node, error) {
	return rule.Apply(plans, &expr.Context{Zone: env.Zone, Now: time.Now()}, s.nested)
}

// planQuery plans a query.
func (s *Session) planQuery(c *config.Configuration, q *ast.Query) (*physical.Rel, logical.Node, error) {
	env, err := s.env(c)
	if err != nil {
		return nil, nil, err
	}
	bound, err := bind.Query(env, q)
	if err != nil {
		return nil, nil, err
	}
	n, err := s.optimize(env, bound)
	if err != nil {
		return nil, nil, err
	}
	p, err := s.planConfig(c, env)
	if err != nil {
		return nil, nil, err
	}
	r, err := physical.Query(p, n[0])
	return r, bound, err
}

// planInserts plans INSERT statements that run together.
func (s *Session) planInserts(c *config.Configuration, inserts []*ast.Insert) ([]*physical.Rel, error) {
	env, err := s.env(c)
	if err != nil {
		return nil, err
	}
	var plans []physical.Insert
	var nodes []logical.Node
	for _, x := range inserts {
		t, bound, err := bind.Insert(env, x)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, bound)
		plans = append(plans, physical.Insert{Span: x.Into.Extent(), Table: t, Overwrite: x.Overwrite, Static: static(env, x)})
	}
	if nodes, err = s.optimize(env, nodes...); err != nil {
		return nil, err
	}
	for i := range plans {
		plans[i].Plan = nodes[i]
	}
	p, err := s.planConfig(c, env)
	if err != nil {
		return nil, err
	}
	return physical.Job(p, plans)
}

// static are the values of PARTITION (c = 'value') as texts.
func static(env *bind.Env, x *ast.Insert) map[string]string {
	values := map[string]string{}
	for _, p := range x.Partition {
		if p.Value != nil {
			values[p.Name.Last().Name] = bind.PartitionValue(p.Value)
		}
	}
	if len(values) == 0 {
		return nil
	}
	return values
}
