package physical

import (
	"slices"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/exec"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// Rel is an operator in a plan.
type Rel struct {
	// Op is the operator. It is nil for sources and sinks.
	Op   exec.Op
	Ins  []*Rel
	Cols []row.Field
	// Name and Detail are what EXPLAIN shows.
	Name, Detail string
	// Dist is how the rows of each input are dealt out.
	Dist []Distribution
	// Kinds are the kinds of changes that the rows are.
	Kinds row.ChangeKinds
	// Keys are sets of columns, each of which identifies a row: a later row with the same values takes its place.
	Keys [][]int
	// Window are the columns of the windows that the rows are in, nil where they are in none.
	Window *Window
	// Source and Sink are the tables of connectors.
	Source *Source
	Sink   *Sink
	// Lookup is the table that a lookup join looks rows up in.
	Lookup *Lookup
	// Values are a source of rows of expressions.
	Values *exec.Values
	// UID is what the operator's state is known by: it follows from what it computes.
	UID string
	// Grows says why the state of the operator grows for ever, and how to bound it; empty where it does not.
	Grows string
	// TTL is how long its state is kept where a hint says so, and Ignored are hints without effect.
	TTL     string
	Ignored []string
	// Parallelism is that of a sink whose table says it, 0 for others. It is known when the plan is shown or run.
	Parallelism int
	// setBefore tells the operator whether it sends -U; nil where it cannot choose.
	setBefore func(before bool)
	// needs says for each input whether -U is needed, given whether it is needed of the operator; nil is all.
	needs func(before bool) []bool
}

// Source is a table that is read.
type Source struct {
	Table *catalog.Table
	*logical.Scan
}

// Sink is a table that is written, or the result of a query.
type Sink struct {
	Table     *catalog.Table // nil for a query's result
	Overwrite bool
	Static    map[string]string
}

// Lookup is a table in which rows are looked up by some of its columns.
type Lookup struct {
	Table *catalog.Table
	// Options are the table's, with those of hints.
	Options map[string]string
	// Keys are the columns that are compared, and Project those that are wanted, among the physical ones.
	Keys, Project []int
}

// Distribution is how rows are dealt out to the subtasks of an operator.
type Distribution struct {
	Kind DistKind
	Keys []int
}

// DistKind is a kind of Distribution.
type DistKind uint8

// The kinds of distributions.
const (
	Any       DistKind = iota // as they come
	Hash                      // equal keys together
	Singleton                 // all to one
	Broadcast                 // all to each
)

// Window are the columns of windows.
type Window struct {
	logical.Windowing
	// Start and End are columns, -1 where they were left out. Time is window_time, -1 where it was left out.
	Start, End, Time int
	Processing       bool
	// Instants says that they are windows of a TIMESTAMP_LTZ, cut in the session's zone.
	Instants bool
	// of is the relation before the windows were made, with the column of time: aggregates make windows of its rows
	// themselves. It is nil where that is no longer the same.
	of       *Rel
	time     int
	pass     []int // of's column for each column, -1 for those of the window
	sessions []int // of SESSION: the columns of PARTITION BY, of the relation before the windows where that is known
	planner  *planner
}

// Kinds of changes.
const (
	insertOnly = row.ChangeKinds(1 << row.Insert)
	update     = row.ChangeKinds(1<<row.UpdateBefore | 1<<row.UpdateAfter)
	deletes    = row.ChangeKinds(1 << row.Delete)
)

// hasUpdates reports whether rows change.
func (r *Rel) hasUpdates() bool { return r.Kinds&(1<<row.UpdateAfter) != 0 }

// isInsertOnly reports whether there are only new rows.
func (r *Rel) isInsertOnly() bool { return r.Kinds == insertOnly }

// Schema is the columns.
func (r *Rel) Schema() *row.Schema { return &row.Schema{Fields: r.Cols} }

// mapColumns finds columns among places: to[i] is where column i went, -1 if it is gone.
func mapColumns(at, to []int) ([]int, bool) {
	out := make([]int, len(at))
	for i, c := range at {
		if to[c] < 0 {
			return nil, false
		}
		out[i] = to[c]
	}
	return out, true
}

// mapKeys are the keys whose columns are all still there.
func mapKeys(keys [][]int, to []int) [][]int {
	var out [][]int
	for _, k := range keys {
		if m, ok := mapColumns(k, to); ok {
			out = append(out, m)
		}
	}
	return out
}

// isKey reports whether some columns identify rows.
func (r *Rel) isKey(cols []int) bool {
	return slices.ContainsFunc(r.Keys, func(k []int) bool {
		return !slices.ContainsFunc(k, func(c int) bool { return !slices.Contains(cols, c) })
	})
}

// keyIn is a key of which all columns are among some, nil if there is none.
func (r *Rel) keyIn(cols []int) []int {
	for _, k := range r.Keys {
		if !slices.ContainsFunc(k, func(c int) bool { return !slices.Contains(cols, c) }) {
			return k
		}
	}
	return nil
}
