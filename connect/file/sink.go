package file

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/filesystem"
)

// The defaults of SinkOptions.
const (
	DefaultPartBytes  = 128 << 20
	DefaultRollover   = time.Minute
	DefaultInactivity = time.Minute
)

// SinkOptions say how a sink's part files are cut and named. The zero value is useful.
type SinkOptions[T any] struct {
	// PartBytes is the length from which on a part file is ended. Zero means DefaultPartBytes.
	PartBytes int64
	// Rollover is the age at which a part file is ended. Zero means DefaultRollover, a negative
	// duration never.
	Rollover time.Duration
	// Inactivity ends a part file that was not written for so long. Zero means DefaultInactivity, a
	// negative duration never.
	Inactivity time.Duration
	// Bucket names the directory, below the sink's, for a record; the event time is zero where a
	// record has none. Several goroutines call it. Nil puts all files in the sink's directory.
	Bucket func(v *T, eventTime time.Time) string
	// Suffix ends the names of part files, like ".csv", before that of the encoder. By default they
	// have none.
	Suffix string
	// RollOnCheckpoint ends all part files at each checkpoint, so that what a checkpoint contains is
	// visible when it is complete. Bulk encoders always do that.
	RollOnCheckpoint bool
}

func (o SinkOptions[T]) withDefaults() SinkOptions[T] {
	if o.PartBytes == 0 {
		o.PartBytes = DefaultPartBytes
	}
	if o.Rollover == 0 {
		o.Rollover = DefaultRollover
	}
	if o.Inactivity == 0 {
		o.Inactivity = DefaultInactivity
	}
	return o
}

func (s *sink[T]) validate() error {
	var errs []error
	if s.dir == "" {
		errs = append(errs, errors.New("file: the sink's directory is empty"))
	} else if _, err := filesystem.Parse(s.dir); err != nil {
		errs = append(errs, fmt.Errorf("file: %w", err))
	}
	if s.enc.Append == nil && s.enc.Bulk == nil {
		errs = append(errs, errors.New("file: the sink's encoder is empty; use file.EncodeLines or "+
			"another of its kind"))
	}
	if s.o.PartBytes < 0 {
		errs = append(errs, fmt.Errorf("file: PartBytes is %d, want 0 (the default) or more",
			s.o.PartBytes))
	}
	if x := s.suffix(); filepath.Base(x) != x && x != "" {
		errs = append(errs, fmt.Errorf("file: Suffix is %q, want the end of a file's name", x))
	}
	return errors.Join(append(errs, s.enc.err)...)
}

func (s *sink[T]) suffix() string { return s.o.Suffix + s.enc.Suffix }

// ByTime is a SinkOptions.Bucket of event times, in UTC, in a layout of package time, like
// "2006-01-02" or "2006/01/02/15". Records without a time go to "undated".
func ByTime[T any](layout string) func(v *T, eventTime time.Time) string {
	return func(_ *T, at time.Time) string {
		if at.IsZero() {
			return "undated"
		}
		return at.UTC().Format(layout)
	}
}

// Sink writes records to part files in a directory: part-<subtask>-<number>, and the suffix. A file
// is written under a hidden name and is renamed when the checkpoint that contains its end is
// complete, or at the end of a bounded job, so that each record is in the visible files once. Files
// are ended by size, age, inactivity and, where that is asked for or the encoder is a bulk one, by
// each checkpoint; a job without checkpoints shows its files at its end only. In an object store a file is an upload, and its
// name has a random part besides.
//
// A file that was open in a snapshot is cut to its length then when the job is restored, and ended.
// Hidden files of other runs are never deleted, since a snapshot may need them: one whose run is
// gone for good can be deleted by hand. A snapshot that is older than visible files cannot be
// restored, as what they hold would be written twice.
func Sink[T any](dir string, enc Encoder[T], o SinkOptions[T]) connect.Sink[T] {
	return &sink[T]{dir: dir, enc: enc, o: o.withDefaults(), open: filesystem.For}
}

type sink[T any] struct {
	dir string
	enc Encoder[T]
	o   SinkOptions[T]
	// isCompacted has parts be committed under hidden names, to be merged by a compactor.
	isCompacted bool
	// open returns the file system of the directory.
	open func(dir string) (filesystem.FileSystem, error)
}

// Writer makes the writer of a subtask and takes up the files that were open in a snapshot.
func (s *sink[T]) Writer(ctx connect.WriterContext, states [][]byte) (connect.Writer[T], error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	dir, files, err := s.place()
	if err != nil {
		return nil, err
	}
	w := &writer[T]{
		sink: s, ctx: ctx, dir: dir, files: files, buckets: map[string]bool{}, open: map[string]*openPart[T]{},
	}
	_, w.uploads = files.(filesystem.Uploader)
	if w.uploads || s.isCompacted {
		w.origin = newOrigin()
	}
	for _, state := range states {
		if err := w.restore(state); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Committer makes prepared files visible.
func (s *sink[T]) Committer(ctx connect.WriterContext) (connect.Committer, error) {
	dir, files, err := s.place()
	if err != nil {
		return nil, err
	}
	return &committer{ctx: ctx.Context, dir: dir, files: files}, nil
}

// place is the directory, and the file system that it is in.
func (s *sink[T]) place() (dir string, files filesystem.FileSystem, err error) {
	if dir, err = filesystem.Parse(s.dir); err == nil {
		files, err = s.open(dir)
	}
	if err != nil {
		return "", nil, fmt.Errorf("file: %w", err)
	}
	return dir, files, nil
}

type committer struct {
	ctx   context.Context
	dir   string
	files filesystem.FileSystem
}

// Commit makes files visible that are not yet.
func (c *committer) Commit(committables [][]byte) error {
	var files []filesystem.Pending
	for _, b := range committables {
		p, _, err := decodePending(b)
		if err == nil && p.Name == "" {
			err = fmt.Errorf("file: a committable of the sink is broken: % x", b)
		}
		if err != nil {
			return err
		}
		files = append(files, p)
	}
	return c.commit(files)
}

func (c *committer) commit(files []filesystem.Pending) error {
	if err := c.files.Commit(c.ctx, c.dir, files); err != nil {
		return fmt.Errorf("file: %w", err)
	}
	return nil
}

func (c *committer) Close() error { return nil }
