package agg

import (
	"unsafe"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// Acc is the first word of an accumulator.
type Acc = *uint64

// word is word i of an accumulator.
func word(a Acc, i int) *uint64 { return (*uint64)(unsafe.Add(unsafe.Pointer(a), i<<3)) }

// The words that all accumulators have.
const (
	rowsAt = 0 // the number of rows
	timeAt = 1 // the operator's
	header = 2
)

// RowsOf is the number of rows of an accumulator.
func RowsOf(a Acc) *int64 { return (*int64)(unsafe.Pointer(word(a, rowsAt))) }

// TimeOf is the word of an accumulator that is the operator's.
func TimeOf(a Acc) *int64 { return (*int64)(unsafe.Pointer(word(a, timeAt))) }

// Words are the words of an accumulator.
func Words(a Acc, n int) []uint64 { return unsafe.Slice(a, n) }

// Rows are rows that are added to accumulators, or taken away from them.
type Rows struct {
	Cols   []*column.Vector
	Places []int32 // of the rows in Cols, in order of arrival
	Accs   []Acc   // the accumulator of each
	Minus  []bool  // which are taken away; nil is none
	// Current makes the group of row i of Places current in the Side. Sets without one do not call it.
	Current func(i int)

	at []int32 // which rows these are of those that Current knows; nil is the same
}

// current makes the group of row i current.
func (r *Rows) current(i int) {
	if r.at != nil {
		i = int(r.at[i])
	}
	r.Current(i)
}

func (r *Rows) minus(i int) bool { return r.Minus != nil && r.Minus[i] }

// accumulator computes one call.
type accumulator interface {
	// words is how many words it needs, and place says where they are.
	words() int
	place(at int)
	update(r *Rows)
	// append appends the values of groups.
	append(g *Groups, out *column.Vector)
	// merge adds src to dst.
	merge(dst, src Acc, m *merging)
}

// Groups are groups whose values are asked for.
type Groups struct {
	Accs []Acc
	// Current makes a group current in the Side.
	Current func(i int)
}

// Set computes calls. It belongs to one goroutine.
type Set struct {
	merging  merging
	accs     []accumulator
	size     int
	root     *sideRef
	members  []*members // of DISTINCT calls, where these are not in the Side
	partials []uint64   // memory of MergePartials
}

// NewSet returns the accumulators of calls on columns. retract says that rows may be taken away.
func NewSet(in []row.Field, calls []Call, retract bool) *Set {
	return newSet(in, calls, retract, false)
}

// NewPlainSet is NewSet for groups that stay until their last row is taken away, and are never merged. The arguments of
// DISTINCT calls are in a state by itself: see HasMembers.
func NewPlainSet(in []row.Field, calls []Call, retract bool) *Set {
	return newSet(in, calls, retract, true)
}

func newSet(in []row.Field, calls []Call, retract, isPlain bool) *Set {
	s := &Set{size: header, root: &sideRef{}}
	for i := range calls {
		m := &maker{in: in, call: &calls[i], retract: retract, side: s.root, number: i}
		if isPlain {
			m.set = s
		}
		a := m.make()
		a.place(s.size)
		s.size += a.words()
		s.accs = append(s.accs, a)
	}
	return s
}

// Words is the number of words of an accumulator.
func (s *Set) Words() int { return s.size }

// HasSide reports whether there is more to a group than its words, so that Bind has to be called.
func (s *Set) HasSide() bool { return s.root.used }

// Bind says where the rest of the groups is.
func (s *Set) Bind(side *Side) { s.root.Side = side }

// HasMembers reports whether there are DISTINCT calls whose arguments are kept outside of the Side, so that BindMembers
// has to be called.
func (s *Set) HasMembers() bool { return len(s.members) > 0 }

// BindMembers says where these are.
func (s *Set) BindMembers(sets *keyed.Sets) {
	for _, m := range s.members {
		m.sets = sets
	}
}

// HasLeft reports whether a group has arguments of DISTINCT calls that would be left without it.
func (s *Set) HasLeft(a Acc) bool {
	for _, m := range s.members {
		if m.retract && *word(a, m.live) != 0 {
			return true
		}
	}
	return false
}

// Update adds rows and takes rows away. The error is an *expr.Error.
func (s *Set) Update(r *Rows) (err error) {
	defer catch(&err)
	countRows(r, rowsAt)
	for _, a := range s.accs {
		a.update(r)
	}
	for _, m := range s.members {
		m.update(r)
	}
	return nil
}

// Append appends the values of groups: those of call i to out[i]. The error is an *expr.Error.
func (s *Set) Append(g *Groups, out []*column.Vector) (err error) {
	defer catch(&err)
	for i, a := range s.accs {
		a.append(g, out[i])
	}
	return nil
}

// Merge adds the group src to dst, as if its rows had come later; DISTINCT rows in any order. Where there is a Side, from is the
// namespace of src, and dst is current; src stays as it is.
func (s *Set) Merge(dst, src Acc, from []byte) (err error) { return s.merge(dst, src, from, false) }

// MergeLent is Merge into a group that is gone before src is changed: it may note where src has a value, and not copy it.
func (s *Set) MergeLent(dst, src Acc, from []byte) (err error) { return s.merge(dst, src, from, true) }

func (s *Set) merge(dst, src Acc, from []byte, lends bool) (err error) {
	defer catch(&err)
	*RowsOf(dst) += *RowsOf(src)
	s.merging = merging{from: from, lends: lends}
	for _, a := range s.accs {
		a.merge(dst, src, &s.merging)
	}
	return nil
}

// catch makes what a kernel fails with an error.
func catch(err *error) {
	switch r := recover().(type) {
	case nil:
	case *expr.Error:
		*err = r
	default:
		panic(r)
	}
}

// merging is a merge of two groups.
type merging struct {
	from  []byte
	lends bool // see MergeLent
}

// countRows counts rows in a word.
func countRows(r *Rows, at int) {
	if r.Minus == nil {
		for _, a := range r.Accs {
			*word(a, at)++
		}
		return
	}
	for i, a := range r.Accs {
		if r.Minus[i] {
			*word(a, at)--
		} else {
			*word(a, at)++
		}
	}
}

// some are some of the rows of another.
type some struct {
	Rows
	places, numbers []int32
	accs            []Acc
	minuses         []bool
}

// begin is empty, with the columns of r.
func (s *some) begin(r *Rows) {
	s.Cols, s.Current = r.Cols, r.Current
	s.places, s.numbers, s.accs, s.minuses = s.places[:0], s.numbers[:0], s.accs[:0], s.minuses[:0]
}

// add adds row i of r.
func (s *some) add(r *Rows, i int) {
	s.places = append(s.places, r.Places[i])
	s.accs = append(s.accs, r.Accs[i])
	if r.at != nil {
		i = int(r.at[i])
	}
	s.numbers = append(s.numbers, int32(i))
}

// end is the rows that were added.
func (s *some) end(r *Rows) *Rows {
	s.Places, s.Accs, s.at, s.Minus = s.places, s.accs, s.numbers, nil
	return &s.Rows
}

// keep are the rows of r for which ok holds.
func (s *some) keep(r *Rows, ok func(i int) bool) *Rows {
	s.begin(r)
	for i := range r.Places {
		if !ok(i) {
			continue
		}
		s.add(r, i)
		if r.Minus != nil {
			s.minuses = append(s.minuses, r.Minus[i])
		}
	}
	s.end(r)
	if r.Minus != nil {
		s.Minus = s.minuses
	}
	return &s.Rows
}
