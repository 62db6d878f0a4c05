package agg

import (
	"encoding/binary"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/row"
)

// sorted is the values of a call in order, each with the number of times that it is there. Values that have no order
// are in that of their bytes.
type sorted struct {
	entries entries // 'o'
	order   *colcodec.Order
	layout  *colcodec.Layout
	cols    []*column.Vector
	scratch *column.Vector
}

func (m *maker) sorted(t *row.Type, descending bool) sorted {
	order, err := colcodec.NewOrder([]colcodec.SortColumn{{Type: t, Desc: descending}})
	if err != nil {
		order = nil
	}
	return sorted{
		entries: m.entries('o'), order: order, layout: colcodec.NewLayout([]*row.Type{t}), scratch: column.New(t),
	}
}

func (s *sorted) words() int { return 0 }
func (s *sorted) place(int)  {}

// add adds n to the number of a value, in the current group.
func (s *sorted) add(v *column.Vector, p int, n int64) {
	s.cols = append(s.cols[:0], v)
	key := s.entries.prefix()
	if s.order != nil {
		key = s.order.Append(key, s.cols, p)
	}
	at := len(key)
	key = s.layout.Append(key, s.cols, p)
	key = binary.BigEndian.AppendUint32(key, uint32(len(key)-at))
	s.entries.buf = key
	s.entries.Add(key, n)
}

// all calls f for each value of the current group, which is value 0 of a vector, until f returns false.
func (s *sorted) all(f func(v *column.Vector, n int64) bool) {
	s.entries.all(func(rest []byte, n int64) bool {
		end := len(rest) - 4
		value := rest[end-int(binary.BigEndian.Uint32(rest[end:])) : end]
		s.scratch.Reset()
		s.cols = append(s.cols[:0], s.scratch)
		if _, err := s.layout.Decode(value, s.cols); err != nil {
			panic(err) // what was encoded here
		}
		return f(s.scratch, n)
	})
}

func (s *sorted) merge(_, _ Acc, m *merging) {
	for _, e := range s.entries.in(m.from) {
		key := append(s.entries.prefix(), e.rest...)
		s.entries.buf = key
		s.entries.Add(key, e.count)
	}
}
