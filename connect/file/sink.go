package file

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/flott-dev/flott/connect"
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
// each checkpoint; a job without checkpoints shows its files at its end only.
//
// A file that was open in a snapshot is cut to its length then when the job is restored, and ended.
// Hidden files of other runs are never deleted, since a snapshot may need them: one whose run is
// gone for good can be deleted by hand. A snapshot that is older than visible files cannot be
// restored, as what they hold would be written twice.
func Sink[T any](dir string, enc Encoder[T], o SinkOptions[T]) connect.Sink[T] {
	return &sink[T]{dir: dir, enc: enc, o: o.withDefaults(), disk: osSinkDisk}
}

type sink[T any] struct {
	dir  string
	enc  Encoder[T]
	o    SinkOptions[T]
	disk sinkDisk
}

// sinkDisk is where part files are made; tests put faults into it.
type sinkDisk struct {
	create func(path string) (sinkFile, error)
	rename func(from, to string) error
}

type sinkFile interface {
	Write(b []byte) (int, error)
	Sync() error
	Close() error
}

var osSinkDisk = sinkDisk{
	create: func(path string) (sinkFile, error) {
		return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	},
	rename: os.Rename,
}

// Writer makes the writer of a subtask and takes up the files that were open in a snapshot.
func (s *sink[T]) Writer(ctx connect.WriterContext, states [][]byte) (connect.Writer[T], error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	w := &writer[T]{
		sink: s, ctx: ctx, buckets: map[string]bool{}, open: map[string]*openPart[T]{},
	}
	for _, state := range states {
		if err := w.restore(state); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Committer renames prepared files.
func (s *sink[T]) Committer(connect.WriterContext) (connect.Committer, error) {
	return &committer{dir: s.dir, disk: s.disk}, nil
}

type committer struct {
	dir  string
	disk sinkDisk
}

// Commit renames files that are not renamed yet.
func (c *committer) Commit(committables [][]byte) error {
	dirs := map[string]bool{}
	for _, b := range committables {
		p, _, err := decodePart(b)
		if err != nil {
			return err
		}
		if err := c.commit(p); err != nil {
			return err
		}
		dirs[filepath.Dir(filepath.Join(c.dir, p.target))] = true
	}
	for d := range dirs {
		if err := syncDir(d); err != nil {
			return err
		}
	}
	return nil
}

func (c *committer) commit(p part) error {
	hidden, target := filepath.Join(c.dir, p.hidden), filepath.Join(c.dir, p.target)
	_, hiddenErr := os.Lstat(hidden)
	_, targetErr := os.Lstat(target)
	switch {
	case hiddenErr == nil && targetErr == nil:
		return fmt.Errorf("file: cannot commit %q as %q: a file of that name exists, which another "+
			"program or job has written; move it away", hidden, target)
	case hiddenErr == nil:
		if err := c.disk.rename(hidden, target); err != nil {
			return fmt.Errorf("file: commit: %w", err)
		}
		return nil
	case targetErr == nil: // committed before
		return nil
	}
	return fmt.Errorf("file: cannot commit %q: neither it nor %q exists; was it deleted?", hidden,
		target)
}

func (c *committer) Close() error { return nil }

func syncDir(path string) error {
	d, err := os.Open(path)
	if err == nil {
		err = d.Sync()
		if closeErr := d.Close(); err == nil {
			err = closeErr
		}
	}
	if err != nil {
		return fmt.Errorf("file: make the names in %q durable: %w", path, err)
	}
	return nil
}
