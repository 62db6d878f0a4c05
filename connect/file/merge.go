package file

import (
	"io"

	columns "github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect/filesystem"
	formats "github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

// merger makes a file of others.
type merger interface {
	// add adds what is in a file.
	add(f filesystem.File, path string, size int64) error
	// end writes the rest.
	end() error
}

// concatenation has one file of records behind the other.
type concatenation struct{ to io.Writer }

func newConcatenation(to io.Writer) (merger, error) { return concatenation{to}, nil }

func (c concatenation) add(f filesystem.File, _ string, _ int64) error {
	_, err := io.Copy(c.to, f)
	return err
}

func (c concatenation) end() error { return nil }

// rewriting decodes and encodes the rows of a format that has files of its own.
type rewriting struct {
	decoder formats.FileDecoder
	encoder formats.FileEncoder
	batch   *columns.Batch
	reads   row.ChangeKinds
	places  []int32
}

// rewriteRows is how many rows are read at a time.
const rewriteRows = 1024

func (r *rewriting) add(f filesystem.File, path string, size int64) error {
	if err := r.decoder.Open(formats.File{ReaderAt: readerAt(f), Name: path, Size: size, To: size}, formats.Position{}); err != nil {
		return err
	}
	for {
		r.batch.Reset()
		if r.reads != row.InsertOnly {
			r.batch.Kinds = []row.ChangeKind{}
		}
		if err := r.decoder.Decode(r.batch, rewriteRows); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		r.places = r.places[:0]
		for i := range r.batch.N {
			r.places = append(r.places, int32(i))
		}
		if err := r.encoder.Encode(r.batch, r.places); err != nil {
			return err
		}
	}
}

func (r *rewriting) end() error { return r.encoder.Close() }
