package file

import (
	"errors"
	"fmt"
	"io"

	columns "github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect/filesystem"
	formats "github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

// Merger makes a part file of others, which all were written by one kind of encoder. Its methods are called on one
// goroutine; there may be several mergers at a time.
type Merger interface {
	// Add adds what is in a file, from its beginning. bytes is its length; path is for errors. The file is closed after the call.
	Add(f filesystem.File, path string, bytes int64) error
	// Close writes the rest. It does not close the io.Writer.
	Close() error
}

// mergeable reports whether files of the encoder can be merged.
func (e *Encoder[T]) mergeable() bool { return e.Merge != nil || e.Bulk == nil }

func (e *Encoder[T]) newMerger(to io.Writer) (Merger, error) {
	switch {
	case e.Merge != nil:
		return e.Merge(to)
	case e.Bulk == nil:
		return &concatenation{to: to, header: e.Header}, nil
	}
	return nil, errors.New("the encoder is a bulk one without Merge: set it")
}

// concatenation has one file behind the other, with one header.
type concatenation struct {
	to     io.Writer
	header []byte
	begun  bool
}

// newCopy copies files as they are.
func newCopy(to io.Writer) (Merger, error) { return &concatenation{to: to}, nil }

func (c *concatenation) Add(f filesystem.File, _ string, _ int64) error { return c.add(f) }

func (c *concatenation) add(r io.Reader) error {
	begin := make([]byte, len(c.header))
	if n, err := io.ReadFull(r, begin); err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	} else if string(begin[:n]) != string(c.header) {
		return fmt.Errorf("it begins with %q and not with the header of the encoder, %q: let the encoder that has written it go on "+
			"from the checkpoint, and stop with a savepoint", begin[:n], c.header)
	}
	if !c.begun {
		c.begun = true
		if _, err := c.to.Write(c.header); err != nil {
			return err
		}
	}
	_, err := io.Copy(c.to, r)
	return err
}

func (c *concatenation) Close() error { return nil }

// recompression is a concatenation of what files hold that are compressed, and compresses it.
type recompression struct {
	concatenation
	read func(r io.Reader) (io.ReadCloser, error)
	z    io.WriteCloser
}

func (c *recompression) Add(f filesystem.File, _ string, _ int64) error {
	r, err := c.read(f)
	if err != nil {
		return err
	}
	defer r.Close()
	return c.add(r)
}

func (c *recompression) Close() error { return c.z.Close() }

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

func (r *rewriting) Add(f filesystem.File, path string, size int64) error {
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

func (r *rewriting) Close() error { return r.encoder.Close() }
