package agg

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// Partials are accumulators as columns, one for each word but the operator's own: what has been computed of some of a
// group's rows is sent to where the group is, and merged there.
//
//	rows ──Update──▶ Acc ──AppendPartials──▶ rows, sum, n, max … ──MergePartials──▶ Acc of the group
//
// Sets have them whose groups are words only.

// HasPartials reports whether accumulators can be sent as columns.
func (s *Set) HasPartials() bool { return !s.HasSide() && !s.HasMembers() }

// PartialFields are the columns.
func (s *Set) PartialFields() []row.Field {
	fields := make([]row.Field, s.size-1)
	for i := range fields {
		fields[i] = row.Field{Name: "$partial", Type: row.Of(row.BigInt).Nullable(false)}
	}
	return fields
}

// PartialRows are the numbers of rows that partials are of, added less taken away.
func PartialRows(cols []*column.Vector) []int64 { return cols[0].I64 }

// AppendPartials appends accumulators to columns.
func (s *Set) AppendPartials(accs []Acc, out []*column.Vector) {
	at := rowsAt
	for _, v := range out {
		values := extend(v, &v.I64, len(accs))
		for i, a := range accs {
			values[i] = *signedWord(a, at)
		}
		at = max(at+1, header)
	}
}

// MergePartials merges rows of the columns into accumulators: that at a place into the one of the same number.
func (s *Set) MergePartials(cols []*column.Vector, places []int32, accs []Acc) (err error) {
	defer catch(&err)
	need := s.size * len(places)
	if cap(s.partials) < need {
		s.partials = make([]uint64, need)
	}
	words := s.partials[:need]
	at := rowsAt
	for _, v := range cols {
		for i, p := range places {
			words[i*s.size+at] = uint64(v.I64[p])
		}
		at = max(at+1, header)
	}
	for i, dst := range accs {
		*RowsOf(dst) += *RowsOf(&words[i*s.size])
	}
	for _, a := range s.accs {
		for i, dst := range accs {
			a.merge(dst, &words[i*s.size], &s.merging)
		}
	}
	return nil
}
