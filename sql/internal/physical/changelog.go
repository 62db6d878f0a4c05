package physical

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

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
	d := r.digest(func(in *Rel) string { return digests[in] })
	if same := once[d]; same != nil {
		return same
	}
	once[d], digests[r] = r, d
	return r
}

// digest is what an operator computes of inputs that are known by names.
func (r *Rel) digest(name func(*Rel) string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%s\n", r.Name, r.Detail, names(r.Cols))
	if r.TTL != "" {
		fmt.Fprintf(h, "%s\n", r.TTL)
	}
	for _, in := range r.Ins {
		fmt.Fprintf(h, "%s\n", name(in))
	}
	if r.Values != nil {
		for _, row := range r.Values.Rows {
			fmt.Fprintf(h, "(%s)\n", texts(row, nil))
		}
	}
	if r.Source != nil {
		for _, k := range slices.Sorted(maps.Keys(r.Source.Options)) {
			fmt.Fprintf(h, "%s=%s\n", k, r.Source.Options[k])
		}
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
	}
	for _, x := range xs {
		volatile := false
		if x != nil {
			expr.Walk(x, func(y expr.Expr) bool {
				c, ok := y.(*expr.Call)
				volatile = volatile || ok && c.Func.Volatile && c.T.Attribute != row.Proctime
				return !volatile
			})
		}
		if volatile {
			return true
		}
	}
	return false
}

// identify gives operators the names that their state is known by: a digest of what they compute of their inputs. Which
// columns of a table are read besides does not count: that depends on who else reads it.
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

// meaning is a digest of what an operator computes of inputs that have their names.
func (r *Rel) meaning() string {
	c := *r
	c.TTL = "" // another one does not change what the state means
	switch op := r.Op.(type) {
	case nil:
		if r.Source != nil {
			c.Detail, c.Cols = r.Source.Table.Path.String(), nil
		}
	case *exec.Watermark:
		c.Detail, c.Cols = text(op.Expr, r.Cols), nil
		if calc, ok := r.Ins[0].Op.(*exec.Calc); ok && r.Ins[0].Ins[0].Source != nil { // computed columns of the table
			c.Detail = text(calc.Exprs[op.Column], calc.In) + " " + c.Detail
			c.Ins = r.Ins[0].Ins
		}
	case *exec.GroupAggregate, *exec.Join, *exec.Rank, *exec.Over:
		c.Cols = nil
	}
	return c.digest(func(in *Rel) string { return in.essence().UID })
}

// essence is what a relation is made of when columns are left out, or rows wait, only.
func (r *Rel) essence() *Rel {
	if isMiniBatch(r) {
		return r.Ins[0].essence()
	}
	c, ok := r.Op.(*exec.Calc)
	if !ok || c.Cond != nil {
		return r
	}
	for i, x := range c.Exprs {
		in, ok := x.(*expr.Input)
		if !ok || r.Ins[0].Cols[in.Index].Name != r.Cols[i].Name {
			return r
		}
	}
	return r.Ins[0].essence()
}

// conjuncts are the parts of a condition that AND puts together.
func conjuncts(x expr.Expr) []expr.Expr {
	if x == nil {
		return nil
	}
	if c, ok := x.(*expr.Call); ok && c.Func.Name == "AND" {
		var all []expr.Expr
		for _, a := range c.Args {
			all = append(all, conjuncts(a)...)
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
