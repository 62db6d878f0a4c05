package lsm

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/flott-dev/flott/internal/operator"
)

// Store is the tree of one subtask, made by the first write.
type Store struct {
	space   *Space
	dir     string
	db      *pebble.DB
	made    *pebble.Options // of db
	failed  chan struct{}   // closed at the first error of the background
	once    sync.Once
	cause   atomic.Pointer[Error]
	readers map[reader]struct{} // that are open; a task that fails in the middle of a snapshot leaves them
	closed  bool

	held     *pebble.Batch // what is written while there is a capture, nil without one
	capture  *capture
	captures int
	scans    int // that are open
}

// reader is a view or a scan, which keeps files of the tree.
type reader interface{ release() error }

// Error is a failure of the disk that holds a job's state.
type Error struct {
	Dir string
	Op  string
	Err error
}

// Error names the directory and the remedy.
func (e *Error) Error() string {
	return fmt.Sprintf("state on disk in %s: %s: %v (launch.TempDir sets the directory)",
		e.Dir, e.Op, e.Err)
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// open makes the tree.
func (s *Store) open() error {
	if s.db != nil {
		return s.err()
	}
	return s.openWith(func() error { return nil })
}

// openWith makes the tree of the files that fill puts into its directory.
func (s *Store) openWith(fill func() error) error {
	if s.space.FS == nil {
		dir, err := os.MkdirTemp(s.space.Dir, "flott-state-")
		if err != nil {
			return &Error{or(s.space.Dir, os.TempDir()), "make a directory", err}
		}
		s.dir = dir
	} else {
		s.dir = fmt.Sprintf("state-%d", storeNumber.Add(1))
		if err := s.space.FS.MkdirAll(s.dir, 0o755); err != nil {
			return &Error{s.dir, "make a directory", err}
		}
	}
	if err := fill(); err != nil {
		return errors.Join(fmt.Errorf("fill %s: %w", s.dir, err), s.remove())
	}
	shared := s.space.acquire()
	options := s.options(shared)
	options.EnsureDefaults()
	db, err := pebble.Open(s.dir, options)
	if err != nil {
		s.space.release()
		s.remove()
		return &Error{s.dir, "open", err}
	}
	s.db, s.made = db, options
	return nil
}

var storeNumber atomic.Int64

func (s *Store) options(c *caches) *pebble.Options {
	o := &pebble.Options{
		FS:                          s.fs(),
		Cache:                       c.blocks,
		FileCache:                   c.files,
		DisableWAL:                  true,
		MemTableSize:                s.space.memtable(),
		MemTableStopWritesThreshold: memtables,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       20,
		FormatMajorVersion:          pebble.FormatNewest,
		Merger:                      concat,
		Logger:                      logger{s},
		EventListener:               &pebble.EventListener{BackgroundError: s.fail},
		NoSyncOnClose:               true,
		MaxManifestFileSize:         manifestBytes, // is stored with each native snapshot
		CompactionConcurrencyRange:  func() (lower, upper int) { return 1, 2 },
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.Levels[i].BlockSize = 8 << 10
	}
	return o
}

const manifestBytes = 256 << 10

func (s *Store) fs() vfs.FS {
	if s.space.FS != nil {
		return s.space.FS
	}
	return noSync{vfs.Default}
}

// fail keeps the first error of the background.
func (s *Store) fail(err error) {
	s.once.Do(func() {
		s.cause.Store(&Error{s.dir, "write in the background", err})
		close(s.failed)
	})
}

func (s *Store) err() error {
	if e := s.cause.Load(); e != nil {
		return e
	}
	return nil
}

// guard runs f, which may wait inside of pebble for a background that has failed.
func (s *Store) guard(op string, f func() error) error {
	if err := s.err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		if err != nil {
			return &Error{s.dir, op, err}
		}
		return nil
	case <-s.failed:
		return s.err()
	}
}

// Share is this store's share of the memory for tables.
func (s *Store) Share() int64 { return s.space.share() }

// Written reports whether the tree exists.
func (s *Store) Written() bool { return s.db != nil }

// Get appends the value of a key to dst.
func (s *Store) Get(dst, key []byte) (value []byte, ok bool, err error) {
	if s.db == nil {
		return dst, false, nil
	}
	r, err := s.reader()
	if err != nil {
		return dst, false, err
	}
	return s.get(r, dst, key)
}

// reader is the tree with what is held back.
func (s *Store) reader() (pebble.Reader, error) {
	if err := s.err(); err != nil {
		return nil, err
	}
	if s.held == nil {
		return s.db, nil
	}
	if err := s.settle(false); err != nil || s.held == nil {
		return s.db, err
	}
	return s.held, nil
}

func (s *Store) get(r pebble.Reader, dst, key []byte) (value []byte, ok bool, err error) {
	v, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return dst, false, nil
	}
	if err != nil {
		return dst, false, &Error{s.dir, "read", err}
	}
	dst = append(dst, v...)
	if err := closer.Close(); err != nil {
		return dst, false, &Error{s.dir, "read", err}
	}
	return dst, true, nil
}

// Scan iterates over a range of keys.
func (s *Store) Scan(first, end []byte) (operator.ColdScan, error) {
	if s.db == nil {
		return nothing{}, nil
	}
	r, err := s.reader()
	if err != nil {
		return nil, err
	}
	return s.scan(r, first, end)
}

func (s *Store) scan(r pebble.Reader, first, end []byte) (operator.ColdScan, error) {
	if err := s.err(); err != nil {
		return nil, err
	}
	it, err := r.NewIter(&pebble.IterOptions{
		LowerBound: slices.Clone(first), UpperBound: slices.Clone(end),
	})
	if err != nil {
		return nil, &Error{s.dir, "read", err}
	}
	c := &scan{s: s, it: it}
	s.scans++
	s.keep(c)
	return c, nil
}

func (s *Store) keep(r reader) {
	if s.readers == nil {
		s.readers = map[reader]struct{}{}
	}
	s.readers[r] = struct{}{}
}

// release ends a reader, unless it has been.
func (s *Store) release(r reader) error {
	if _, ok := s.readers[r]; !ok {
		return nil
	}
	delete(s.readers, r)
	return r.release()
}

// View is the tree as it is now.
func (s *Store) View() (operator.ColdView, error) {
	if s.db == nil {
		return nothing{}, nil
	}
	if err := s.settle(true); err != nil {
		return nil, err
	}
	v := &view{s: s}
	err := s.guard("read", func() error {
		v.snapshot = s.db.NewSnapshot()
		return nil
	})
	if err == nil {
		s.keep(v)
	}
	return v, err
}

// Batch begins a batch of writes.
func (s *Store) Batch() operator.ColdBatch {
	b := &batch{s: s}
	if b.err = s.open(); b.err == nil {
		b.b = s.db.NewBatch()
	}
	return b
}

// Close deletes the tree, and ends the views and scans of it.
func (s *Store) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	s.space.leave()
	if s.db == nil {
		return nil
	}
	var err error
	for r := range s.readers {
		err = errors.Join(err, s.release(r))
	}
	if s.held != nil {
		s.capture.Discard() // waits for who makes its files
		err = errors.Join(err, s.held.Close())
	}
	err = errors.Join(err, s.guard("close", s.db.Close))
	if s.err() == nil {
		s.space.release()
	}
	if e := s.remove(); err == nil && e != nil {
		err = &Error{s.dir, "remove the directory", e}
	}
	return err
}

func (s *Store) remove() error {
	if s.space.FS != nil {
		return s.space.FS.RemoveAll(s.dir)
	}
	return os.RemoveAll(s.dir)
}

// logger keeps pebble quiet, and the process alive.
type logger struct{ s *Store }

func (logger) Infof(string, ...any)  {}
func (logger) Errorf(string, ...any) {}

// Fatalf must not return: what called it holds locks and cannot go on.
func (l logger) Fatalf(format string, args ...any) {
	l.s.fail(fmt.Errorf(format, args...))
	select {}
}

type view struct {
	s        *Store
	snapshot *pebble.Snapshot
}

func (v *view) Get(dst, key []byte) ([]byte, bool, error) { return v.s.get(v.snapshot, dst, key) }

func (v *view) Scan(first, end []byte) (operator.ColdScan, error) {
	return v.s.scan(v.snapshot, first, end)
}

func (v *view) Close() error { return v.s.release(v) }

func (v *view) release() error { return v.s.guard("read", v.snapshot.Close) }

type scan struct {
	s       *Store
	it      *pebble.Iterator
	started bool
	err     error
}

func (c *scan) Next() bool {
	if !c.started {
		c.started = true
		return c.it.First()
	}
	return c.it.Next()
}

func (c *scan) Entry() (key, value []byte) {
	value, err := c.it.ValueAndErr()
	if err != nil && c.err == nil {
		c.err = err
	}
	return c.it.Key(), value
}

func (c *scan) Close() error { return c.s.release(c) }

func (c *scan) release() error {
	c.s.scans--
	if err := c.it.Close(); err != nil && c.err == nil {
		c.err = err
	}
	if c.err != nil {
		return &Error{c.s.dir, "read", c.err}
	}
	return nil
}

// nothing is a view of a tree that does not exist.
type nothing struct{}

func (nothing) Get(dst, _ []byte) ([]byte, bool, error)     { return dst, false, nil }
func (nothing) Scan(_, _ []byte) (operator.ColdScan, error) { return nothing{}, nil }
func (nothing) Next() bool                                  { return false }
func (nothing) Entry() (key, value []byte)                  { return nil, nil }
func (nothing) Close() error                                { return nil }

type batch struct {
	s   *Store
	b   *pebble.Batch
	err error
}

func (b *batch) do(f func() error) {
	if b.err == nil {
		b.err = f()
	}
}

func (b *batch) Put(key, value []byte) {
	b.do(func() error { return b.b.Set(key, value, nil) })
}

func (b *batch) Merge(key, more []byte) {
	b.do(func() error { return b.b.Merge(key, more, nil) })
}

func (b *batch) Delete(key []byte) {
	b.do(func() error { return b.b.Delete(key, nil) })
}

func (b *batch) DeleteRange(first, end []byte) {
	b.do(func() error { return b.b.DeleteRange(first, end, nil) })
}

func (b *batch) Bytes() int {
	if b.b == nil {
		return 0
	}
	return b.b.Len()
}

func (b *batch) Commit() error {
	if b.err != nil {
		return b.err
	}
	if b.b.Empty() {
		return b.b.Close()
	}
	if err := b.s.settle(false); err != nil {
		return err
	}
	return b.s.guard("write", func() error {
		if held := b.s.held; held != nil {
			if err := held.Apply(b.b, nil); err != nil {
				return err
			}
		} else if err := b.b.Commit(pebble.NoSync); err != nil {
			return err
		}
		return b.b.Close()
	})
}

func or(s, other string) string {
	if s != "" {
		return s
	}
	return other
}
