package exec

import (
	"bytes"

	"github.com/zeebo/xxh3"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/keyed"
)

// rowIndex finds rows among the many of a key, which would else be looked through for each that is taken away or
// changed. It is made when it is first needed, and is in no snapshot.
//
//	heads  hash of what identifies a row ──▶ link ──▶ link      to records with that hash
//	rows   ┌────────┬────────┬──gone──┬────────┐╌╌╌╌╌╌╌╌┐
//	       └────────┴────────┴────────┴────────┘╌╌╌╌╌╌╌╌┘
//	                                           upTo, from where records have been appended since
type rowIndex struct {
	word  uint64 // the key
	key   []byte
	heads keyed.Map[int32] // the number of a link, plus one
	links []rowLink
	upTo  int
	gone  int // bytes of records whose rows have been taken away
}

type rowLink struct{ at, next int32 }

// From so many bytes on the rows of a key have an index. Tests change it.
var indexedBytes = 4 << 10

// indexesMax is how many keys have an index; any of them makes room for the next.
const indexesMax = 256

// index is that of the current key, with all of its rows.
func (d *joinSide) index(rows []byte) *rowIndex {
	k := &d.keys.backend.Current
	x := d.indexes[k.Hash]
	if x == nil || x.word != k.Word || !bytes.Equal(x.key, k.Bytes) {
		if d.indexes == nil {
			d.indexes = map[uint64]*rowIndex{}
		}
		for h := range d.indexes {
			if len(d.indexes) < indexesMax {
				break
			}
			delete(d.indexes, h)
		}
		x = &rowIndex{word: k.Word, key: bytes.Clone(k.Bytes)}
		d.indexes[k.Hash] = x
	}
	for at := x.upTo; at < len(rows); at = x.upTo {
		from, to := d.next(rows, at)
		if x.upTo = to; d.isGone(rows, at) {
			x.gone += to - at
			continue
		}
		h := xxh3.Hash(d.identOf(rows[from:to]))
		head, _ := x.heads.Upsert(codec.HashWord(h), h)
		x.links = append(x.links, rowLink{int32(at), *head})
		*head = int32(len(x.links))
	}
	return x
}

// identOf is the columns of a record that identify its row; all of them where there are none.
func (d *joinSide) identOf(columns []byte) []byte {
	if !d.isUnique {
		return columns
	}
	for _, v := range d.idents {
		v.Reset()
	}
	return columns[:len(columns)-len(mustDecode(d.key, columns, d.idents))]
}

// lookUp is find by the index, for the row that ident is of.
func (d *joinSide) lookUp(rows []byte, now int64) (at, end int, ok bool) {
	h := xxh3.Hash(d.ident)
	head := d.index(rows).heads.Get(codec.HashWord(h), h)
	if head == nil {
		return 0, 0, false
	}
	links := d.indexes[d.keys.backend.Hash].links
	for k := *head; k > 0; k = links[k-1].next {
		at := int(links[k-1].at)
		from, to := d.next(rows, at)
		if !d.isGone(rows, at) && bytes.HasPrefix(rows[from:to], d.ident) && d.isLive(rows, at, now) {
			return at, to, true
		}
	}
	return 0, 0, false
}

// take takes the record away that find has found.
func (d *joinSide) take(at, end int) {
	rows := d.rows.Get()
	if len(rows) < indexedBytes {
		d.rows.Cut(at, end)
		return
	}
	x := d.indexes[d.keys.backend.Hash]
	x.unlink(xxh3.Hash(d.ident), at)
	x.gone += end - at
	d.rows.Change()[at+d.headBytes()] |= 1
	if 2*x.gone > len(rows) {
		d.compact()
	}
}

func (x *rowIndex) unlink(h uint64, at int) {
	head := x.heads.Get(codec.HashWord(h), h)
	link := head
	for *link > 0 {
		l := &x.links[*link-1]
		if int(l.at) == at {
			*link = l.next
			break
		}
		link = &l.next
	}
	if *head == 0 {
		x.heads.Delete(codec.HashWord(h), h)
	}
}

// compact drops what has been taken away from the rows of the current key.
func (d *joinSide) compact() {
	rows := d.rows.Get()
	left := d.left[:0]
	for at := 0; at < len(rows); {
		_, to := d.next(rows, at)
		if !d.isGone(rows, at) {
			left = append(left, rows[at:to]...)
		}
		at = to
	}
	d.left = left
	d.rows.Put(left)
	d.dropIndex()
}

// dropIndex drops the index of the current key, whose records have moved.
func (d *joinSide) dropIndex() { delete(d.indexes, d.keys.backend.Hash) }
