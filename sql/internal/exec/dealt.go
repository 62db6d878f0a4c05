package exec

import (
	"io"
	"os"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/spill"
	"github.com/flott-dev/flott/row"
)

const (
	// dealtBits is the binary logarithm of the number of files that rows are dealt out to.
	dealtBits  = 4
	dealtParts = 1 << dealtBits
	// dealtBytes is the memory of a file's batch.
	dealtBytes = 64 << 10
)

// dealt is rows on disk, dealt out to files by the hashes of their keys, so that one file after the other can be worked
// on in memory. What is too large still is dealt out again, by other bits: those of the next level.
type dealt struct {
	task  *operator.Context
	pool  *batch.ColumnPool
	level int
	rows  int
	parts [dealtParts]dealtPart
	// places are those of rows to be added, by their file.
	places [dealtParts][]int32
	piece  []byte
}

// dealtPart is the rows of a file.
type dealtPart struct {
	open  *batch.Columns // what is not written yet
	w     *spill.Writer
	name  string // of the file, when it is complete
	rows  int
	bytes int64 // in memory
}

func newDealt(ctx *operator.Context, pool *batch.ColumnPool, level int) *dealt {
	return &dealt{task: ctx, pool: pool, level: level}
}

// poolOf makes batches of rows on disk.
func poolOf(fields []row.Field) *batch.ColumnPool {
	return batch.NewColumnPool(plainRow(fields), 0)
}

func plainRow(fields []row.Field) *row.Schema {
	s := &row.Schema{}
	for i, t := range types(fields) {
		s.Fields = append(s.Fields, row.Field{Name: fields[i].Name, Type: t})
	}
	return s
}

func (d *dealt) check(err error) {
	if err != nil {
		d.task.Fail(err, nil)
	}
}

// add adds rows of a batch. The hashes of their keys are by place.
func (d *dealt) add(b *batch.Columns, places []int32, hashes []uint64) {
	d.rows += len(places)
	for i := range d.places {
		d.places[i] = d.places[i][:0]
	}
	for _, p := range places {
		i := codec.HashWord(hashes[p]+uint64(d.level)) >> (64 - dealtBits)
		d.places[i] = append(d.places[i], p)
	}
	for i := range d.parts {
		for at := 0; at < len(d.places[i]); {
			part := &d.parts[i]
			if part.open == nil {
				part.open = d.pool.Get()
			}
			end := min(len(d.places[i]), at+part.open.Room())
			part.open.AppendRows(b, d.places[i][at:end])
			part.rows += end - at
			if at = end; part.open.Room() == 0 || part.open.Bytes() >= dealtBytes {
				d.flush(part)
			}
		}
	}
}

// flush writes what is open of a part.
func (d *dealt) flush(p *dealtPart) {
	if p.w == nil {
		var err error
		p.w, err = d.task.Temp.Create()
		d.check(err)
	}
	p.bytes += int64(p.open.Bytes())
	d.piece = spill.AppendColumns(d.piece[:0], p.open)
	p.open.Release()
	p.open = nil
	d.check(p.w.Put(d.piece))
}

// end ends adding.
func (d *dealt) end() {
	for i := range d.parts {
		p := &d.parts[i]
		if p.open != nil {
			d.flush(p)
		}
		if p.w != nil {
			name, err := p.w.Finish()
			p.w = nil
			d.check(err)
			p.name = name
		}
	}
}

// close removes the files that are left.
func (d *dealt) close() {
	for i := range d.parts {
		p := &d.parts[i]
		if p.w != nil {
			p.w.Close()
		}
		if p.name != "" {
			os.Remove(p.name)
		}
		d.parts[i] = dealtPart{}
	}
}

// each calls f for the batches of a part, which are f's, and removes the file.
func (d *dealt) each(part int, f func(b *batch.Columns)) {
	d.read(part, f)
	d.drop(part)
}

// drop removes the file of a part.
func (d *dealt) drop(part int) {
	if p := &d.parts[part]; p.name != "" {
		os.Remove(p.name)
		*p = dealtPart{}
	}
}

// read is each that leaves the file.
func (d *dealt) read(part int, f func(b *batch.Columns)) {
	p := &d.parts[part]
	if p.name == "" {
		return
	}
	r, err := spill.Open(p.name)
	d.check(err)
	defer r.Leave()
	for {
		if d.piece, err = r.Next(d.piece); err == io.EOF {
			return
		}
		d.check(err)
		b := d.pool.Get()
		d.check(spill.DecodeColumns(b, d.piece))
		f(b)
	}
}
