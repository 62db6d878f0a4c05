package physical

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flott-dev/flott/sql/internal/exec"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/opjson"
)

// identify gives operators the names that their state is known by: digests of what they compute of what.
//
// The problem: a job whose statements are changed goes on from its savepoint where the operators that have state are still the
// same. They are not to change with the names of columns, since aliases may, nor with what other statements of the job read of
// the same table, since that widens its rows:
//
//	   Join on 0 = 0               Join on 0 = 0                columns are known by their places,
//	    │        │                  │        │
//	    │        │                Calc k, v  │                  which a calculation keeps (rule.Prune)
//	    │        │                  │        │
//	TableSource TableSource    TableSource TableSource          above a table they are known by their names
//	  a(k, v)     b(k)         a(k, v, s, ts) b(k)
//
// But everything that the layout of a state depends on has to be in there: what is kept is bytes, without the types of columns.
// So a state with other columns, or of other types, belongs to another operator, and is refused before the job starts.
func (p *planner) identify(r *Rel) string {
	if r.UID != "" {
		return r.UID
	}
	for _, in := range r.Ins {
		p.identify(in)
	}
	uid := strings.ToLower(r.Name) + "-" + r.meaning()
	n := p.uids[uid]
	p.uids[uid]++
	if n > 0 {
		uid = fmt.Sprintf("%s-%d", uid, n+1)
	}
	r.UID = uid
	return uid
}

// meaning is a digest of what an operator computes of inputs that have their uids.
func (r *Rel) meaning() string {
	switch op := r.Op.(type) {
	case *exec.Calc:
		return digest([]string{r.content(r.Ins[0].tableColumns(), true), r.Ins[0].UID})
	case *exec.Watermark:
		columns := r.tableColumns()
		if columns == nil {
			break
		}
		source := r.Ins[0]
		if source.Source == nil { // the table has computed columns
			source = source.Ins[0]
		}
		return digest([]string{columns[op.Column], canonical(&struct{ Expr expr.Expr }{op.Expr}, columns, true), source.UID})
	}
	parts := []string{r.content(nil, true)}
	for _, in := range r.Ins {
		parts = append(parts, in.reference())
	}
	return digest(parts)
}

// tableColumns are the columns of a table with its watermark, as their names or what computes them; nil for other relations.
func (r *Rel) tableColumns() []string {
	if r.Source != nil {
		columns := make([]string, len(r.Cols))
		for i, c := range r.Cols {
			columns[i] = c.Name
		}
		return columns
	}
	if _, ok := r.Op.(*exec.Watermark); !ok {
		return nil
	}
	in := r.Ins[0]
	c, ok := in.Op.(*exec.Calc)
	if !ok {
		return in.tableColumns()
	}
	names := in.Ins[0].tableColumns()
	if names == nil || c.Cond != nil {
		return nil
	}
	columns := make([]string, len(c.Exprs))
	for i, x := range c.Exprs {
		columns[i] = canonical(&struct{ Expr expr.Expr }{x}, names, true)
		if column, ok := x.(*expr.Input); ok {
			columns[i] = names[column.Index]
		}
	}
	return columns
}

// reference is an input: its uid, and of a table also which columns are in its rows.
func (r *Rel) reference() string {
	if isMiniBatch(r) { // rows wait there, and stay what they are
		return r.Ins[0].reference()
	}
	if columns := r.tableColumns(); columns != nil {
		return fmt.Sprintf("%s %q", r.UID, columns)
	}
	c, ok := r.Op.(*exec.Calc)
	if !ok || c.Cond != nil {
		return r.UID
	}
	columns := r.Ins[0].tableColumns()
	var taken []string
	for _, x := range c.Exprs {
		column, ok := x.(*expr.Input)
		if !ok || columns == nil {
			return r.UID
		}
		taken = append(taken, columns[column.Index])
	}
	return fmt.Sprintf("%s %q", r.Ins[0].UID, taken)
}

// content is what an operator is without its inputs. For its state the options of a table do not count that the catalog has:
// a connector finds the position again wherever its table is now.
func (r *Rel) content(columns []string, state bool) string {
	s := r.Name + "\n"
	if t := r.Source; t != nil {
		s += t.Table.Path.String() + options(t.Options, t.Table.Options, state)
		if !state {
			s += fmt.Sprint(t.Reads)
		}
	}
	if t := r.Lookup; t != nil {
		s += t.Table.Path.String() + options(t.Options, t.Table.Options, state) + fmt.Sprint(t.Keys, t.Project)
	}
	if r.Sink != nil && r.Sink.Table != nil {
		s += r.Sink.Table.Path.String()
	}
	switch {
	case r.Values != nil:
		s += canonical(r.Values, nil, state)
	case r.Op != nil:
		op := r.Op
		if state {
			op = stateOf(op)
		}
		s += canonical(op, columns, state)
	}
	return s
}

// stateOf leaves out how the rows are looked up that are in flight, of which the state consists.
func stateOf(op exec.Op) exec.Op {
	l, ok := op.(*exec.LookupJoin)
	if !ok || l.Options.Async.Capacity == 0 {
		return op
	}
	in := *l
	in.Options = exec.LookupOptions{Async: exec.LookupAsync{Capacity: 1}}
	return &in
}

// options are the options of a table; with hints only those that the catalog does not have so.
func options(all, catalog map[string]string, hints bool) string {
	s := ""
	for _, k := range slices.Sorted(maps.Keys(all)) {
		if v, ok := catalog[k]; !hints || !ok || v != all[k] {
			s += fmt.Sprintf(" %q=%q", k, all[k])
		}
	}
	return s
}

func canonical(x any, columns []string, state bool) string {
	var column func(i int) string
	if columns != nil {
		column = func(i int) string { return columns[i] }
	}
	text, err := opjson.Canonical(x, column, state)
	if err != nil {
		panic(err) // what is planned can be written
	}
	return string(text)
}
