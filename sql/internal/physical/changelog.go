package physical

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// requireBefore tells an operator whether somebody needs its -U, and goes on with its inputs.
func (p *planner) requireBefore(r *Rel, before bool) {
	if r.setBefore != nil {
		r.setBefore(before)
	}
	if !before && r.setBefore != nil {
		r.Kinds &^= 1 << row.UpdateBefore
	}
	needs := make([]bool, len(r.Ins))
	for i := range needs {
		needs[i] = true
	}
	if r.needs != nil {
		copy(needs, r.needs(before))
	}
	kinds := row.ChangeKinds(0)
	for i, in := range r.Ins {
		p.requireBefore(in, needs[i])
		kinds |= in.Kinds
	}
	if r.setBefore == nil && r.needs != nil && len(r.Ins) > 0 && !kinds.Has(row.UpdateBefore) {
		r.Kinds &^= 1 << row.UpdateBefore // what passes its input on
	}
}

// identify gives operators the names that their state is known by: a digest of what they compute of their inputs. What
// is only called otherwise keeps its name.
func (p *planner) identify(r *Rel) string {
	if r.UID != "" {
		return r.UID
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", r.Name, r.Detail)
	for _, in := range r.Ins {
		fmt.Fprintf(h, "%s\n", p.identify(in))
	}
	uid := strings.ToLower(r.Name) + "-" + hex.EncodeToString(h.Sum(nil)[:6])
	n := p.uids[uid]
	p.uids[uid]++
	if n > 0 {
		uid = fmt.Sprintf("%s-%d", uid, n+1)
	}
	r.UID = uid
	return uid
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
