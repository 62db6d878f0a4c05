package file

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/filesystem"
)

// DefaultSuccessFile is the default of PartitionCommit.SuccessFile.
const DefaultSuccessFile = "_SUCCESS"

// PartitionCommit says when partitions are complete, and what is done with them then: the buckets of a sink, or its
// directory if it has none. A partition is committed when a checkpoint is complete that has files of it and it is due, at the
// latest at the end of the input; and again, whenever files come later. The zero value commits with each
// checkpoint.
type PartitionCommit struct {
	// Time is the event time that the name of a bucket says: the partition is due when the watermark is above it by
	// more than Delay. BucketTime makes one for the buckets of ByTime. An error fails the job. Several goroutines
	// call it. Nil has the clock count: the partition is due when more than Delay has passed since its first file was
	// begun.
	Time func(bucket string) (time.Time, error)
	// Delay is how long a partition is not due yet, for buckets of an hour that the watermark is to pass an
	// hour. Zero is no delay.
	Delay time.Duration
	// Do is called with a partition that is due, before it gets its file. It is called again after a failure, and must
	// then do no harm; an error fails the job, as what a checkpoint has to commit is always committed. Nil does
	// nothing.
	Do func(ctx context.Context, p Partition) error
	// SuccessFile is the name of the empty file that a partition gets at last. Empty means DefaultSuccessFile.
	SuccessFile string
	// NoSuccessFile has partitions get no such file.
	NoSuccessFile bool
}

// Partition is a partition that is committed. All files that belong to it are visible.
type Partition struct {
	// Bucket is its name, as SinkOptions.Bucket gave it; empty for the sink's directory itself.
	Bucket string
	// Path is its directory.
	Path string
	// Files is what that is in.
	Files filesystem.FileSystem
}

func (p PartitionCommit) withDefaults() PartitionCommit {
	if p.SuccessFile == "" {
		p.SuccessFile = DefaultSuccessFile
	}
	return p
}

func (p *PartitionCommit) validate() (err error) {
	if p == nil {
		return nil
	}
	if p.Delay < 0 {
		err = fmt.Errorf("file: PartitionCommit.Delay is %v, want 0 or more", p.Delay)
	}
	if filepath.Base(p.SuccessFile) != p.SuccessFile {
		err = errors.Join(err, fmt.Errorf("file: PartitionCommit.SuccessFile is %q, want the name of a file", p.SuccessFile))
	}
	if p.NoSuccessFile && p.Do == nil {
		err = errors.Join(err, errors.New("file: PartitionCommit does nothing: it has NoSuccessFile, so set Do"))
	}
	return err
}

// BucketTime is a PartitionCommit.Time for the buckets of ByTime with the same layout. That of records without a time is due
// whenever the watermark rises.
func BucketTime(layout string) func(bucket string) (time.Time, error) {
	return func(bucket string) (time.Time, error) {
		if bucket == undated {
			return time.Time{}, nil
		}
		return time.Parse(layout, bucket)
	}
}

// Partitions are committed when the files that belong to them are visible. So one committer makes the files of all
// subtasks visible, and commits the partitions that are due then:
//
//	writer ── file, since when its partition has files ──╮
//	writer ── file, since when its partition has files ──┼──▶ files visible ──▶ pending ──▶ due? ──▶ _SUCCESS
//	writer ── the watermark ─────────────────────────────╯
//
// A writer ends the file of a partition that is due by its own clock and watermark, which are not behind those of the
// committer. A file that is ended later has its partition committed again.

// due reports whether a partition that has files since a time may be committed. Times are in milliseconds.
func (p *PartitionCommit) due(bucket string, since, now, watermark int64) (bool, error) {
	if p.Time == nil {
		return p.Delay == 0 || now > since+p.Delay.Milliseconds(), nil
	}
	if watermark == math.MinInt64 {
		return false, nil
	}
	t, err := p.timeOf(bucket)
	return err == nil && watermark > t.UnixMilli()+p.Delay.Milliseconds(), err
}

// timeOf is the time that the name of a bucket says.
func (p *PartitionCommit) timeOf(bucket string) (time.Time, error) {
	t, err := p.Time(filepath.ToSlash(bucket))
	if err != nil {
		return t, fmt.Errorf("file: the time of the partition %q: %w", bucket, err)
	}
	return t, nil
}

// commitPartition does what is to be done with a partition, and puts the file into it that says that it is complete, anew if
// there is one: its time counts.
func (c *partitionCommitter) commitPartition(bucket string) (err error) {
	in := c.inner
	if c.commit.Do != nil {
		err = c.commit.Do(in.ctx, Partition{filepath.ToSlash(bucket), filesystem.Join(in.dir, bucket), in.files})
	}
	if err == nil && !c.commit.NoSuccessFile {
		err = in.mark(bucket, c.commit.SuccessFile)
	}
	if err != nil {
		return fmt.Errorf("file: commit the partition %q: %w", bucket, err)
	}
	return nil
}

// mark puts an empty file into a partition.
func (c *committer) mark(bucket, success string) error {
	name := filepath.Join(bucket, success)
	err := c.files.MkdirAll(c.ctx, c.dir, bucket)
	if err == nil {
		err = c.files.Remove(c.ctx, filesystem.Join(c.dir, name))
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = c.put(name, "."+success+"."+newOrigin())
	}
	return err
}

// put makes an empty file.
func (c *committer) put(name, hidden string) error {
	w, err := c.files.Create(c.ctx, c.dir, name, hidden)
	if err != nil {
		return err
	}
	file, err := w.Finish()
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	return c.files.Commit(c.ctx, c.dir, []filesystem.Pending{file})
}

// begun begins the committable of since when a partition has files, as deletion that of a file to delete.
const begun = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"

func encodeBegun(bucket string, since int64) []byte {
	return append(binary.AppendVarint([]byte(begun), since), bucket...)
}

func decodeBegun(b []byte) (bucket string, since int64, ok bool) {
	text, ok := strings.CutPrefix(string(b), begun)
	if !ok {
		return "", 0, false
	}
	since, n := binary.Varint([]byte(text))
	if n <= 0 {
		return "", 0, false
	}
	bucket = text[n:]
	return bucket, since, bucket == "" || filepath.IsLocal(bucket)
}

// partitionClock is what a writer knows of the times of its partitions.
type partitionClock struct {
	*PartitionCommit
	since     map[string]int64 // of buckets with files that are not handed out yet
	watermark int64
}

// note notes since when a partition has files.
func (c *partitionClock) note(bucket string, now time.Time) {
	if _, ok := c.since[bucket]; !ok {
		c.since[bucket] = now.UnixMilli()
	}
}

// Watermark notes the event time.
func (w *writer[T]) Watermark(millis int64) {
	if w.clock != nil {
		w.clock.watermark = millis
	}
}

// endDue ends the files of partitions that are due, so that these can be committed with them.
func (w *writer[T]) endDue() error {
	for _, part := range w.parts() {
		due, err := w.clock.due(part.bucket, w.clock.since[part.bucket], w.ctx.Now().UnixMilli(), w.clock.watermark)
		if err == nil && due {
			err = w.end(part)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// begun are the committables of the partitions that files belong to.
func (w *writer[T]) begun(parts []*part) (out [][]byte) {
	done := map[string]bool{}
	for _, p := range parts {
		bucket := bucketOf(p.name)
		w.clock.note(bucket, w.ctx.Now()) // a file of a snapshot of a time when partitions were not committed
		if !done[bucket] {
			out, done[bucket] = append(out, encodeBegun(bucket, w.clock.since[bucket])), true
		}
	}
	for bucket := range done {
		if w.open[bucket] == nil {
			delete(w.clock.since, bucket)
		}
	}
	return out
}

// snapshot is since when partitions have files, to stand before the state of the files; nil if there are none, or no clock.
func (c *partitionClock) snapshot() []byte {
	if c == nil || len(c.since) == 0 {
		return nil
	}
	b := []byte(begun)
	for _, bucket := range slices.Sorted(maps.Keys(c.since)) {
		b = appendItem(b, encodeBegun(bucket, c.since[bucket]))
	}
	return appendItem(b, nil)
}

// cutSince takes off what snapshot has put before the state of the files, and notes it in since.
func cutSince(state []byte, since map[string]int64) ([]byte, error) {
	rest, ok := bytes.CutPrefix(state, []byte(begun))
	if !ok {
		return state, nil
	}
	for {
		size, n := binary.Uvarint(rest)
		if n <= 0 || size > uint64(len(rest)-n) {
			return nil, errors.New("file: the sink's state is cut off")
		}
		item := rest[n : n+int(size)]
		if rest = rest[n+int(size):]; size == 0 {
			return rest, nil
		}
		bucket, at, ok := decodeBegun(item)
		if !ok {
			return nil, errors.New("file: a partition in the sink's state is broken")
		}
		if before, ok := since[bucket]; !ok || at < before {
			since[bucket] = at
		}
	}
}

func appendItem(b, item []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(item))), item...)
}

// bucketOf is the directory of a file, below the sink's.
func bucketOf(target string) string {
	if dir := filepath.Dir(target); dir != "." {
		return dir
	}
	return ""
}

// partitionCommitter makes files visible and commits partitions.
type partitionCommitter struct {
	connect.Committer // of files
	inner             *committer
	commit            *PartitionCommit // nil if partitions are not committed
	otherwise         func() (bucket string, ok bool)
	now               func() time.Time
	pending           map[string]int64 // since when partitions have files
}

// Commit makes files visible, and then commits the partitions that are due.
func (c *partitionCommitter) Commit(p *connect.Prepared) error {
	var files [][]byte
	begun := map[string]int64{}
	for _, b := range p.Committables {
		bucket, since, ok := decodeBegun(b)
		if !ok {
			files = append(files, b)
			continue
		}
		if before, ok := begun[bucket]; !ok || since < before {
			begun[bucket] = since
		}
	}
	if err := c.Committer.Commit(files); err != nil || c.commit == nil {
		return err
	}
	c.add(begun)
	if c.otherwise != nil && p.End && len(c.pending) == 0 {
		if bucket, ok := c.otherwise(); ok {
			c.pending[bucket] = 0
		}
	}
	for _, bucket := range slices.Sorted(maps.Keys(c.pending)) {
		due, err := p.End, error(nil)
		if !due {
			due, err = c.commit.due(bucket, c.pending[bucket], c.now().UnixMilli(), p.Watermark)
		}
		if err == nil && due {
			err = c.commitPartition(bucket)
			delete(c.pending, bucket)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *partitionCommitter) add(begun map[string]int64) {
	for bucket, since := range begun {
		if before, ok := c.pending[bucket]; !ok || since < before {
			c.pending[bucket] = since
		}
	}
}

// Snapshot is the pending partitions.
func (c *partitionCommitter) Snapshot() ([]byte, error) {
	var b []byte
	for _, bucket := range slices.Sorted(maps.Keys(c.pending)) {
		b = binary.AppendUvarint(b, uint64(len(bucket)))
		b = binary.AppendVarint(append(b, bucket...), c.pending[bucket])
	}
	return b, nil
}

func (c *partitionCommitter) restore(b []byte) error {
	for len(b) > 0 {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return errors.New("file: the partitions in the sink's state are cut off")
		}
		bucket := string(b[n : n+int(size)])
		b = b[n+int(size):]
		since, m := binary.Varint(b)
		if m <= 0 || bucket != "" && !filepath.IsLocal(bucket) {
			return errors.New("file: the partitions in the sink's state are broken")
		}
		c.pending[bucket], b = since, b[m:]
	}
	return nil
}
