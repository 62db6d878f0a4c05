package file

import (
	"bytes"
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
func (p *partitionCommit) due(bucket string, since, now, watermark int64) (bool, error) {
	if !p.byTime {
		return p.delay == 0 || now > since+p.delay.Milliseconds(), nil
	}
	if watermark == math.MinInt64 {
		return false, nil
	}
	t, err := p.timeOf(bucket)
	return err == nil && watermark > t.UnixMilli()+p.delay.Milliseconds(), err
}

// commit puts the file into a partition that says that it is complete, anew if there is one: its time counts.
func (p *partitionCommit) commit(c *committer, bucket string) error {
	name := filepath.Join(bucket, p.success)
	err := c.files.MkdirAll(c.ctx, c.dir, bucket)
	if err == nil {
		err = c.files.Remove(c.ctx, filesystem.Join(c.dir, name))
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = c.put(name, "."+p.success+"."+newOrigin())
	}
	if err != nil {
		return fmt.Errorf("file: commit a partition: %w", err)
	}
	return nil
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
	*partitionCommit
	since     map[string]int64 // of buckets with files that are not handed out yet
	watermark int64
}

// Watermark notes the event time.
func (w *columnWriter) Watermark(millis int64) {
	if w.clock != nil {
		w.clock.watermark = millis
	}
}

// noteBegun notes when files were begun: those that are open, and those that have ended since there were some number.
func (w *columnWriter) noteBegun(ended int) {
	if w.clock == nil {
		return
	}
	for bucket := range w.open {
		w.clock.note(bucket, w.ctx.Now())
	}
	for _, p := range w.ended[ended:] {
		w.clock.note(p.bucket, w.ctx.Now())
	}
}

func (c *partitionClock) note(bucket string, now time.Time) {
	if _, ok := c.since[bucket]; !ok {
		c.since[bucket] = now.UnixMilli()
	}
}

// Flush ends the files of partitions that are due, so that these can be committed with them.
func (w *columnWriter) Flush(endOfInput bool) error {
	if w.clock != nil && !endOfInput {
		for _, part := range w.parts() {
			due, err := w.clock.due(part.bucket, w.clock.since[part.bucket], w.ctx.Now().UnixMilli(), w.clock.watermark)
			if err == nil && due {
				err = w.end(part)
			}
			if err != nil {
				return w.keep(err)
			}
		}
	}
	return w.writer.Flush(endOfInput)
}

// begun are the committables of the partitions that files belong to.
func (w *columnWriter) begun(parts [][]byte) (out [][]byte, err error) {
	if w.clock == nil {
		return nil, nil
	}
	done := map[string]bool{}
	for _, b := range parts {
		p, _, err := decodePending(b)
		if err != nil {
			return nil, err
		}
		bucket := bucketOf(p.Name)
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
	return out, nil
}

// Snapshot is that of the files, behind since when partitions have some.
func (w *columnWriter) Snapshot() ([]byte, error) {
	state, err := w.writer.Snapshot()
	if err != nil || w.clock == nil || len(w.clock.since) == 0 {
		return state, err
	}
	b := []byte(begun)
	for _, bucket := range slices.Sorted(maps.Keys(w.clock.since)) {
		b = appendItem(b, encodeBegun(bucket, w.clock.since[bucket]))
	}
	return append(appendItem(b, nil), state...), nil
}

// cutSince takes off what Snapshot has put before the state of the files, and notes it in since.
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

// globalSink is a columnSink with one committer.
type globalSink struct{ *columnSink }

// GlobalCommitter makes the committer.
func (s *globalSink) GlobalCommitter(ctx connect.WriterContext, state []byte) (connect.GlobalCommitter, error) {
	inner, err := s.inner.Committer(ctx)
	if err != nil {
		return nil, err
	}
	files := connect.Committer(&compactor{inner.(*committer), &s.compaction})
	if s.insert.Overwrite {
		files = &replacer{files, inner.(*committer)}
	}
	c := &partitionCommitter{Committer: files, inner: inner.(*committer), sink: s.columnSink, now: ctx.Now, pending: map[string]int64{}}
	return c, c.restore(state)
}

// partitionCommitter makes files visible and commits partitions.
type partitionCommitter struct {
	connect.Committer // of files
	inner             *committer
	sink              *columnSink
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
	if err := c.Committer.Commit(files); err != nil || c.sink.commit == nil {
		return err
	}
	c.add(begun)
	if c.sink.commit.isBatch && p.End && len(c.pending) == 0 {
		c.addEmpty()
	}
	for _, bucket := range slices.Sorted(maps.Keys(c.pending)) {
		due, err := p.End, error(nil)
		if !due {
			due, err = c.sink.commit.due(bucket, c.pending[bucket], c.now().UnixMilli(), p.Watermark)
		}
		if err == nil && due {
			err = c.sink.commit.commit(c.inner, bucket)
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

// addEmpty adds what a statement of batch mode commits without rows: the table itself, or the partition that it
// names.
func (c *partitionCommitter) addEmpty() {
	var name []byte
	for i, column := range c.sink.commit.columns {
		value, ok := c.sink.insert.Static[column]
		if !ok {
			return
		}
		if i > 0 {
			name = append(name, filepath.Separator)
		}
		name = append(escapePath(name, []byte(column)), '=')
		name = escapePath(name, []byte(value))
	}
	c.pending[string(name)] = 0
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
