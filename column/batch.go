package column

import "github.com/flott-dev/flott/row"

// Batch is rows in columns.
type Batch struct {
	Cols []*Vector
	// N is the length of all Cols.
	N int
	// Sel are the rows that count, in order; nil is all of them.
	Sel []int32
	// Kinds are the kinds of the rows' changes, one for each of N; nil has inserts only.
	Kinds []row.ChangeKind
}

// NewBatch returns an empty Batch with the columns of a schema.
func NewBatch(s *row.Schema) *Batch {
	b := &Batch{}
	for _, f := range s.Fields {
		b.Cols = append(b.Cols, New(f.Type))
	}
	return b
}

// Len is the number of rows that count.
func (b *Batch) Len() int {
	if b.Sel != nil {
		return len(b.Sel)
	}
	return b.N
}

// Row is the place of the i-th row that counts.
func (b *Batch) Row(i int) int {
	if b.Sel != nil {
		return int(b.Sel[i])
	}
	return i
}

// Kind is the kind of the change at a place.
func (b *Batch) Kind(place int) row.ChangeKind {
	if b.Kinds == nil {
		return row.Insert
	}
	return b.Kinds[place]
}

// Reset makes the batch empty and keeps its memory.
func (b *Batch) Reset() {
	for _, c := range b.Cols {
		c.Reset()
	}
	b.N, b.Sel, b.Kinds = 0, nil, nil
}

// Truncate drops all rows from a number of them on. The batch has no selection.
func (b *Batch) Truncate(n int) {
	for _, c := range b.Cols {
		c.Truncate(n)
	}
	b.N = n
	if b.Kinds != nil {
		b.Kinds = b.Kinds[:n]
	}
}
