package exec

import (
	"encoding/binary"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// sorting is what rows are ordered by, as bytes that compare as they do.
type sorting struct {
	order *colcodec.Order
	at    []int
	cols  []*column.Vector
}

func newSorting(fields []row.Field, keys []logical.SortKey) (*sorting, error) {
	s := &sorting{}
	var cols []colcodec.SortColumn
	for _, k := range keys {
		s.at = append(s.at, k.Column)
		cols = append(cols, colcodec.SortColumn{Type: fields[k.Column].Type.Plain(), Desc: k.Desc, NullsLast: k.NullsLast})
	}
	var err error
	s.order, err = colcodec.NewOrder(cols)
	return s, err
}

func (s *sorting) begin(b *batch.Columns) {
	s.cols = s.cols[:0]
	for _, c := range s.at {
		s.cols = append(s.cols, b.Cols[c])
	}
}

// append appends what the row at a place of the batch is ordered by.
func (s *sorting) append(dst []byte, place int) []byte { return s.order.Append(dst, s.cols, place) }

// entries are rows of the current key in an order, those that are equal in the order of arrival. A row stands in
// its sub-key, so that to go over rows is to go over keys:
//
//	what it is ordered by │ number of arrival, 8 bytes │ the row │ its length, 4 bytes
type entries struct {
	*keyed.Ordered[struct{}]
	layout *colcodec.Layout
	sub    []byte
	row    []byte
}

// arrivalBytes and lengthBytes stand before and behind a row.
const (
	arrivalBytes = 8
	lengthBytes  = 4
)

func newEntries(b *keyed.Backend, fields []row.Field) *entries {
	return &entries{
		Ordered: keyed.NewOrdered(b, mustCodec[struct{}]()), layout: colcodec.NewLayout(types(fields)),
	}
}

// rowOf is the row of an entry.
func rowOf(sub []byte) []byte {
	end := len(sub) - lengthBytes
	return sub[end-int(binary.BigEndian.Uint32(sub[end:])) : end]
}

// orderOf is what an entry is ordered by.
func orderOf(sub []byte) []byte {
	end := len(sub) - lengthBytes
	return sub[:end-int(binary.BigEndian.Uint32(sub[end:]))-arrivalBytes]
}

// add adds the row at a place of a batch, behind those that are ordered by the same, and returns its entry, which is
// valid until the next call.
func (e *entries) add(by []byte, b *batch.Columns, place int) (sub []byte) {
	e.row = e.layout.Append(e.row[:0], b.Cols, place)
	return e.addRow(by, e.row)
}

func (e *entries) addRow(by, row []byte) (sub []byte) {
	return e.addAs(by, e.arrivals(by), row)
}

// addAs adds a row with a number of arrival.
func (e *entries) addAs(by []byte, n uint64, row []byte) (sub []byte) {
	e.Put(e.entry(by, n, row), struct{}{})
	return e.sub
}

// entry is the entry of a row, valid until the next call.
func (e *entries) entry(by []byte, n uint64, row []byte) []byte {
	e.sub = binary.BigEndian.AppendUint64(append(e.sub[:0], by...), n)
	e.sub = append(e.sub, row...)
	e.sub = binary.BigEndian.AppendUint32(e.sub, uint32(len(row)))
	return e.sub
}

// arrivals is the number for one more row that is ordered by something.
func (e *entries) arrivals(by []byte) uint64 {
	e.sub = append(e.sub[:0], by...)
	for range arrivalBytes + 1 {
		e.sub = append(e.sub, 0xff)
	}
	for sub := range e.Descend(e.sub) {
		if o := orderOf(sub); string(o) == string(by) {
			return binary.BigEndian.Uint64(sub[len(o):]) + 1
		}
		break
	}
	return 0
}

// find finds the first entry of a row that is ordered by something. It is valid until the state is changed.
func (e *entries) find(by, row []byte) (sub []byte, ok bool) {
	for sub := range e.Ascend(by) {
		switch {
		case string(orderOf(sub)) != string(by):
			return nil, false
		case string(rowOf(sub)) == string(row):
			return sub, true
		}
	}
	return nil, false
}

// decode appends a row to columns.
func (e *entries) decode(row []byte, cols []*column.Vector) {
	if _, err := e.layout.Decode(row, cols); err != nil {
		panic(err) // what was encoded here
	}
}
