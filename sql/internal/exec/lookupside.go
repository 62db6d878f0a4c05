package exec

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// lookupSide makes rows of the right side of those that a connector has, as LookupJoin.Found says.
type lookupSide struct {
	op     *Calc
	cond   *expr.Program
	exprs  []*expr.Program
	sel    []int32 // the rows that are kept
	places []int32
}

func newLookupSide(op *Calc) *lookupSide {
	s := &lookupSide{op: op}
	if op.Cond != nil {
		s.cond = expr.Compile(op.Cond)
	}
	for _, x := range op.Exprs {
		s.exprs = append(s.exprs, expr.Compile(x))
	}
	return s
}

// makeRows makes n.rows of n.found: nothing is computed of rows that the side does not have.
func (n *lookupJoin) makeRows() {
	for _, v := range n.rows {
		v.Reset()
	}
	if len(n.places) == 0 {
		return
	}
	s, found := n.side, column.Batch{Cols: n.found, N: len(n.places)}
	if s.cond != nil {
		v, err := s.cond.Eval(n.now(), &found)
		if err != nil {
			n.fail(err, &found, s.op.In)
		}
		n.keepFound(v)
		if found.Sel = s.sel; len(s.sel) == 0 {
			return
		}
	}
	for i, p := range s.exprs {
		v, err := p.Eval(n.now(), &found)
		if err != nil {
			n.fail(err, &found, s.op.In)
		}
		s.places = expr.AllRows(s.places, found.Len())
		n.rows[i].AppendAll(v, s.places)
	}
}

// keepFound leaves out the rows for which the condition is not TRUE.
func (n *lookupJoin) keepFound(is *column.Vector) {
	s := n.side
	s.sel = s.sel[:0]
	at := 0
	for i, count := range n.counts {
		for range count {
			if is.Bools[at] && is.Valid.Has(at) {
				n.places[len(s.sel)] = n.places[at]
				s.sel = append(s.sel, int32(at))
			} else {
				n.counts[i]--
			}
			at++
		}
	}
	n.places = n.places[:len(s.sel)]
}
