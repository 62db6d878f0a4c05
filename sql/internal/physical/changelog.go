package physical

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/exec"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// requireBefore finds which operators have to send -U: those of which somebody needs it.
func requireBefore(r *Rel, before bool, needs map[*Rel]bool) {
	if was, seen := needs[r]; seen && (was || !before) {
		return
	}
	needs[r] = before
	for i, in := range r.Ins {
		requireBefore(in, r.needsBefore(before, i), needs)
	}
}

// needsBefore reports whether an operator needs the -U of an input.
func (r *Rel) needsBefore(before bool, input int) bool {
	if r.needs == nil {
		return true
	}
	return r.needs(before)[input]
}

// settle tells operators whether they send -U, and finds what kinds of changes their rows are then.
func settle(r *Rel, needs, settled map[*Rel]bool) {
	if settled[r] {
		return
	}
	settled[r] = true
	kinds := row.ChangeKinds(0)
	for _, in := range r.Ins {
		settle(in, needs, settled)
		kinds |= in.Kinds
	}
	switch {
	case r.setBefore != nil:
		r.setBefore(needs[r])
		if !needs[r] {
			r.Kinds &^= 1 << row.UpdateBefore
		}
	case r.needs != nil && len(r.Ins) > 0 && !kinds.Has(row.UpdateBefore):
		r.Kinds &^= 1 << row.UpdateBefore // what passes its input on
	}
}

// share makes one of operators that compute the same of the same inputs, unless that is different each time. It
// returns the one to use.
func share(r *Rel, digests map[*Rel]string, once map[string]*Rel) *Rel {
	if _, seen := digests[r]; seen {
		return r
	}
	volatile := r.isVolatile()
	for i, in := range r.Ins {
		r.Ins[i] = share(in, digests, once)
		volatile = volatile || digests[r.Ins[i]] == ""
	}
	if volatile || r.Sink != nil {
		digests[r] = ""
		return r
	}
	parts := []string{r.content(nil, false)}
	for _, in := range r.Ins {
		parts = append(parts, digests[in])
	}
	d := digest(parts)
	if same := once[d]; same != nil {
		return same
	}
	once[d], digests[r] = r, d
	return r
}

func digest(parts []string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d %s\n", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// isVolatile reports whether an operator gives something else each time.
func (r *Rel) isVolatile() bool {
	var xs []expr.Expr
	switch op := r.Op.(type) {
	case *exec.Calc:
		xs = append(slices.Clone(op.Exprs), op.Cond)
	case *exec.Apply:
		xs = op.Args
	case *exec.LookupJoin:
		if op.Found != nil {
			xs = append(slices.Clone(op.Found.Exprs), op.Found.Cond)
		}
	}
	return slices.ContainsFunc(xs, volatile)
}

// volatile reports whether an expression, which may be nil, gives something else each time.
func volatile(x expr.Expr) bool {
	if x == nil {
		return false
	}
	is := false
	expr.Walk(x, func(y expr.Expr) bool {
		c, ok := y.(*expr.Call)
		is = is || ok && c.Func.Volatile && c.T.Attribute != row.Proctime
		return !is
	})
	return is
}

// Conjuncts are the parts of a condition that AND puts together.
func Conjuncts(x expr.Expr) []expr.Expr {
	if x == nil {
		return nil
	}
	if c, ok := x.(*expr.Call); ok && c.Func.Name == "AND" {
		var all []expr.Expr
		for _, a := range c.Args {
			all = append(all, Conjuncts(a)...)
		}
		return all
	}
	return []expr.Expr{x}
}

// call calls a function by its name.
func call(name string, args ...expr.Expr) expr.Expr {
	c, err := builtin.Lookup(name).Call(args[0].Extent(), args)
	if err != nil {
		fail(args[0].Extent(), "%s", err)
	}
	return c
}

func and(xs []expr.Expr) expr.Expr {
	var all expr.Expr
	for _, x := range xs {
		if all == nil {
			all = x
		} else {
			all = call("AND", all, x)
		}
	}
	return all
}
