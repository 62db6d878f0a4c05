package spill

import (
	"encoding/binary"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/row"
)

// AppendColumns encodes a batch of columns with its marks and hashes:
//
//	the rows that count, as colcodec.Append does
//	uvarint marks, each: uvarint row, varint time
//	byte 1 if there are hashes, each: 8 bytes
func AppendColumns(dst []byte, b *batch.Columns) []byte {
	dst = colcodec.Append(dst, &b.Batch)
	dst = binary.AppendUvarint(dst, uint64(len(b.Marks)))
	for _, m := range b.Marks {
		dst = binary.AppendVarint(binary.AppendUvarint(dst, uint64(m.Row)), m.Time)
	}
	if b.Hashes == nil {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	for i := range b.Len() {
		dst = binary.LittleEndian.AppendUint64(dst, b.Hashes[b.Row(i)])
	}
	return dst
}

// DecodeColumns fills b, which is empty, with what AppendColumns wrote, all of raw.
func DecodeColumns(b *batch.Columns, raw []byte) error {
	rest, err := colcodec.Decode(&b.Batch, raw)
	if err != nil {
		return err
	}
	d := decoder{data: rest}
	row := uint64(0)
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		before := row
		row = d.uvarint()
		if row < before || row > uint64(b.N) {
			return errCut
		}
		b.Marks = append(b.Marks, batch.Mark{Row: int(row), Time: d.varint()})
	}
	hashed := len(d.data) > 0 && d.data[0] == 1
	d.skip(1)
	hashes := d.data
	if hashed {
		d.skip(8 * b.N)
	}
	if d.bad || len(d.data) > 0 {
		return errCut
	}
	if hashed {
		for i := range b.HashColumn() {
			b.Hashes[i] = binary.LittleEndian.Uint64(hashes[8*i:])
		}
	}
	return nil
}

// NewColumnStore is NewStore for batches with the columns of a schema.
func NewColumnStore(dir *Dir, s *row.Schema) *Store[*batch.Columns] {
	return NewStoreOf(dir, Form[*batch.Columns](columnForm{batch.NewColumnPool(s, 0)}))
}

// columnForm is the Form of batches of columns.
type columnForm struct{ pool *batch.ColumnPool }

// Append is AppendColumns.
func (columnForm) Append(dst []byte, b *batch.Columns) []byte { return AppendColumns(dst, b) }

// Decode is DecodeColumns.
func (f columnForm) Decode(raw []byte) (*batch.Columns, error) {
	b := f.pool.Get()
	if err := DecodeColumns(b, raw); err != nil {
		b.Release()
		return nil, err
	}
	return b, nil
}

// Bytes is the batch's own estimate, which leaves nothing out.
func (columnForm) Bytes(b *batch.Columns) int64 { return int64(b.Bytes()) }
