package file

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
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
	// visible when it is complete. Bulk encoders always do that, and Compact does.
	RollOnCheckpoint bool
	// Compact merges the files of all subtasks and a checkpoint, in each bucket, before they become
	// visible. Nil leaves them as they are.
	Compact *Compaction
	// PartitionCommit says of buckets that they are complete: partitions, as tables call them. Nil says
	// nothing.
	PartitionCommit *PartitionCommit
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
	if o.Compact != nil {
		c := o.Compact.withDefaults(o.PartBytes)
		o.Compact, o.RollOnCheckpoint = &c, o.RollOnCheckpoint || !c.Disabled
	}
	if o.PartitionCommit != nil {
		c := o.PartitionCommit.withDefaults()
		o.PartitionCommit = &c
	}
	return o
}

func (s *sink[T]) validate() error {
	errs := []error{s.enc.err, s.o.Compact.validate(), s.o.PartitionCommit.validate()}
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
	if s.merges() && !s.enc.mergeable() {
		errs = append(errs, errors.New("file: Compact has to merge files, and the encoder is a bulk one without Merge, which "+
			"says how: set it, or leave Compact out"))
	}
	return errors.Join(errs...)
}

func (s *sink[T]) suffix() string { return s.o.Suffix + s.enc.Suffix }

const undated = "undated"

// ByTime is a SinkOptions.Bucket of event times, in UTC, in a layout of package time, like
// "2006-01-02" or "2006/01/02/15". Records without a time go to "undated".
func ByTime[T any](layout string) func(v *T, eventTime time.Time) string {
	return func(_ *T, at time.Time) string {
		if at.IsZero() {
			return undated
		}
		return at.UTC().Format(layout)
	}
}

// Sink writes records to part files in a directory: part-<subtask>-<number>, and the suffix. A file
// is written under a hidden name and is renamed when the checkpoint that contains its end is
// complete, or at the end of a bounded job, so that each record is in the visible files once. Files
// are ended by size, age, inactivity and, where that is asked for or the encoder is a bulk one, by
// each checkpoint; a job without checkpoints shows its files at its end only. In an object store a file is an upload, and its
// name has a random part besides, as have those of files that are merged (Compact), which are called
// compacted-part-<subtask>-<number>-<random>.
//
// A file that was open in a snapshot is cut to its length then when the job is restored, and ended.
// Hidden files of other runs are never deleted, since a snapshot may need them: one whose run is
// gone for good can be deleted by hand. A snapshot that is older than visible files cannot be
// restored, as what they hold would be written twice.
func Sink[T any](dir string, enc Encoder[T], o SinkOptions[T]) connect.Sink[T] {
	s := &sink[T]{dir: dir, enc: enc, o: o.withDefaults(), open: filesystem.For}
	if s.isGlobal() {
		return &globalSink[T]{s}
	}
	return s
}

type sink[T any] struct {
	dir string
	enc Encoder[T]
	o   SinkOptions[T]
	// otherwise names a partition that is committed at the end of the input if no other is to be; nil names none.
	otherwise func() (bucket string, ok bool)
	// open returns the file system of the directory.
	open func(dir string) (filesystem.FileSystem, error)
}

// isGlobal reports whether one committer is needed for all subtasks.
func (s *sink[T]) isGlobal() bool { return s.o.Compact != nil || s.o.PartitionCommit != nil }

// merges reports whether files get hidden names, under which they are committed first, and are merged then.
func (s *sink[T]) merges() bool { return s.o.Compact != nil && !s.o.Compact.Disabled }

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
	if w.uploads || s.merges() {
		w.origin = newOrigin()
	}
	since := map[string]int64{}
	for _, state := range states {
		if state, err = cutSince(state, since); err == nil {
			err = w.restore(state)
		}
		if err != nil {
			return nil, err
		}
	}
	if s.o.PartitionCommit != nil {
		w.clock = &partitionClock{s.o.PartitionCommit, since, math.MinInt64}
	}
	return w, nil
}

// Committer makes prepared files visible.
func (s *sink[T]) Committer(ctx connect.WriterContext) (connect.Committer, error) {
	c, err := s.committer(ctx)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (s *sink[T]) committer(ctx connect.WriterContext) (*committer, error) {
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

// globalSink is a sink with one committer for all subtasks.
type globalSink[T any] struct{ *sink[T] }

// GlobalCommitter makes the committer.
func (s *globalSink[T]) GlobalCommitter(ctx connect.WriterContext, state []byte) (connect.GlobalCommitter, error) {
	c, err := s.globalCommitter(ctx, state)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// globalCommitter merges also if Compact is nil: what was to be merged before a restore is.
func (s *sink[T]) globalCommitter(ctx connect.WriterContext, state []byte) (*partitionCommitter, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	inner, err := s.committer(ctx)
	if err != nil {
		return nil, err
	}
	files := &compactor{inner, runtime.GOMAXPROCS(0), s.enc.newMerger}
	if c := s.o.Compact; c != nil {
		files.parallelism = c.Parallelism
	}
	c := &partitionCommitter{
		Committer: files, inner: inner, commit: s.o.PartitionCommit, otherwise: s.otherwise, now: ctx.Now, pending: map[string]int64{},
	}
	if err := c.restore(state); err != nil {
		return nil, err
	}
	return c, nil
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
