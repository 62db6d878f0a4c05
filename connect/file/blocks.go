package file

import (
	"errors"
	"fmt"
	"io"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/filesystem"
	formats "github.com/flott-dev/flott/format"
)

// blockReader reads files of a format that has files of its own.
type blockReader struct {
	scanReader
	decoder formats.FileDecoder
}

// Poll decodes rows of one split.
//
//flott:hot
func (r *blockReader) Poll(out *connect.ColumnOutput) (connect.Status, error) {
	if status, ok, err := r.begin(out); !ok {
		return status, err
	}
	if r.in == nil {
		if err := r.openBlocks(); err != nil {
			return connect.More, err
		}
	}
	s, room := &r.splits[0], out.Room()
	if room == 0 {
		return connect.More, nil
	}
	rows, left := r.read, s.left(r.in)
	r.look(out.Batch)
	if err := r.decoder.Decode(r.view, room); err == io.EOF {
		status, _, err := r.end(out)
		return status, err
	} else if err != nil {
		return connect.More, fmt.Errorf("file: %w", err)
	}
	r.added(out.Batch)
	at := r.decoder.Position()
	s.pos, s.rows, s.begun = at.Block, at.Rows, true
	r.reads(int(r.read-rows), left)
	return connect.More, nil
}

// openBlocks opens the file of the first split.
func (r *blockReader) openBlocks() error {
	s := &r.splits[0]
	if compressed(s.path) {
		return fmt.Errorf("file: %q: files of the format '%s' are not compressed as a whole; decompress it, and rename it", s.path, r.s.format.Name)
	}
	if err := r.s.constantsOf(r.ctx.Context, s.path, r.values); err != nil {
		return err
	}
	f, err := r.cfg.files.Open(r.ctx.Context, s.path)
	if err != nil {
		return openError(s.path, err)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("file: %w", err), f.Close())
	}
	r.in = &content{close: f.Close, stored: &counted{File: f}}
	file := formats.File{ReaderAt: readerAt(f), Name: s.path, Size: info.Size(), From: s.from, To: s.to}
	var at formats.Position
	if s.begun {
		at = formats.Position{Block: s.pos, Rows: s.rows}
	}
	if err := r.decoder.Open(file, at); err != nil {
		return fmt.Errorf("file: %w", err)
	}
	return nil
}

// readerAt is a file that is read at any place.
func readerAt(f filesystem.File) io.ReaderAt {
	if r, ok := f.(io.ReaderAt); ok {
		return r
	}
	return seeker{f}
}

type seeker struct{ filesystem.File }

// ReadAt reads at an offset.
func (s seeker) ReadAt(p []byte, offset int64) (int, error) {
	if _, err := s.Seek(offset, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(s.File, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}
