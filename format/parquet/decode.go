package parquet

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

// decoder reads files.
type decoder struct {
	columns    []row.Field
	conditions []format.Condition // on columns, by their places among these
	zone       *time.Location

	name   string
	file   *parquet.File
	groups []group // of the range that are left; the first is at hand
	opened bool
	rows   int64 // of it that are read
	parts  []*node
	places []int
	absent []int
	leaves []*leaf
	bound  []*column.Vector
}

// group is a group of rows, and where it begins.
type group struct {
	parquet.RowGroup
	offset int64
}

// Open reads the footer, and goes to a position.
func (d *decoder) Open(f format.File, at format.Position) (err error) {
	d.name = f.Name
	defer d.recovered(&err)
	for _, l := range d.leaves {
		l.close()
	}
	d.groups, d.opened, d.rows, d.bound = nil, false, 0, nil
	d.file, err = parquet.OpenFile(f, f.Size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(256<<10))
	if err != nil {
		return fmt.Errorf("%q is no file of Parquet, or is broken: %w", f.Name, err)
	}
	p := planner{zone: d.zone}
	d.parts, d.places, d.absent, err = p.fields(d.file.Root(), d.columns, "")
	if err != nil {
		return fmt.Errorf("%q: %w", f.Name, err)
	}
	d.leaves = p.leaves
	metadata := d.file.Metadata().RowGroups
	ordered := len(d.file.Metadata().ColumnOrders) > 0 // others are of writers that ordered texts wrongly
	for i, g := range d.file.RowGroups() {
		offset := int64(0)
		if len(metadata[i].Columns) > 0 {
			m := &metadata[i].Columns[0].MetaData
			if offset = m.DataPageOffset; m.DictionaryPageOffset > 0 {
				offset = min(offset, m.DictionaryPageOffset)
			}
		}
		if offset < f.From || offset >= f.To || offset < at.Block {
			continue
		}
		if isBegun := offset == at.Block && at.Rows > 0; isBegun || !ordered || d.wanted(&metadata[i]) {
			d.groups = append(d.groups, group{g, offset})
		}
	}
	if at.Rows == 0 {
		return nil
	}
	if len(d.groups) == 0 || d.groups[0].offset != at.Block || at.Rows > d.groups[0].NumRows() {
		return fmt.Errorf("%q has no row %d at byte %d, where it was read up to before; was it replaced?", f.Name, at.Rows, at.Block)
	}
	if at.Rows == d.groups[0].NumRows() {
		d.rows = at.Rows
		return nil
	}
	return d.pass(at.Rows)
}

// recovered makes an error of a panic: the module has some for files that are broken.
func (d *decoder) recovered(err *error) {
	if x := recover(); x != nil {
		*err = fmt.Errorf("%q is broken: %v", d.name, x)
	}
}

// pass passes over rows of the first group.
func (d *decoder) pass(rows int64) error {
	d.open()
	b := column.NewBatch(&row.Schema{Fields: d.columns})
	d.bind(b.Cols)
	for d.rows < rows {
		n := min(rows-d.rows, 1024)
		if err := d.append(b, int(n)); err != nil {
			return err
		}
		b.Reset()
	}
	return nil
}

// open opens the first group.
func (d *decoder) open() {
	if d.opened {
		return
	}
	d.opened = true
	for _, l := range d.leaves {
		l.open(d.groups[0])
	}
}

func (d *decoder) bind(cols []*column.Vector) {
	if slices.Equal(d.bound, cols) && d.bound != nil {
		return
	}
	d.bound = append(d.bound[:0], cols...)
	for i, n := range d.parts {
		n.bind(cols[d.places[i]])
	}
}

// Decode appends rows of a group.
//
//flott:hot
func (d *decoder) Decode(b *column.Batch, most int) (err error) {
	for len(d.groups) > 0 && d.rows == d.groups[0].NumRows() {
		d.groups, d.opened, d.rows = d.groups[1:], false, 0
	}
	if len(d.groups) == 0 {
		for _, l := range d.leaves {
			l.close()
		}
		return io.EOF
	}
	defer d.recovered(&err)
	d.open()
	d.bind(b.Cols)
	return d.append(b, int(min(int64(most), d.groups[0].NumRows()-d.rows)))
}

// append appends n rows.
func (d *decoder) append(b *column.Batch, n int) error {
	for _, part := range d.parts {
		if err := part.rows(n); err != nil {
			b.Truncate(b.N)
			return fmt.Errorf("%q, rows from %d on of the group at byte %d: %w", d.name, d.rows, d.groups[0].offset, err)
		}
	}
	for _, at := range d.absent {
		b.Cols[at].AppendNulls(n)
	}
	b.N += n
	for range n {
		if b.Kinds != nil {
			b.Kinds = append(b.Kinds, row.Insert)
		}
	}
	d.rows += int64(n)
	return nil
}

// Position is where the next row is.
func (d *decoder) Position() format.Position {
	switch {
	case len(d.groups) == 0:
		return format.Position{Block: d.file.Size()}
	case d.rows == d.groups[0].NumRows() && len(d.groups) > 1:
		return format.Position{Block: d.groups[1].offset}
	}
	return format.Position{Block: d.groups[0].offset, Rows: d.rows}
}
