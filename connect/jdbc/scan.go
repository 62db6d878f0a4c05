package jdbc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/row"
)

// query is what a cursor reads: the rows of a range, from a position on.
type query struct {
	split  string // its id
	table  string
	fields []row.Field
	column string // by which ranges are; "" reads all
	span   span
	after  position
	limit  int64 // 0 has none
}

// span is a range of numbers, both ends included. The first one of a table has all below it, too, and NULL; the last one all above.
type span struct {
	from, to    int64
	first, last bool
}

// conditions are those of the range, with a name as statements have it.
func (s span) conditions(name string) (all []string) {
	if !s.first {
		all = append(all, fmt.Sprintf("%s >= %d", name, s.from))
	}
	if !s.last {
		below := fmt.Sprintf("%s < %d", name, s.to+1)
		if s.first {
			below = "(" + below + " OR " + name + " IS NULL)"
		}
		all = append(all, below)
	}
	return all
}

// position is behind which row of a split reading goes on: the parts of that row's key, in the order of which rows are read; and where there is
// no key, how many rows there were, which are read in the order of all their columns.
type position struct {
	key  [][]byte
	rows int64
}

// split is a range from a position on.
type split struct {
	id    string
	span  span
	after position
}

// splitVersion is the first byte of a split's data.
const splitVersion = 1

// encode is version, ends, from, to, rows, and the parts of the key with their lengths.
func (s *split) encode() connect.Split {
	ends := byte(0)
	if s.span.first {
		ends |= 1
	}
	if s.span.last {
		ends |= 2
	}
	b := []byte{splitVersion, ends}
	b = binary.AppendVarint(b, s.span.from)
	b = binary.AppendVarint(b, s.span.to)
	b = binary.AppendUvarint(b, uint64(s.after.rows))
	for _, part := range s.after.key {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return connect.Split{ID: s.id, Data: b}
}

func decodeSplit(sp connect.Split) (*split, error) {
	broken := fmt.Errorf("jdbc: split %q is broken: % x", sp.ID, sp.Data)
	b := sp.Data
	if len(b) < 2 || b[0] != splitVersion {
		return nil, broken
	}
	s := &split{id: sp.ID, span: span{first: b[1]&1 != 0, last: b[1]&2 != 0}}
	b = b[2:]
	for _, to := range []*int64{&s.span.from, &s.span.to} {
		v, n := binary.Varint(b)
		if n <= 0 {
			return nil, broken
		}
		*to, b = v, b[n:]
	}
	rows, n := binary.Uvarint(b)
	if n <= 0 || rows > math.MaxInt64 {
		return nil, broken
	}
	s.after.rows, b = int64(rows), b[n:]
	for len(b) > 0 {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return nil, broken
		}
		s.after.key, b = append(s.after.key, b[n:n+int(size)]), b[n+int(size):]
	}
	return s, nil
}

// Ranges cut a table into parts that are read side by side, by a column of numbers. All rows are read: those below Lower in the first
// part, with those that have NULL, those above Upper in the last one.
type Ranges struct {
	Column       string
	Parts        int
	Lower, Upper int64
}

// splits are the parts. Without ranges there is one.
func (r *Ranges) splits() []connect.Split {
	if r.Column == "" {
		s := split{id: "all", span: span{first: true, last: true}}
		return []connect.Split{s.encode()}
	}
	n := uint64(r.Parts)
	wide := uint64(r.Upper-r.Lower) + 1
	if wide != 0 {
		n = min(n, wide)
	}
	var all []connect.Split
	from := r.Lower
	for i := range n {
		s := split{id: fmt.Sprint(i), span: span{from: from, first: i == 0, last: i == n-1}}
		step := (wide - 1) / n
		if i <= (wide-1)%n {
			step++
		}
		if s.span.to = from + int64(step) - 1; s.span.last {
			s.span.to = r.Upper
		}
		from = s.span.to + 1
		all = append(all, s.encode())
	}
	return all
}

func (r *Ranges) check() error {
	switch {
	case r.Column == "" && *r != (Ranges{}):
		return errors.New("the column by which ranges are is missing ('scan.partition.column')")
	case r.Column == "":
		return nil
	case r.Parts < 1:
		return errors.New("the number of ranges must be 1 or more ('scan.partition.num')")
	case r.Upper < r.Lower:
		return errors.New("the upper bound of ranges is below the lower one ('scan.partition.lower-bound', 'scan.partition.upper-bound')")
	}
	return nil
}

// selectFrom is the statement of a query. position are expressions that tell rows apart, by which they are ordered, and params what they are
// compared with; without them rows are ordered by all that is read.
func (q *query) selectFrom(table, column string, position, params, read []string) string {
	selected := append(append([]string{}, position...), read...)
	if len(selected) == 0 {
		selected = []string{"1"}
	}
	text := "SELECT " + strings.Join(selected, ", ") + " FROM " + table
	var where []string
	if q.column != "" {
		where = q.span.conditions(column)
	}
	if len(q.after.key) > 0 {
		where = append(where, "("+strings.Join(position, ", ")+") > ("+strings.Join(params, ", ")+")")
	}
	if len(where) > 0 {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	by := position
	if len(by) == 0 {
		for i := range read {
			by = append(by, fmt.Sprint(i+1))
		}
	}
	if len(by) > 0 {
		text += " ORDER BY " + strings.Join(by, ", ")
	}
	limit := q.limit
	if limit == 0 && q.after.rows > 0 {
		limit = math.MaxInt64
	}
	if limit > 0 {
		text += fmt.Sprintf(" LIMIT %d", limit)
	}
	if q.after.rows > 0 {
		text += fmt.Sprintf(" OFFSET %d", q.after.rows)
	}
	return text
}
