package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/flott-dev/flott/connect/filesystem"
)

func compressed(path string) bool {
	return strings.HasSuffix(path, ".gz") || strings.HasSuffix(path, ".zst")
}

// content is what a file holds, decompressed.
type content struct {
	io.Reader
	close  func() error
	stored *counted // what it is read from
}

func (s *content) Close() error { return s.close() }

// disk is what the files of a source are on, as one reader sees it.
type disk struct {
	files filesystem.Files
	ctx   context.Context
}

// openAt opens a file at an offset of its decompressed content.
func (d disk) openAt(path string, offset int64) (*content, error) {
	f, err := d.files.Open(d.ctx, path)
	if err != nil {
		return nil, openError(path, err)
	}
	s, err := contentAt(&counted{File: f}, path, offset)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return s, nil
}

func contentAt(f *counted, path string, offset int64) (*content, error) {
	if !compressed(path) {
		info, err := f.Stat()
		if err != nil {
			return nil, fmt.Errorf("file: %w", err)
		}
		if info.Size() < offset {
			return nil, fmt.Errorf("file: %q has %d bytes, but was read up to %d before; it was "+
				"truncated or replaced: put the old content back", path, info.Size(), offset)
		}
		if _, err := f.Seek(offset, io.SeekStart); err != nil {
			return nil, fmt.Errorf("file: seek in %q: %w", path, err)
		}
		return &content{f, f.Close, f}, nil
	}
	s, err := decompress(f, path)
	if err != nil {
		return nil, readError(path, 0, err)
	}
	if n, err := io.CopyN(io.Discard, s, offset); err != nil {
		return nil, errors.Join(fmt.Errorf("file: skip to byte %d of the content of %q, at %d: %w",
			offset, path, n, err), s.Close())
	}
	return s, nil
}

func decompress(f *counted, path string) (*content, error) {
	read := unzstd
	if strings.HasSuffix(path, ".gz") {
		read = gunzip
	}
	z, err := read(f)
	if err != nil {
		return nil, err
	}
	return &content{z, func() error {
		_ = z.Close() // only tells the last error of Read again
		return f.Close()
	}, f}, nil
}

func gunzip(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }

func unzstd(r io.Reader) (io.ReadCloser, error) {
	// With a concurrency of one the decoder works inside Read, without goroutines.
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	return z.IOReadCloser(), nil
}

func openError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("file: %q was listed, but is gone now; keep input files in place until "+
			"the job has read them: %w", path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("file: %q may not be read; give the job's user the permission: %w", path, err)
	}
	return fmt.Errorf("file: open %q: %w", path, err)
}

func readError(path string, offset int64, err error) error {
	if compressed(path) {
		return fmt.Errorf("file: read %q, at byte %d of its decompressed content: %w", path, offset, err)
	}
	return fmt.Errorf("file: read %q at byte %d: %w", path, offset, err)
}
