package physical

import (
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/exec"
)

// Advice is what can be said about an operator of a plan.
type Advice struct {
	// Warning says that something may go wrong; else something could be faster.
	Warning bool
	Text    string
}

func (a Advice) String() string {
	if a.Warning {
		return "[WARNING] " + a.Text
	}
	return "[ADVICE] " + a.Text
}

// advice is what EXPLAIN PLAN_ADVICE says about an operator.
func (r *Rel) advice() (list []Advice) {
	if r.Grows != "" {
		list = append(list, Advice{true, r.Grows + "."})
	}
	changes := false
	for _, in := range r.Ins {
		changes = changes || in.Kinds.Has(row.UpdateBefore) || in.Kinds.Has(row.Delete)
	}
	if r.isVolatile() && changes {
		list = append(list, Advice{true, "The rows change, and a function that gives another value each time is computed again when one is taken back: what was given before may stay. Compute it before rows are grouped, joined or ranked."})
	}
	switch op := r.Op.(type) {
	case *exec.GroupAggregate:
		switch {
		case op.Final:
		case len(op.Keys) == 0:
			list = append(list, Advice{false, "All rows are grouped by one subtask, since there is no GROUP BY."})
		case op.EachRow:
			list = append(list, Advice{false, "Each row gives a change. RESET 'table.exec.mini-batch.enabled', and the rows of a batch are put together for each group before its state is read."})
		}
	case *exec.Join:
		if len(op.LeftKeys) == 0 {
			list = append(list, Advice{true, "Each row is compared with all of the other side, by one subtask, since no columns of the two sides are to be equal. Add a condition of the form l.a = r.b."})
		}
	case *exec.Rank:
		if op.Number && !op.Final {
			list = append(list, Advice{false, "A new row changes the numbers of all that follow it, and all of them are sent. Leave the number of the row out of the result."})
		}
	case *exec.Over:
		if op.Time == row.NoAttribute && !op.Final {
			list = append(list, Advice{false, "A row in between changes those behind it, and all rows are kept. Order by a time attribute."})
		}
	case *exec.Materialize:
		list = append(list, Advice{false, "The rows of each primary key of the sink are kept, since the query's rows have another key. Give the table the key of the query."})
	}
	return list
}
