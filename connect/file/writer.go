package file

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/filesystem"
)

// writer writes the part files of one subtask, one open file for each bucket.
type writer[T any] struct {
	sink    *sink[T]
	ctx     connect.WriterContext
	dir     string
	files   filesystem.FileSystem
	uploads bool                    // files is an Uploader
	origin  string                  // part of the names of parts, where one that is taken is not refused
	next    int64                   // number of the next part
	buckets map[string]bool         // that are made, and whose files next is above of
	open    map[string]*openPart[T] // by bucket
	ended   []*part                 // to be prepared
	names   []string                // the buckets of the records at hand
	alarm   time.Time               // of the Tick that is ordered
	clock   *partitionClock         // nil if partitions are not committed
	err     error                   // the first, which all later calls return
}

// Write encodes records into the files of their buckets.
func (w *writer[T]) Write(records []T, times []int64) error {
	return w.keep(w.write(records, times))
}

// keep makes the first error stay: what follows it must not look as if all was written.
func (w *writer[T]) keep(err error) error {
	if w.err == nil {
		w.err = err
	}
	return w.err
}

func (w *writer[T]) write(records []T, times []int64) error {
	if w.err != nil {
		return w.err
	}
	now := w.ctx.Now()
	w.name(records, times)
	for from := 0; from < len(records); {
		bucket, to := w.run(from, len(records))
		p, err := w.part(bucket, now)
		if err != nil {
			return err
		}
		n := 0
		if p.bulk != nil {
			n, err = w.addBulk(p, records[from:to])
		} else {
			n, err = w.add(p, records[from:to])
		}
		if err != nil {
			return err
		}
		from += n
		if p.bytes >= w.sink.o.PartBytes {
			if err := w.end(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// name computes the buckets of records.
func (w *writer[T]) name(records []T, times []int64) {
	if w.sink.o.Bucket == nil {
		return
	}
	w.names = w.names[:0]
	for i := range records {
		w.names = append(w.names, w.sink.o.Bucket(&records[i], eventTime(times[i])))
	}
}

// run is the bucket of a record, and the end of those that follow it into the same.
func (w *writer[T]) run(from, n int) (bucket string, to int) {
	if w.sink.o.Bucket == nil {
		return "", n
	}
	bucket = w.names[from]
	for to = from + 1; to < n && w.names[to] == bucket; to++ {
	}
	return bucket, to
}

// add encodes records until the part is long enough, and returns how many it has taken.
func (w *writer[T]) add(p *openPart[T], records []T) (int, error) {
	for i := range records {
		before := len(p.buf)
		buf, err := w.sink.enc.Append(p.buf, &records[i])
		if err != nil {
			return i, fmt.Errorf("file: encode record %d of %d, %+v: %w", i+1, len(records), records[i], err)
		}
		p.buf = buf
		p.bytes += int64(len(buf) - before)
		if p.bytes >= w.sink.o.PartBytes {
			return i + 1, nil
		}
		if len(buf) >= flushBytes {
			if err := p.write(); err != nil {
				return i, err
			}
		}
	}
	return len(records), nil
}

// addBulk adds all records: how long a bulk file is shows only as it is written.
func (w *writer[T]) addBulk(p *openPart[T], records []T) (int, error) {
	if err := p.bulk.Write(records); err != nil {
		return 0, p.failed(err)
	}
	return len(records), nil
}

func eventTime(ms int64) time.Time {
	if ms == math.MinInt64 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// openPart is a part that is being written.
type openPart[T any] struct {
	part
	bulk BulkWriter[T] // nil for an encoder that appends
}

// part returns the open file of a bucket.
func (w *writer[T]) part(bucket string, now time.Time) (*openPart[T], error) {
	p := w.open[bucket]
	if p != nil {
		p.written = now
		return p, nil
	}
	if !w.buckets[bucket] {
		if err := w.enter(bucket); err != nil {
			return nil, err
		}
	}
	p, err := w.create(bucket)
	if err != nil {
		return nil, err
	}
	p.created, p.written = now, now
	w.open[bucket] = p
	if w.clock != nil {
		w.clock.note(bucket, now)
	}
	w.order(&p.part)
	return p, nil
}

// enter makes a bucket's directory and passes over the numbers that are in use there: by runs
// before, or by a writer that had this subtask's number before the job was rescaled.
func (w *writer[T]) enter(bucket string) error {
	if bucket != "" && !filepath.IsLocal(bucket) {
		return fmt.Errorf("file: the bucket %q is not a path below the sink's directory", bucket)
	}
	if err := w.files.MkdirAll(w.ctx.Context, w.dir, bucket); err != nil {
		return fmt.Errorf("file: make the bucket %q: %w", bucket, err)
	}
	if w.uploads {
		w.buckets[bucket] = true // its names are in use nowhere
		return nil
	}
	entries, err := w.files.ReadDir(w.ctx.Context, filesystem.Join(w.dir, bucket))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("file: list the bucket %q: %w", bucket, err)
	}
	for _, e := range entries {
		if n, _, ok := partNumber(e.Name(), w.ctx.Subtask); ok {
			w.next = max(w.next, n+1)
		}
	}
	w.buckets[bucket] = true
	return nil
}

// create makes the next part file. Other sinks may write to the same directory, and have taken the name.
func (w *writer[T]) create(bucket string) (*openPart[T], error) {
	for {
		n := w.next
		w.next++
		name := partName(w.ctx.Subtask, n, w.origin, w.sink.suffix())
		if w.sink.merges() {
			name = uncompacted + name
		}
		p := &openPart[T]{part: part{bucket: bucket, name: filepath.Join(bucket, name)}}
		if !w.uploads {
			p.hidden = hiddenName(w.ctx.Subtask, n, w.ctx.Attempt)
		}
		f, err := w.files.Create(w.ctx.Context, w.dir, p.name, p.hidden)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("file: make a part file: %w", err)
		}
		p.file = f
		return p, w.begin(p)
	}
}

// begin makes a part ready for its first record.
func (w *writer[T]) begin(p *openPart[T]) (err error) {
	if w.sink.enc.Bulk != nil {
		if p.bulk, err = w.sink.enc.Bulk(&p.part); err != nil {
			return errors.Join(p.failed(err), p.file.Abort())
		}
		return nil
	}
	p.buf = append(p.buf, w.sink.enc.Header...)
	p.bytes = int64(len(p.buf))
	return nil
}

// end closes a part, durably; the next Prepare hands it out.
func (w *writer[T]) end(p *openPart[T]) error {
	if err := p.complete(); err != nil {
		return err
	}
	if err := p.finish(); err != nil {
		return err
	}
	w.take(p)
	return nil
}

// complete writes what a bulk writer ends a file with.
func (p *openPart[T]) complete() error {
	if p.bulk == nil {
		return nil
	}
	return p.failed(p.bulk.Close())
}

// take has the next Prepare hand out a part.
func (w *writer[T]) take(p *openPart[T]) {
	delete(w.open, p.bucket)
	w.ended = append(w.ended, &p.part)
}

// finishesAtOnce is how many uploads are finished at the same time.
const finishesAtOnce = 16

// endAll ends parts that are uploads at the same time: each takes several requests, and there may be as many as partitions.
func (w *writer[T]) endAll(parts []*openPart[T]) error {
	for _, p := range parts {
		if err := p.complete(); err != nil {
			return err
		}
	}
	errs := make([]error, len(parts))
	var wg sync.WaitGroup
	turn := make(chan struct{}, finishesAtOnce)
	for i, p := range parts {
		turn <- struct{}{}
		wg.Go(func() {
			errs[i] = p.finish()
			<-turn
		})
	}
	wg.Wait()
	for i, p := range parts {
		if errs[i] == nil {
			w.take(p)
		}
	}
	return errors.Join(errs...)
}

// order orders a Tick for when p is to be ended, unless there is an earlier one.
func (w *writer[T]) order(p *part) {
	at := p.deadline(w.sink.o.Rollover, w.sink.o.Inactivity)
	if at.IsZero() {
		return
	}
	at = at.Add(time.Millisecond - 1).Truncate(time.Millisecond) // timers cut fractions off
	if !w.alarm.IsZero() && !at.Before(w.alarm) {
		return
	}
	w.alarm = at
	w.ctx.WakeAt(at)
}

// Tick ends the parts that are old or were not written for long.
func (w *writer[T]) Tick(now time.Time) error {
	if w.err != nil || w.alarm.IsZero() || now.Before(w.alarm) {
		return w.err
	}
	w.alarm = time.Time{}
	for _, p := range w.parts() {
		at := p.deadline(w.sink.o.Rollover, w.sink.o.Inactivity)
		if at.IsZero() || now.Before(at) {
			w.order(&p.part)
			continue
		}
		if err := w.keep(w.end(p)); err != nil {
			return err
		}
	}
	return nil
}

// parts are the open ones, in the order in which they were made.
func (w *writer[T]) parts() []*openPart[T] {
	out := make([]*openPart[T], 0, len(w.open))
	for _, p := range w.open {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *openPart[T]) int { return a.created.Compare(b.created) })
	return out
}

// opened are the same, without what only writing needs.
func (w *writer[T]) opened() (out []*part) {
	for _, p := range w.parts() {
		out = append(out, &p.part)
	}
	return out
}

// Flush makes all files durable, and ends them if that is due, or their partitions are.
func (w *writer[T]) Flush(endOfInput bool) error {
	if w.clock != nil && !endOfInput {
		if err := w.keep(w.endDue()); err != nil {
			return err
		}
	}
	end := endOfInput || w.sink.o.RollOnCheckpoint || w.sink.enc.Bulk != nil
	if end && w.uploads && w.err == nil {
		return w.keep(w.endAll(w.parts()))
	}
	for _, p := range w.parts() {
		if w.err != nil {
			break
		}
		if end {
			_ = w.keep(w.end(p))
		} else {
			_ = w.keep(p.persist())
		}
	}
	return w.err
}

// Prepare hands out the ended files, and then since when their partitions have files.
func (w *writer[T]) Prepare(int64) ([][]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	var out [][]byte
	for _, p := range w.ended {
		p.kept = true
		out = append(out, w.committable(p.pending))
	}
	if w.clock != nil {
		out = append(out, w.begun(w.ended)...)
	}
	w.ended = nil
	return out, nil
}

// committable says of a file that it is merged if it has a hidden name: one of a snapshot was not always begun by the same options.
func (w *writer[T]) committable(p filesystem.Pending) []byte {
	b, bytes := appendPending(nil, p), w.sink.o.PartBytes
	if c := w.sink.o.Compact; c != nil {
		bytes = c.Bytes
	}
	if _, ok := compactedName(p.Name); ok && w.sink.isGlobal() {
		return encodeMergeable(bytes, b)
	}
	return b
}

// Snapshot encodes the number of the next part and the files that are not handed out yet, with what
// Flush made durable of them; before it, since when partitions have files.
func (w *writer[T]) Snapshot() ([]byte, error) {
	b := binary.AppendUvarint(w.clock.snapshot(), uint64(w.next))
	b = binary.AppendUvarint(b, uint64(w.ctx.Subtask))
	if w.origin != "" {
		b = appendPending(b, filesystem.Pending{Token: w.origin})
	}
	for _, p := range append(w.opened(), w.ended...) {
		p.kept = true
		b = appendPending(b, p.pending)
	}
	return b, w.err
}

// restore takes up the files of a snapshot at their lengths, and ends them.
func (w *writer[T]) restore(b []byte) error {
	next, n := binary.Uvarint(b)
	if n <= 0 {
		return errors.New("file: the sink's state is cut off")
	}
	subtask, m := binary.Uvarint(b[n:])
	if m <= 0 {
		return errors.New("file: the sink's state is cut off")
	}
	if int(subtask) == w.ctx.Subtask {
		w.next = max(w.next, int64(next))
	}
	for b = b[n+m:]; len(b) > 0; {
		p, rest, err := decodePending(b)
		if err != nil {
			return err
		}
		b = rest
		if p.Name == "" {
			if err := w.giveUp(p.Token, int(subtask), int64(next)); err != nil {
				return err
			}
			continue
		}
		if p, err = w.files.Recover(w.ctx.Context, w.dir, p); err != nil {
			return fmt.Errorf("file: %w", err)
		}
		w.ended = append(w.ended, &part{name: p.Name, pending: p, kept: true})
	}
	return nil
}

// giveUp aborts what a writer has begun after its snapshot: files of a subtask from a number on. It does so only within a
// job that has failed: what began with a snapshot of another job must leave it to that one.
func (w *writer[T]) giveUp(origin string, subtask int, from int64) error {
	files, ok := w.files.(filesystem.Uploader)
	if !ok || w.ctx.Attempt < 2 {
		return nil
	}
	err := files.AbortUploads(w.ctx.Context, w.dir, func(name string) bool {
		n, rest, ok := partNumber(path.Base(name), subtask)
		return ok && n >= from && strings.HasPrefix(rest, "-"+origin)
	})
	if err != nil {
		return fmt.Errorf("file: give up uploads: %w", err)
	}
	return nil
}

// Close closes the files and deletes those that no snapshot knows.
func (w *writer[T]) Close() error {
	var errs []error
	for _, p := range append(w.opened(), w.ended...) {
		switch {
		case !p.kept:
			errs = append(errs, p.file.Abort())
		case p.file != nil:
			errs = append(errs, p.file.Close())
		}
	}
	w.open, w.ended = nil, nil
	return errors.Join(errs...)
}
