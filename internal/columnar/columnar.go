// Package columnar puts operators on columns into the graph of a job.
//
// A Stream is the output of one operator; an operator is added with its Inputs, each a Stream with how its
// rows are dealt out.
//
// Data flow: package sql plans with it into the graph of a stream.Env; package stream turns streams of
// records into streams of columns and back.
package columnar

import (
	"errors"
	"fmt"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/exchange"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/row"
)

// Stream is the output of an operator.
type Stream struct {
	Node   *graph.Node
	Schema *row.Schema
}

// Input is a stream that an operator reads.
type Input struct {
	From Stream
	// Number is the input of the operator; several streams may lead to one.
	Number int
	// Strategy is how rows are dealt out: Keyed, but not Custom nor Feedback.
	Strategy graph.Strategy
	// Keys are the key columns, for Keyed: none is one key for all rows. KeyTypes are the types by which
	// the keys of all inputs are the same; nil takes those of the columns.
	Keys     []int
	KeyTypes []*row.Type
	// KeyText is how the key of a row is shown, for Keyed; nil shows none.
	KeyText func(b *column.Batch, place int) string
	// Aligned says that no barrier overtakes the rows.
	Aligned bool
}

// Node is an operator to be added.
type Node struct {
	// Kind says what it does; Name is what the user calls it, "" for the kind; UID is the identity of its
	// state, "" for one that is derived from its place in the graph.
	Kind, Name, UID string
	// Parallelism and MaxParallelism are those of the job where they are 0.
	Parallelism, MaxParallelism int
	// Fixed says that Parallelism is part of what the operator does.
	Fixed  bool
	Inputs []Input
	// Out is the schema of the output, nil for a sink.
	Out *row.Schema
	// States lists the keyed states as "name: kind schema", for who looks at the graph.
	States []string
	// New makes the operator of one subtask.
	New func() operator.Node
}

// Add adds an operator. What is wrong with it is reported when the graph is compiled.
func Add(g *graph.Graph, n Node) Stream {
	node := g.Add(n.Kind)
	if n.Name != "" {
		node.Name = n.Name
	}
	node.UID, node.Parallelism, node.MaxParallelism = n.UID, n.Parallelism, n.MaxParallelism
	node.States, node.New, node.Fixed = n.States, n.New, n.Fixed
	if n.Out != nil {
		node.OutSchema = row.RowOf(n.Out.Fields...).SQL()
	}
	for _, in := range n.Inputs {
		connectInput(g, node, in)
	}
	return Stream{Node: node, Schema: n.Out}
}

func connectInput(g *graph.Graph, to *graph.Node, in Input) {
	e := &exchange.ColumnEdge{Schema: in.From.Schema}
	switch {
	case in.From.Schema == nil:
		to.Fail(fmt.Errorf("its input %q is a sink", in.From.Node.Name))
		return
	case in.Strategy == graph.Custom || in.Strategy == graph.Feedback:
		to.Fail(fmt.Errorf("columns are not dealt out %v", in.Strategy))
	case in.Strategy == graph.Keyed:
		e.Keys, e.KeyTypes, e.KeyText = in.Keys, in.KeyTypes, in.KeyText
		if e.KeyTypes == nil {
			e.KeyTypes = KeyTypes(in.From.Schema, in.Keys)
		}
		if err := e.Check(); err != nil {
			to.Fail(err)
		}
		key := colcodec.NewKey(e.KeyTypes).Schema().String()
		if to.KeySchema != "" && to.KeySchema != key {
			to.Fail(fmt.Errorf("its inputs have keys of %s and of %s; cast them to one type", to.KeySchema, key))
		}
		to.KeySchema = key
	case len(in.Keys) > 0:
		to.Fail(errors.New("an input has keys, but is not dealt out by them"))
	}
	g.Connect(&graph.Edge{
		From: in.From.Node, To: to, Input: in.Number, Strategy: in.Strategy, Aligned: in.Aligned, Type: e,
	})
}

// KeyTypes are the types of columns.
func KeyTypes(s *row.Schema, columns []int) []*row.Type {
	types := make([]*row.Type, 0, len(columns))
	for _, c := range columns {
		if c < 0 || c >= len(s.Fields) {
			return types // Add complains about it
		}
		types = append(types, s.Fields[c].Type)
	}
	return types
}

// Source adds a source. n has no inputs; its New and Out are the source's.
func Source(g *graph.Graph, n Node, cfg *ops.ColumnSourceConfig) Stream {
	if n.Kind == "" {
		n.Kind = "Source"
	}
	n.Out = cfg.Source.Schema()
	n.New = func() operator.Node { return ops.NewColumnSource(cfg) }
	s := Add(g, n)
	s.Node.Source, s.Node.Bounded = cfg.Source, cfg.Source.Bounded()
	return s
}

// Sink adds a sink. n's New and Out are the sink's.
func Sink(g *graph.Graph, n Node, sink connect.ColumnSink) *graph.Node {
	if n.Kind == "" {
		n.Kind = "Sink"
	}
	n.Out = nil
	n.New = func() operator.Node { return ops.NewColumnSink(sink) }
	node := Add(g, n).Node
	Commit(g, node, sink)
	return node
}

// Commit adds the operator that commits what the subtasks of a sink prepare, if the sink commits by one: sink is what
// the node writes to. Its uid follows from that of the node.
func Commit(g *graph.Graph, node *graph.Node, sink any) {
	s, ok := sink.(connect.GlobalTwoPhase)
	if !ok {
		return
	}
	Add(g, Node{
		Kind: "Committer", Parallelism: 1, Fixed: true,
		Inputs: []Input{{From: Stream{Node: node, Schema: ops.Committables}, Strategy: graph.Global, Aligned: true}},
		New:    func() operator.Node { return ops.NewCommitter(s) },
	})
}
