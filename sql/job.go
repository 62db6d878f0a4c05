package sql

import (
	"fmt"
	"slices"
	"time"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/columnar"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/exec"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
	"github.com/flott-dev/flott/sql/internal/physical"
	"github.com/flott-dev/flott/stream"
)

// builder makes the graph of a job.
type builder struct {
	s      *Session
	config *config.Configuration
	env    *stream.Env
	made   map[*physical.Rel]columnar.Stream
	users  map[*physical.Rel][]*physical.Rel // who takes the rows of a relation
	// watermarks are those of sources, as expressions of their columns.
	watermarks map[*physical.Rel]expr.Expr
	result     connect.ColumnSink // of a query
	bounded    bool
	zone       *time.Location
}

// build makes the graph of plans. result takes the rows of a query.
func (s *Session) build(c *config.Configuration, rels []*physical.Rel, result connect.ColumnSink) (*stream.Env, error) {
	mode := stream.Streaming
	if config.RuntimeMode.Get(c) == "BATCH" {
		mode = stream.Batch
	}
	options := []stream.Option{stream.Configuration(c), stream.RuntimeMode(mode)} // as the operators are planned
	if result != nil {
		options = append(options, stream.Here()) // whoever has asked is in this process
	}
	env := stream.NewEnv(options...)
	env.Configure(c)
	b, err := s.newBuilder(c, env)
	if err != nil {
		return nil, err
	}
	b.result = result
	if b.bounded, err = s.isBounded(rels); err != nil {
		return nil, err
	}
	if err := s.dealToWriters(c, rels); err != nil {
		return nil, err
	}
	b.users = users(rels)
	for _, r := range rels {
		if err := b.sink(r); err != nil {
			return nil, err
		}
	}
	return env, nil
}

// newBuilder returns a builder into an Env.
func (s *Session) newBuilder(c *config.Configuration, env *stream.Env) (*builder, error) {
	zone, err := location(config.LocalTimeZone.Get(c))
	if err != nil {
		return nil, err
	}
	if config.RuntimeMode.Get(c) == "BATCH" {
		env.Graph().Final = true
	}
	return &builder{s: s, config: c, env: env, made: map[*physical.Rel]columnar.Stream{}, watermarks: map[*physical.Rel]expr.Expr{}, zone: zone}, nil
}

// isBounded reports whether all sources of plans end by themselves.
func (s *Session) isBounded(rels []*physical.Rel) (bool, error) {
	for _, r := range rels {
		if r.Source != nil {
			if r.Source.Table.Rows != nil {
				return false, nil
			}
			table, err := s.source(r.Source.Table, r.Source.Options)
			if err != nil || !table.Bounded() {
				return false, err
			}
		}
		if bounded, err := s.isBounded(r.Ins); err != nil || !bounded {
			return false, err
		}
	}
	return true, nil
}

// inputs are the inputs of an operator.
func (b *builder) inputs(r *physical.Rel) ([]columnar.Input, error) {
	var keyTypes []*row.Type
	if len(r.Ins) == 2 && r.Dist[0].Kind == physical.Hash {
		keyTypes = exec.JoinKeyTypes(r.Ins[0].Cols, r.Dist[0].Keys, r.Ins[1].Cols, r.Dist[1].Keys)
	}
	var ins []columnar.Input
	_, isUnion := r.Op.(*exec.Union)
	for i, rel := range r.Ins {
		from, err := b.relation(rel)
		if err != nil {
			return nil, err
		}
		in := columnar.Input{From: from, Number: i}
		if isUnion {
			in.Number = 0
		}
		switch d := r.Dist[i]; d.Kind {
		case physical.Hash:
			in.Strategy, in.Keys, in.KeyTypes = graph.Keyed, d.Keys, keyTypes
			in.KeyText = exec.KeyText(from.Schema.Fields, d.Keys, b.zone)
			if keyTypes == nil {
				in.KeyTypes = exec.KeyTypes(rel.Cols, d.Keys)
			}
		case physical.Singleton:
			in.Strategy = graph.Global
		case physical.Broadcast:
			in.Strategy = graph.Broadcast
		}
		ins = append(ins, in)
	}
	return ins, nil
}

// relation adds the operator of a relation.
func (b *builder) relation(r *physical.Rel) (columnar.Stream, error) {
	if s, ok := b.made[r]; ok {
		return s, nil
	}
	s, err := b.add(r)
	if err == nil {
		b.made[r] = s
	}
	return s, err
}

func (b *builder) add(r *physical.Rel) (s columnar.Stream, err error) {
	node := columnar.Node{Kind: r.Name, Name: label(r), UID: b.uid(r.UID), Out: plainSchema(r.Cols)}
	switch {
	case r.Values != nil:
		node.Parallelism, node.Fixed = 1, true
		return columnar.Source(b.env.Graph(), node, &ops.ColumnSourceConfig{Source: r.Values}), nil
	case r.Source != nil:
		return b.source(r, node)
	}
	b.noteWatermark(r)
	if node.Inputs, err = b.inputs(r); err != nil {
		return s, err
	}
	node.Parallelism, node.Fixed = parallelismOf(r, node.Inputs), b.together(r)
	op := r.Op
	node.New = func() operator.Node { return op.Node() }
	return columnar.Add(b.env.Graph(), node), nil
}

// parallelismOf is that of an operator, 0 for the job's.
func parallelismOf(r *physical.Rel, ins []columnar.Input) int {
	n, inherited := ownParallelism(r)
	if inherited {
		return ins[0].From.Node.Parallelism
	}
	return n
}

// ownParallelism is that of an operator, 0 for the job's: 1 where all rows come together, and where rows are not dealt out
// that of its input, so that they stay in order.
func ownParallelism(r *physical.Rel) (n int, inherited bool) {
	if r.Parallelism > 0 {
		return r.Parallelism, false
	}
	for _, d := range r.Dist {
		switch d.Kind {
		case physical.Singleton:
			return 1, false
		case physical.Hash:
			return 0, false
		}
	}
	return 0, len(r.Ins) == 1
}

// together reports whether all rows of an input come together in one subtask.
func (b *builder) together(r *physical.Rel) bool {
	return slices.ContainsFunc(r.Dist, func(d physical.Distribution) bool { return d.Kind == physical.Singleton })
}

// uid is a name that no operator of the graph has: other queries may be in there already.
func (b *builder) uid(uid string) string {
	name := uid
	for n := 2; slices.ContainsFunc(b.env.Graph().Nodes, func(x *graph.Node) bool { return x.UID == name }); n++ {
		name = fmt.Sprintf("%s-%d", uid, n)
	}
	return name
}

// label is the name of an operator in graphs.
func label(r *physical.Rel) string {
	if r.Detail == "" {
		return r.Name
	}
	return r.Name + "(" + r.Detail + ")"
}

func plainSchema(cols []row.Field) *row.Schema {
	s := &row.Schema{}
	for _, c := range cols {
		c.Type = c.Type.Plain()
		s.Fields = append(s.Fields, c)
	}
	return s
}

// source adds the source of a table.
func (b *builder) source(r *physical.Rel, node columnar.Node) (s columnar.Stream, err error) {
	t := r.Source.Table
	if rows, ok := t.Rows.(*streamTable); ok {
		return b.streamSource(r, rows, node)
	}
	table, err := b.s.source(t, r.Source.Options)
	if err != nil {
		return s, err
	}
	scan, err := scanOf(t, r.Source.Scan)
	if err != nil {
		return s, err
	}
	scan.Conditions = b.conditions(r, &scan)
	src, err := table.Scan(scan.Scan)
	if err != nil {
		return s, err
	}
	if p, ok := table.(connect.Parallel); ok {
		most := config.Parallelism.Get(b.config)
		if node.Parallelism, err = p.Readers(most); err != nil {
			return s, err
		}
		node.Fixed = node.Parallelism < most // more would have nothing to read
	}
	columns, plain, err := scan.order(src.Schema().Fields)
	if err != nil {
		return s, fmt.Errorf("the table %s: %w", t.Path.Object, err)
	}
	cfg := &ops.ColumnSourceConfig{Source: src}
	if err := b.idle(r, cfg, columns); err != nil {
		return s, err
	}
	if plain {
		return columnar.Source(b.env.Graph(), node, cfg), nil
	}
	from := columnar.Source(b.env.Graph(), columnar.Node{
		Kind: node.Kind, Name: node.Name, UID: node.UID, Parallelism: node.Parallelism, Fixed: node.Fixed,
		Out: src.Schema(),
	}, cfg)
	op := &exec.Calc{Session: exec.Session{Zone: b.zone}, In: src.Schema().Fields, Exprs: columns, Out: node.Out.Fields}
	node.Kind, node.Name, node.UID = "Calc", "Calc", node.UID+"-order"
	node.Inputs = []columnar.Input{{From: from}}
	node.New = func() operator.Node { return op.Node() }
	return columnar.Add(b.env.Graph(), node), nil
}

// streamSource adds the records of a stream.
func (b *builder) streamSource(r *physical.Rel, t *streamTable, node columnar.Node) (columnar.Stream, error) {
	if t.env != b.env {
		return columnar.Stream{}, fmt.Errorf("the table %s is made of a stream of another Env: build the query into that, by sql.ToStream", r.Source.Table.Path.Object)
	}
	from := t.make(r.Source.Reads)
	exprs := make([]expr.Expr, len(r.Source.Reads))
	for i, c := range r.Source.Reads {
		f := from.Schema.Fields[c]
		exprs[i] = &expr.Input{Index: c, Name: f.Name, T: f.Type}
	}
	op := &exec.Calc{Session: exec.Session{Zone: b.zone}, In: from.Schema.Fields, Exprs: exprs, Out: node.Out.Fields}
	node.Inputs = []columnar.Input{{From: from}}
	node.New = func() operator.Node { return op.Node() }
	return columnar.Add(b.env.Graph(), node), nil
}

// scan is what is read of a table, with the places that the columns have in what is read.
type scan struct {
	connect.Scan
	places   []int
	declared []*row.Type // of metadata columns, as the table has them; nil for others
}

// scanOf says which columns are read: physical ones first, then metadata columns.
func scanOf(t *catalog.Table, n *logical.Scan) (s scan, err error) {
	physical := map[int]int{}
	for i, c := range t.Columns {
		if c.Kind == catalog.Physical {
			physical[i] = len(physical)
		}
	}
	s.Project = []int{}
	s.places, s.declared = make([]int, len(n.Reads)), make([]*row.Type, len(n.Reads))
	for i, c := range n.Reads {
		if t.Columns[c].Kind == catalog.Physical {
			s.places[i] = len(s.Project)
			s.Project = append(s.Project, physical[c])
			s.Types = append(s.Types, n.Columns()[i].Type)
		}
	}
	for i, c := range n.Reads {
		if t.Columns[c].Kind == catalog.Metadata {
			s.places[i] = len(s.Project) + len(s.Metadata)
			s.Metadata = append(s.Metadata, t.Columns[c].Key)
			s.declared[i] = t.Columns[c].Type.Plain()
		}
	}
	return s, nil
}

// order are the columns of a scan, of what is read; plain says that they are just that.
func (s *scan) order(fields []row.Field) (columns []expr.Expr, plain bool, err error) {
	plain = true
	for i, p := range s.places {
		x := expr.Expr(&expr.Input{Index: p, Name: fields[p].Name, T: fields[p].Type})
		if t := s.declared[i]; t != nil && !fields[p].Type.Same(t) {
			if x, err = builtin.Cast(ast.Span{}, x, t, false); err != nil {
				return nil, false, fmt.Errorf("the metadata column '%s' is of type %s: %w", fields[p].Name, fields[p].Type, err)
			}
			plain = false
		}
		plain = plain && i == p
		columns = append(columns, x)
	}
	return columns, plain, nil
}

// sink adds the end of a plan.
func (b *builder) sink(r *physical.Rel) error {
	ins, err := b.inputs(r)
	if err != nil {
		return err
	}
	node := columnar.Node{Kind: r.Name, Name: label(r), UID: b.uid(r.UID), Inputs: ins, Parallelism: parallelismOf(r, ins), Fixed: b.together(r)}
	if r.Sink.Table == nil {
		node.Parallelism, node.Fixed = 1, true
		columnar.Sink(b.env.Graph(), node, b.result)
		return nil
	}
	table, err := b.s.sink(r.Sink.Table)
	if err != nil {
		return err
	}
	o := connect.Insert{Overwrite: r.Sink.Overwrite, Static: r.Sink.Static, Bounded: b.bounded}
	if o.Metadata, node.Inputs, err = b.sinkColumns(r, table, node); err != nil {
		return err
	}
	sink, err := table.Sink(o)
	if err != nil {
		return err
	}
	columnar.Sink(b.env.Graph(), node, sink)
	return nil
}

// sinkColumns puts metadata columns behind the others, with the types that the connector has, and returns their names there.
func (b *builder) sinkColumns(r *physical.Rel, table connect.TableSink, node columnar.Node) (names []string, ins []columnar.Input, err error) {
	t := r.Sink.Table
	var exprs, last []expr.Expr
	var out, lastOut []row.Field
	for i, c := range t.Sink() {
		col := t.Columns[c]
		x := expr.Expr(&expr.Input{Index: i, Name: col.Name, T: col.Type.Plain()})
		if col.Kind != catalog.Metadata {
			exprs, out = append(exprs, x), append(out, row.Field{Name: col.Name, Type: col.Type.Plain()})
			continue
		}
		m, _ := table.(connect.MetadataSink)
		var known []row.Field
		if m != nil {
			known = m.WritableMetadata()
		}
		at := slices.IndexFunc(known, func(f row.Field) bool { return f.Name == col.Key })
		if at < 0 {
			return nil, nil, fmt.Errorf("the column %s of the table %s is the metadata column '%s', which cannot be written; declare it as VIRTUAL", col.Name, t.Path.Object, col.Key)
		}
		if f := known[at]; !f.Type.Same(col.Type.Plain()) {
			if x, err = builtin.Cast(ast.Span{}, x, f.Type, false); err != nil {
				return nil, nil, fmt.Errorf("the column %s of the table %s, the metadata column '%s' of type %s: %w", col.Name, t.Path.Object, col.Key, f.Type, err)
			}
		}
		last, lastOut, names = append(last, x), append(lastOut, known[at]), append(names, col.Key)
	}
	if len(names) == 0 {
		return nil, node.Inputs, nil
	}
	exprs, out = append(exprs, last...), append(out, lastOut...)
	in := node.Inputs[0]
	op := &exec.Calc{Session: exec.Session{Zone: b.zone}, In: in.From.Schema.Fields, Exprs: exprs, Out: out}
	from := columnar.Add(b.env.Graph(), columnar.Node{
		Kind: "Calc", Name: "Calc", UID: node.UID + "-order", Parallelism: node.Parallelism, Fixed: node.Fixed, Inputs: node.Inputs,
		Out: &row.Schema{Fields: out}, New: func() operator.Node { return op.Node() },
	})
	return names, []columnar.Input{{From: from}}, nil
}
