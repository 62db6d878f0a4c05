package exec

import (
	"slices"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// pairMax is about how many pairs of rows joins look at together.
const pairMax = batch.MaxRows

// Where the values of a column stand, beside the two sides: the other side's columns of keys have the values of the
// input's.
const (
	ofOwn   = iota // at the places of the input's rows
	ofOther        // at those of the other side's rows
	ofKey          // at those of the input's rows that have the other row's key
	ofKinds
)

// pairs are rows of two sides next to each other, as places in columns. A place of -1 is a row of NULLs.
//
//	own    own cols │ at[ofOwn]    3  3  4 -1
//	other  its cols │ at[ofOther]  0  1  2  2     the row of a pair, or of half of one
//	       its keys │ at[ofKey]    3  3  4  4
//	kinds           │             +I +I -D +I
type pairs struct {
	at    [ofKinds][]int32
	kinds []row.ChangeKind
}

func (p *pairs) reset() {
	for i := range p.at {
		p.at[i] = p.at[i][:0]
	}
	p.kinds = p.kinds[:0]
}

func (p *pairs) len() int { return len(p.at[ofOwn]) }

// add adds a pair of a row of the input and one of the other side.
func (p *pairs) add(own, other int32, kind row.ChangeKind) { p.addAt(own, other, own, kind) }

// addOwn adds a row of the input alone.
func (p *pairs) addOwn(own int32, kind row.ChangeKind) { p.addAt(own, -1, -1, kind) }

// addOther adds a row of the other side alone, which has the key of one of the input.
func (p *pairs) addOther(key, other int32, kind row.ChangeKind) { p.addAt(-1, other, key, kind) }

func (p *pairs) addAt(own, other, key int32, kind row.ChangeKind) {
	p.at[ofOwn] = append(p.at[ofOwn], own)
	p.at[ofOther] = append(p.at[ofOther], other)
	p.at[ofKey] = append(p.at[ofKey], key)
	p.kinds = append(p.kinds, kind)
}

// joiner evaluates the condition for pairs and emits them.
type joiner struct {
	// cols are the columns of the left side and the right one, and by which places of pairs each is read.
	cols   []*column.Vector
	by     []uint8
	width  int // columns of the left side
	fields []row.Field

	cond     *expr.Program // nil is TRUE
	condCols []int
	scratch  []*column.Vector // for condCols, in a row of all columns
	yes      []bool
}

func (j *joiner) init(left, right []row.Field, cond expr.Expr) {
	j.width = len(left)
	all := append(slices.Clone(left), right...)
	j.fields = all
	j.cols, j.by = make([]*column.Vector, len(all)), make([]uint8, len(all))
	if cond == nil {
		return
	}
	j.cond = expr.Compile(cond)
	j.scratch = make([]*column.Vector, len(all))
	expr.Inputs(cond, func(in *expr.Input) {
		if j.scratch[in.Index] == nil {
			j.scratch[in.Index] = column.New(all[in.Index].Type)
			j.condCols = append(j.condCols, in.Index)
		}
	})
}

// side is the columns of a side.
func (j *joiner) side(s int) (cols []*column.Vector, by []uint8) {
	if s == 0 {
		return j.cols[:j.width], j.by[:j.width]
	}
	return j.cols[j.width:], j.by[j.width:]
}

// matches says of each pair whether the condition is TRUE for it. There must be one. It is valid until the next call.
func (j *joiner) matches(b *base, p *pairs) []bool {
	if p.len() == 0 {
		return nil
	}
	for _, c := range j.condCols {
		v := j.scratch[c]
		v.Reset()
		v.AppendAll(j.cols[c], p.at[j.by[c]])
	}
	v, err := j.cond.Eval(&b.expr, &column.Batch{Cols: j.scratch, N: p.len()})
	if err != nil {
		b.fail(err, &column.Batch{Cols: j.scratch, N: p.len()}, j.fields)
	}
	if v.Valid == nil {
		return v.Bools[:p.len()]
	}
	j.yes = append(j.yes[:0], v.Bools[:p.len()]...)
	for i := range j.yes {
		j.yes[i] = j.yes[i] && v.Valid.Has(i)
	}
	return j.yes
}

// emit emits pairs; the output may have the columns of the left side only.
func (j *joiner) emit(out *operator.ColumnOutput, p *pairs) {
	var hasNone [ofKinds]bool
	for i, at := range p.at {
		hasNone[i] = slices.Contains(at, -1)
	}
	for from := 0; from < p.len(); {
		b := out.Cur
		to := min(p.len(), from+max(1, b.Room()))
		for c, v := range b.Cols {
			by := j.by[c]
			if hasNone[by] {
				appendPlaces(v, j.cols[c], p.at[by][from:to])
			} else {
				v.AppendAll(j.cols[c], p.at[by][from:to])
			}
		}
		for _, k := range p.kinds[from:to] {
			b.Add(k)
		}
		if b.Room() == 0 || b.Bytes() >= batch.ColumnBytesMax {
			out.Ship()
		}
		from = to
	}
}

// appendPlaces is AppendAll where -1 is NULL.
func appendPlaces(v, from *column.Vector, places []int32) {
	for i := 0; i < len(places); {
		k := i
		for k < len(places) && (places[k] < 0) == (places[i] < 0) {
			k++
		}
		if places[i] >= 0 {
			v.AppendAll(from, places[i:k])
		} else {
			for range k - i {
				v.AppendNull()
			}
		}
		i = k
	}
}
