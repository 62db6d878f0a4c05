package lsm

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/flott-dev/flott/internal/operator"
)

// bulkBytes is what a bulk collects before it makes a file of it.
const bulkBytes = 8 << 20

// bulk makes files of the tree of what is put into it, past memtables and compactions: a restore puts
// one key group after the other, so that the files do not overlap, and pebble places them at the
// bottom.
//
//	Put, Delete ──▶ buf, entries ──(full)──▶ sort, last of each key ──▶ file ──▶ tree
type bulk struct {
	s       *Store
	buf     []byte // keys and values, in the order of their coming
	entries []bulkEntry
	files   int
	err     error
}

// bulkEntry is a key at a place of the buffer, and its value behind it.
type bulkEntry struct {
	order uint64 // as keys are ordered, as far as it tells: eight bytes of the key
	at    uint32
	key   uint32 // bytes
	value uint32 // bytes; deleted if there is none
}

const deleted = 1<<32 - 1

// Bulk begins a batch of any size. What is put into it may be seen before Commit, must be there once it
// has returned, and replaces what was written to the tree before.
func (s *Store) Bulk() operator.ColdBulk {
	b := &bulk{s: s, err: s.open()}
	if b.err == nil {
		b.err = s.settle(true)
	}
	return b
}

// Put sets a value.
func (b *bulk) Put(key, value []byte) { b.add(key, value, uint32(len(value))) }

// Delete deletes a key.
func (b *bulk) Delete(key []byte) { b.add(key, nil, deleted) }

func (b *bulk) add(key, value []byte, n uint32) {
	b.entries = append(b.entries, bulkEntry{orderOf(key), uint32(len(b.buf)), uint32(len(key)), n})
	b.buf = append(append(b.buf, key...), value...)
	if len(b.buf) >= bulkBytes {
		b.flush()
	}
}

// orderOf is the eight bytes behind the first. Those of keyed state have the same first byte.
func orderOf(key []byte) uint64 {
	if len(key) >= 9 {
		return binary.BigEndian.Uint64(key[1:])
	}
	var padded [9]byte
	copy(padded[:], key)
	return binary.BigEndian.Uint64(padded[1:])
}

// Commit writes what is left, and ends the bulk.
func (b *bulk) Commit() error {
	b.flush()
	b.buf, b.entries = nil, nil
	return b.err
}

func (b *bulk) flush() {
	if len(b.entries) > 0 && b.err == nil {
		b.err = b.s.guard("ingest", b.ingest)
	}
	b.buf, b.entries = b.buf[:0], b.entries[:0]
}

func (b *bulk) keyOf(e *bulkEntry) []byte { return b.buf[e.at : e.at+e.key] }

func (b *bulk) compare(x, y bulkEntry) int {
	kx, ky := b.keyOf(&x), b.keyOf(&y)
	c := bytes.Compare(kx[:min(1, len(kx))], ky[:min(1, len(ky))])
	if c == 0 {
		c = cmp.Compare(x.order, y.order)
	}
	if c == 0 {
		c = bytes.Compare(kx, ky)
	}
	if c == 0 {
		c = cmp.Compare(x.at, y.at)
	}
	return c
}

// ingest makes a file of the entries, and a part of the tree of the file.
func (b *bulk) ingest() error {
	slices.SortFunc(b.entries, b.compare)
	fs := b.s.fs()
	path := fs.PathJoin(b.s.dir, fmt.Sprintf("bulk-%d", b.files))
	b.files++
	if err := b.write(fs, path); err != nil {
		return errors.Join(err, fs.Remove(path))
	}
	return b.s.db.Ingest(context.Background(), []string{path})
}

func (b *bulk) write(fs vfs.FS, path string) error {
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	const level = 5 // above the lowest, where a grave would not count
	w := sstable.NewWriter(objstorageprovider.NewFileWritable(f),
		b.s.made.MakeWriterOptions(level, b.s.db.TableFormat()))
	for i := range b.entries {
		e := &b.entries[i]
		key := b.keyOf(e)
		if i+1 < len(b.entries) && bytes.Equal(key, b.keyOf(&b.entries[i+1])) {
			continue // what comes later holds
		}
		if e.value == deleted {
			err = w.Delete(key)
		} else {
			err = w.Set(key, b.buf[e.at+e.key:][:e.value])
		}
		if err != nil {
			return errors.Join(err, w.Close())
		}
	}
	return w.Close()
}
