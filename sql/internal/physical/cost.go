package physical

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/exec"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// What is assumed where nothing is known. The parts of rows that conditions keep are those of Calcite.
const (
	rowsOfTable  = 1e8  // of a table whose connector does not know
	rowsOfGroup  = 10   // of a group, a window of a key, a session
	partEqual    = 0.15 // of rows for which two values are equal
	partCompared = 0.5
	partNull     = 0.1
	partOther    = 0.25
	textBytes    = 16 // of a text or a list
)

// Cost is what it takes to compute a relation, with its inputs: only to compare plans with. Planning does not depend on it.
type Cost struct {
	Rows    float64 // that operators give
	CPU     float64 // rows times expressions, keys and columns that are computed
	IO      float64 // bytes that are read
	Network float64 // bytes between subtasks
	Memory  float64 // bytes of state
}

// estimator estimates rows and costs of a plan.
type estimator struct {
	// size is how many rows a table has, if that is known.
	size  func(t *catalog.Table, options map[string]string) (rows float64, ok bool)
	rows  map[*Rel]float64
	costs map[*Rel]Cost
}

// text is what EXPLAIN ESTIMATED_COST shows of a relation.
func (e *estimator) text(r *Rel) string {
	rows, c := e.estimate(r)
	return fmt.Sprintf(": rowcount = %s, cumulative cost = {%s rows, %s cpu, %s io, %s network, %s memory}",
		number(rows), number(c.Rows), number(c.CPU), number(c.IO), number(c.Network), number(c.Memory))
}

// number is a number with three digits: 1.5E8.
func number(x float64) string {
	s := strconv.FormatFloat(x, 'G', 3, 64)
	if mantissa, exponent, ok := strings.Cut(s, "E"); ok {
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		return mantissa + "E" + strings.TrimLeft(strings.TrimPrefix(exponent, "+"), "0")
	}
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// estimate is how many rows a relation has, and what it costs with its inputs.
func (e *estimator) estimate(r *Rel) (float64, Cost) {
	if c, ok := e.costs[r]; ok {
		return e.rows[r], c
	}
	var c Cost
	ins := make([]float64, len(r.Ins))
	for i, in := range r.Ins {
		rows, cost := e.estimate(in)
		ins[i] = rows
		c.Rows += cost.Rows
		c.CPU += cost.CPU
		c.IO += cost.IO
		c.Network += cost.Network
		c.Memory += cost.Memory
		if r.Dist[i].Kind != Any {
			c.Network += rows * bytesOf(in.Cols)
		}
		c.CPU += rows * float64(1+len(r.Dist[i].Keys))
	}
	rows := math.Max(1, e.rowsOf(r, ins))
	if r.Source != nil {
		c.IO += rows * bytesOf(r.Cols)
	}
	if op, ok := r.Op.(*exec.Calc); ok {
		for _, x := range append([]expr.Expr{op.Cond}, op.Exprs...) {
			c.CPU += ins[0] * float64(calls(x))
		}
	}
	c.Rows += rows
	c.CPU += rows
	c.Memory += e.kept(r, ins, rows)
	e.rows[r], e.costs[r] = rows, c
	return rows, c
}

// rowsOf is how many rows an operator gives.
func (e *estimator) rowsOf(r *Rel, ins []float64) float64 {
	switch op := r.Op.(type) {
	case nil:
		switch {
		case r.Values != nil:
			return float64(len(r.Values.Rows))
		case r.Source != nil:
			if n, ok := e.size(r.Source.Table, r.Source.Options); ok {
				return n
			}
			return rowsOfTable
		}
	case *exec.Calc:
		return ins[0] * part(op.Cond)
	case *exec.Expand:
		return ins[0] * float64(len(op.Sets))
	case *exec.GroupAggregate:
		if len(op.Keys) == 0 {
			return 1
		}
		return ins[0] / rowsOfGroup
	case *exec.WindowAggregate:
		return ins[0] / rowsOfGroup * windowsOf(op.Windowing)
	case *exec.WindowTVF:
		return ins[0] * windowsOf(op.Windowing)
	case *exec.Deduplicate, *exec.FirstByTime, *exec.Normalize, *exec.Materialize:
		return ins[0] / rowsOfGroup
	case *exec.Rank:
		return ranked(ins[0], len(op.Partition), op.From, op.To)
	case *exec.WindowRank:
		return ranked(ins[0], 1, op.From, op.To)
	case *exec.Sort:
		return limited(ins[0], op.Limit)
	case *exec.Limit:
		return limited(ins[0], op.Limit)
	case *exec.Union:
		sum := 0.0
		for _, n := range ins {
			sum += n
		}
		return sum
	case *exec.Join:
		return joined(op.Kind, ins, len(op.LeftKeys) > 0, op.Cond)
	case *exec.IntervalJoin:
		return joined(op.Kind, ins, true, op.Cond)
	case *exec.WindowJoin:
		return joined(op.Kind, ins, true, op.Cond)
	}
	return ins[0] // sinks, and operators that give a row for each row
}

// windowsOf is how many windows a row is in.
func windowsOf(w logical.Windowing) float64 {
	if (w.Kind == "HOP" || w.Kind == "CUMULATE") && w.Slide > 0 {
		return math.Max(1, float64(w.Size)/float64(w.Slide))
	}
	return 1
}

func ranked(rows float64, partitions int, from, to int64) float64 {
	groups := 1.0
	if partitions > 0 {
		groups = rows / rowsOfGroup
	}
	if to < 0 {
		return rows
	}
	return math.Min(rows, groups*float64(to-from+1))
}

func limited(rows float64, limit int64) float64 {
	if limit < 0 {
		return rows
	}
	return math.Min(rows, float64(limit))
}

// joined is how many rows a join gives: with keys as many as its larger side has.
func joined(kind logical.JoinKind, ins []float64, keys bool, cond expr.Expr) float64 {
	rows := ins[0] * ins[1]
	if keys {
		rows = math.Max(ins[0], ins[1])
	}
	rows *= part(cond)
	switch kind {
	case logical.Left:
		return math.Max(rows, ins[0])
	case logical.Right:
		return math.Max(rows, ins[1])
	case logical.Full:
		return math.Max(rows, math.Max(ins[0], ins[1]))
	case logical.Semi, logical.Anti:
		return ins[0] / 2
	}
	return rows
}

// kept is how many bytes of state an operator has.
func (e *estimator) kept(r *Rel, ins []float64, rows float64) float64 {
	switch op := r.Op.(type) {
	case *exec.GroupAggregate, *exec.WindowAggregate, *exec.Deduplicate, *exec.FirstByTime, *exec.Normalize, *exec.Materialize:
		return rows * bytesOf(r.Cols)
	case *exec.Rank:
		if !op.Retract {
			return rows * bytesOf(r.Ins[0].Cols)
		}
	case *exec.Over, *exec.WindowRank, *exec.Sort:
	case *exec.Join, *exec.IntervalJoin, *exec.WindowJoin, *exec.TemporalJoin:
	case *exec.WindowTVF:
		if op.Kind != "SESSION" {
			return 0
		}
	default:
		return 0
	}
	sum := 0.0
	for i, in := range r.Ins {
		sum += ins[i] * bytesOf(in.Cols)
	}
	return sum
}

// part is the part of rows for which a condition is TRUE.
func part(x expr.Expr) float64 {
	c, ok := x.(*expr.Call)
	if !ok {
		return 1
	}
	switch name := c.Func.Name; name {
	case "AND":
		return part(c.Args[0]) * part(c.Args[1])
	case "OR":
		return 1 - (1-part(c.Args[0]))*(1-part(c.Args[1]))
	case "UNARY NOT":
		return 1 - part(c.Args[0])
	case "=", "IS NOT DISTINCT FROM":
		return partEqual
	case "<>", "IS DISTINCT FROM":
		return 1 - partEqual
	case "<", "<=", ">", ">=":
		return partCompared
	case "IS NULL":
		return partNull
	case "IS NOT NULL":
		return 1 - partNull
	}
	return partOther
}

// calls is how many functions an expression calls for a row.
func calls(x expr.Expr) (n int) {
	if x == nil {
		return 0
	}
	expr.Walk(x, func(y expr.Expr) bool {
		if _, ok := y.(*expr.Call); ok {
			n++
		}
		return true
	})
	return n
}

// bytesOf is the size of a row.
func bytesOf(cols []row.Field) float64 {
	n := 0.0
	for _, c := range cols {
		n += typeBytes(c.Type)
	}
	return n
}

func typeBytes(t *row.Type) float64 {
	switch t.Kind {
	case row.Boolean, row.TinyInt, row.Null:
		return 1
	case row.SmallInt:
		return 2
	case row.Int, row.Float, row.Date, row.Time, row.IntervalMonth:
		return 4
	case row.BigInt, row.Double, row.Timestamp, row.TimestampLTZ, row.IntervalDay:
		return 8
	case row.Decimal:
		return 16
	case row.Row:
		return bytesOf(t.Fields)
	}
	if t.Length > 0 {
		return math.Min(textBytes, float64(t.Length))
	}
	return textBytes
}
