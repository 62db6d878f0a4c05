package lsm

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/operator"
)

// capture is a snapshot of the tree's files. pebble's own checkpoint links the files as they are when
// it is called, whatever was written until then. So what is written after the barrier must not get
// there before: it waits in an indexed batch, through which the owner of the store reads.
//
//	reads ──▶ held ──▶ tree ◀── what was put      until the files are made;
//	writes ────┘                                  then held is committed
type capture struct {
	s     *Store
	dir   string
	batch *pebble.Batch // what was put and is not committed
	err   error         // of the owner

	mu struct {
		sync.Mutex // held while the files are made
		phase      capturePhase
		err        error
	}
}

type capturePhase uint8

const (
	putting capturePhase = iota
	sealed
	made // or given up, or failed
)

var errDiscarded = errors.New("the snapshot was given up")

// Capture begins a snapshot of the tree's files.
func (s *Store) Capture() operator.ColdCapture {
	c := &capture{s: s, err: s.open()}
	if c.err == nil {
		c.err = s.settle(true)
	}
	if c.err != nil {
		c.mu.phase, c.mu.err = made, c.err
		return c
	}
	s.captures++
	c.dir = s.fs().PathJoin(s.dir, fmt.Sprintf("snapshot-%d", s.captures))
	if !fault.Seeded(fault.LeakIntoTree) {
		s.held, s.capture = s.db.NewIndexedBatch(), c
	}
	return c
}

// settle commits what was held back if the capture has its files, or after making them. While a scan
// of what is held is open, that has to wait.
func (s *Store) settle(wait bool) error {
	if s.held == nil {
		return nil
	}
	if wait {
		_ = s.capture.Make() // its error is that of the snapshot
	} else if s.scans > 0 || !s.capture.isMade() {
		return nil
	}
	held := s.held
	s.held, s.capture = nil, nil
	return s.guard("write", func() error {
		if err := held.Commit(pebble.NoSync); err != nil {
			return err
		}
		return held.Close()
	})
}

// Put sets a value below what is held back.
func (c *capture) Put(key, value []byte) { c.put((*pebble.Batch).Set, key, value) }

// Merge appends to a value below what is held back.
func (c *capture) Merge(key, more []byte) { c.put((*pebble.Batch).Merge, key, more) }

func (c *capture) put(
	write func(b *pebble.Batch, key, value []byte, _ *pebble.WriteOptions) error, key, value []byte,
) {
	if c.err != nil {
		return
	}
	if c.batch == nil {
		c.batch = c.s.db.NewBatch()
	}
	c.err = write(c.batch, key, value, nil)
	if c.err == nil && c.batch.Len() > captureBytes {
		c.err = c.Commit()
	}
}

// captureBytes is how much is put at a time.
const captureBytes = 1 << 20

// Commit writes what was put.
func (c *capture) Commit() error {
	if c.err != nil || c.batch == nil {
		return c.err
	}
	b := c.batch
	c.batch = nil
	c.err = c.s.guard("write", func() error {
		if err := b.Commit(pebble.NoSync); err != nil {
			return err
		}
		return b.Close()
	})
	return c.err
}

// Seal says that all was put.
func (c *capture) Seal() error {
	err := c.Commit()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.phase == putting {
		c.mu.phase = sealed
	}
	return err
}

// Discard lets go of what is held back. What was put stays in the tree, where it belongs.
func (c *capture) Discard() {
	if c.batch != nil && c.err == nil {
		_ = c.Commit() // or the store has failed, and says so to the next one who calls
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.phase < made {
		c.mu.phase, c.mu.err = made, errDiscarded
	}
}

func (c *capture) isMade() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.phase == made
}

// Make flushes the tree and links its files.
func (c *capture) Make() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.mu.phase {
	case putting:
		return errors.New("the snapshot is not complete yet")
	case sealed:
		c.mu.phase = made
		c.mu.err = c.s.guard("make a snapshot", func() error {
			if err := c.s.db.Flush(); err != nil {
				return err
			}
			return c.s.db.Checkpoint(c.dir)
		})
	}
	return c.mu.err
}

// Files lists the files.
func (c *capture) Files() ([]string, error) {
	names, err := c.s.fs().List(c.dir)
	if err != nil {
		return nil, &Error{c.s.dir, "list a snapshot", err}
	}
	slices.Sort(names)
	return names, nil
}

// Open reads one.
func (c *capture) Open(name string) (io.ReadCloser, error) {
	f, err := c.s.fs().Open(c.s.fs().PathJoin(c.dir, name), vfs.SequentialReadsOption)
	if err != nil {
		return nil, &Error{c.s.dir, "read a snapshot", err}
	}
	return f, nil
}

// Close deletes the links.
func (c *capture) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.phase < made {
		c.mu.phase, c.mu.err = made, errDiscarded
	}
	if c.dir == "" {
		return nil
	}
	if err := c.s.fs().RemoveAll(c.dir); err != nil {
		return &Error{c.s.dir, "remove a snapshot", err}
	}
	return nil
}
