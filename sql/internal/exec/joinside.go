package exec

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/row"
)

// joinSide is the rows of one side of a join. Those of a key are records, one after the other, in order of arrival,
// without the columns of the key:
//
//	time     8 bytes, in milliseconds: of the row, or of the last update where rows expire
//	partners 4 bytes, how many rows of the other side it is joined with, if the side is outer
//	length   uvarint, of what follows, and a bit which is set if the row has been taken away
//	columns  those that identify the row in its key, then the others
//
// Rows that nothing identifies are records each, equal ones too: to add one is to append. A record is cut out where
// there are few; from among many it is only marked, and they have an index.
type joinSide struct {
	keys     *keying
	nullSafe []bool
	rows     *keyed.Bytes

	stored   []int // the columns of records
	key      *colcodec.Layout
	rest     *colcodec.Layout
	isSingle bool // there is one row for each key at most
	isUnique bool // columns identify a row among those of its key
	counts   bool // records have partners
	timed    bool // records have a time
	ttl      int64

	in      []*column.Vector // the stored columns of the batch
	decoded []*column.Vector // those of records
	count   int              // of records decoded
	keyCols []*column.Vector // the columns of the key of each, as far as decodeWhole has been called
	record  []byte
	left    []byte // scratch
	ident   []byte
	idents  []*column.Vector     // scratch for the columns of an ident
	indexes map[uint64]*rowIndex // of keys with many rows, by hash
}

// joinSideSpec is a side of a join.
type joinSideSpec struct {
	fields   []row.Field
	keys     []int
	nullSafe []bool
	unique   []int // nil: no columns identify rows
	counts   bool
	timed    bool
	ttl      int64
}

func newJoinSide(s joinSideSpec, keys *keying, rows *keyed.Bytes) *joinSide {
	d := &joinSide{keys: keys, nullSafe: s.nullSafe, rows: rows, counts: s.counts, timed: s.timed || s.ttl > 0, ttl: s.ttl}
	for _, t := range keys.key.Types() {
		d.keyCols = append(d.keyCols, column.New(t))
	}
	for _, c := range s.unique {
		if !slices.Contains(s.keys, c) {
			d.stored = append(d.stored, c)
		}
	}
	idents := len(d.stored)
	d.isSingle = s.unique != nil && idents == 0
	d.isUnique = idents > 0
	for c := range s.fields {
		if !slices.Contains(s.keys, c) && !slices.Contains(d.stored, c) {
			d.stored = append(d.stored, c)
		}
	}
	all := KeyTypes(s.fields, d.stored)
	d.key, d.rest = colcodec.NewLayout(all[:idents]), colcodec.NewLayout(all[idents:])
	for _, t := range all[:idents] {
		d.idents = append(d.idents, column.New(t))
	}
	for _, t := range all {
		d.decoded = append(d.decoded, column.New(t))
	}
	return d
}

// begin prepares a batch of the side's input.
func (d *joinSide) begin(b *batch.Columns) {
	d.keys.begin(b)
	d.in = d.in[:0]
	for _, c := range d.stored {
		d.in = append(d.in, b.Cols[c])
	}
}

// isLonely reports whether the row at a place has a key that equals no other.
func (d *joinSide) isLonely(place int) bool {
	for i, c := range d.keys.cols {
		if !d.nullSafe[i] && c.IsNull(place) {
			return true
		}
	}
	return false
}

// reset drops the decoded rows.
func (d *joinSide) reset() {
	d.count = 0
	for _, v := range d.decoded {
		v.Reset()
	}
	for _, v := range d.keyCols {
		v.Reset()
	}
}

// decode appends a record's columns to those decoded.
func (d *joinSide) decode(columns []byte) {
	d.count++
	idents := len(d.key.Types())
	if idents > 0 {
		columns = mustDecode(d.key, columns, d.decoded[:idents])
	}
	mustDecode(d.rest, columns, d.decoded[idents:])
}

// decodeWhole appends a record of the current key to those decoded, with the key.
func (d *joinSide) decodeWhole(columns []byte) {
	d.decode(columns)
	d.keys.appendKey(d.keyCols)
}

// whole is the columns of records decoded by decodeWhole, in those of pairs.
func (d *joinSide) whole(cols []*column.Vector, by []uint8, of uint8) {
	for i, c := range d.stored {
		cols[c], by[c] = d.decoded[i], of
	}
	for i, c := range d.keys.at {
		cols[c], by[c] = d.keyCols[i], of
	}
}

func mustDecode(l *colcodec.Layout, src []byte, cols []*column.Vector) []byte {
	rest, err := l.Decode(src, cols)
	if err != nil {
		panic(err) // what was encoded here
	}
	return rest
}

// Offsets in a record.
const (
	joinTimeBytes    = 8
	joinPartnerBytes = 4
)

func (d *joinSide) headBytes() (n int) {
	if d.timed {
		n += joinTimeBytes
	}
	if d.counts {
		n += joinPartnerBytes
	}
	return n
}

// next is where the columns of the record at a place of a key's rows are; the next record is at to.
func (d *joinSide) next(rows []byte, at int) (from, to int) {
	at += d.headBytes()
	n, used := binary.Uvarint(rows[at:])
	from = at + used
	return from, from + int(n>>1)
}

// isGone reports whether the row of a record has been taken away.
func (d *joinSide) isGone(rows []byte, at int) bool { return rows[at+d.headBytes()]&1 != 0 }

// isLive reports whether a record has not expired.
func (d *joinSide) isLive(rows []byte, at int, now int64) bool {
	return d.ttl == 0 || now < d.time(rows, at)+d.ttl
}

// time is the time of a record.
func (d *joinSide) time(rows []byte, at int) int64 {
	return int64(binary.LittleEndian.Uint64(rows[at:]))
}

// partners is how many partners a record has.
func (d *joinSide) partners(rows []byte, at int) int32 {
	return int32(binary.LittleEndian.Uint32(rows[at+d.headBytes()-joinPartnerBytes:]))
}

// setPartners changes a record in place.
func (d *joinSide) setPartners(rows []byte, at int, n int32, now int64) {
	head := d.headBytes()
	binary.LittleEndian.PutUint32(rows[at+head-joinPartnerBytes:], uint32(n))
	if d.ttl > 0 {
		binary.LittleEndian.PutUint64(rows[at:], uint64(now))
	}
}

// encode makes the record of the row at a place of the batch.
func (d *joinSide) encode(place int, partners int32, now int64) []byte {
	r := d.record[:0]
	if d.timed {
		r = binary.LittleEndian.AppendUint64(r, uint64(now))
	}
	if d.counts {
		r = binary.LittleEndian.AppendUint32(r, uint32(partners))
	}
	at := len(r)
	r = append(r, 0)
	idents := len(d.key.Types())
	if idents > 0 {
		r = d.key.Append(r, d.in[:idents], place)
	}
	r = d.rest.Append(r, d.in[idents:], place)
	if n := (len(r) - at - 1) << 1; n < 0x80 {
		r[at] = byte(n)
	} else { // a longer length
		var length [binary.MaxVarintLen64]byte
		used := binary.PutUvarint(length[:], uint64(n))
		r = slices.Insert(r, at+1, length[1:used]...)
		r[at] = length[0]
	}
	d.record = r
	return r
}

// add keeps the row at a place, whose key is the current one. It reports whether that had none, as far as is known
// without looking at the disk.
func (d *joinSide) add(place int, partners int32, now int64) (fresh bool) {
	r := d.encode(place, partners, now)
	switch {
	case d.isSingle:
		return d.rows.Put(r)
	case d.isUnique:
		if rows := d.rows.Get(); rows != nil {
			if at, to, ok := d.find(rows, place, now); ok {
				if len(r) == to-at {
					copy(d.rows.Change()[at:], r)
					return false
				}
				d.take(at, to)
			}
		}
	}
	return d.rows.Append(r)
}

// has reports whether there is a row that the one at a place takes the place of.
func (d *joinSide) has(place int, now int64) bool {
	rows := d.rows.Get()
	if rows == nil {
		return false
	}
	if d.isSingle {
		return d.isLive(rows, 0, now)
	}
	_, _, ok := d.find(rows, place, now)
	return ok
}

// remove takes the row at a place away, whose key is the current one. One that is not there is passed over.
func (d *joinSide) remove(place int, now int64) {
	if d.isSingle {
		d.rows.Drop()
		return
	}
	if rows := d.rows.Get(); rows != nil {
		if at, to, ok := d.find(rows, place, now); ok {
			d.take(at, to)
		}
	}
}

// find finds the record of the row at a place of the batch: that with the same columns that identify it, or one
// with the same columns.
func (d *joinSide) find(rows []byte, place int, now int64) (at, end int, ok bool) {
	if d.isUnique {
		d.ident = d.key.Append(d.ident[:0], d.in[:len(d.key.Types())], place)
	} else {
		d.ident = d.rest.Append(d.ident[:0], d.in, place)
	}
	if len(rows) >= indexedBytes {
		return d.lookUp(rows, now)
	}
	for at = 0; at < len(rows); at = end {
		from, to := d.next(rows, at)
		if end = to; bytes.HasPrefix(rows[from:to], d.ident) && d.isLive(rows, at, now) {
			return at, end, true
		}
	}
	return 0, 0, false
}

// expire drops the rows of the current key that have expired, and returns when the next one does.
func (d *joinSide) expire(now int64) (next int64, ok bool) {
	rows := d.rows.Get()
	if rows == nil || d.ttl == 0 {
		return 0, false
	}
	left := d.left[:0]
	for at := 0; at < len(rows); {
		_, to := d.next(rows, at)
		if d.isLive(rows, at, now) && !d.isGone(rows, at) {
			left = append(left, rows[at:to]...)
			if t := d.time(rows, at) + d.ttl; !ok || t < next {
				next, ok = t, true
			}
		}
		at = to
	}
	if d.left = left; len(left) < len(rows) {
		d.dropIndex()
		d.rows.Put(left)
	}
	return next, ok
}
