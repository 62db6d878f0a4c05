package keyed

import (
	"encoding/binary"

	"github.com/flott-dev/flott/internal/operator"
)

// A snapshot with the disk behind the tables has two parts for each group:
//
//	the table   the section of a group without the disk, but without entries that are as they are on
//	            disk. It is written before any entry leaves the group.
//	the disk    as it was at the freeze: all entries of a base, of a delta those whose keys are noted;
//	            without what the first part has (skip). It comes in deltas without deleted
//	            keys on top of the first part, of about chunkBytes, so that no group has to be in memory.

const (
	chunkBytes = 1 << 20
	// What a step reads from disk, about a millisecond's worth.
	stepBytes   = 128 << 10
	stepEntries = 512
)

// freeze begins a freeze.
func (f *front[S]) freeze() {
	if f.cold.store.Written() {
		view, err := f.cold.store.View()
		f.cold.check(err)
		f.view = view
	}
	f.next, f.age = 0, 0
}

// end ends a freeze, written or not.
func (f *front[S]) end() {
	if f.scan != nil {
		f.cold.check(f.scan.Close())
		f.scan = nil
	}
	if f.view != nil {
		f.cold.check(f.view.Close())
		f.view = nil
	}
	clear(f.rest)
	for g := range f.skip {
		f.skip[g] = Map[struct{}]{}
	}
	f.chunk = nil
}

// confirm drops the notes that a freeze has made useless.
func (f *front[S]) confirm(freeze uint64) {
	if freeze <= f.confirmed {
		return
	}
	old := f.confirmed
	f.confirmed = freeze
	for _, g := range f.gone {
		if g > old {
			b := f.cold.store.Batch()
			b.DeleteRange(f.notes(nil, 0), f.notes(nil, freeze+1))
			f.cold.check(b.Commit())
			return
		}
	}
}

// hasRest reports whether a part of a group comes from disk.
func (f *front[S]) hasRest(g int, kind scanKind) bool {
	return f.view != nil && (kind == scanFull || kind == scanDelta && f.gone[g] > f.confirmed)
}

// isOnDisk reports whether the entry at an index is written from the view.
func (t *tracked[S]) isOnDisk(g, i int) bool {
	k := &t.groups[g].marks
	return t.front != nil && k.has(markBacked, i) && !k.has(markDirty, i)
}

// written notes that the entry at an index is written from the table.
func (t *tracked[S]) written(g, i int) {
	f, m := t.front, &t.groups[g]
	if f == nil || !m.marks.has(markBacked, i) || !f.hasRest(g, m.marks.track.scan) {
		return
	}
	if hash, word, key, _ := m.At(i); t.b.IsWord {
		f.skip[g].Upsert(hash, word)
	} else {
		f.skip[g].UpsertString(hash, asString(key))
	}
}

func (f *front[S]) isWritten(b *Backend, g int, key []byte) bool {
	m := &f.skip[g]
	if m.Len() == 0 {
		return false
	}
	k, _, err := b.TakeKey(key)
	f.cold.check(err)
	if b.IsWord {
		return m.Get(k.Hash, k.Word) != nil
	}
	return m.GetString(k.Hash, asString(k.Bytes)) != nil
}

// stream writes some of what comes from disk. It reports whether that was all.
func (t *tracked[S]) stream() (done bool) {
	f := t.front
	bytes, entries := 0, 0
	for bytes < stepBytes && entries < stepEntries {
		if f.scan == nil && !t.openScan() {
			return true
		}
		entries++
		if !f.scan.Next() {
			t.closeScan()
			continue
		}
		key, raw := f.scan.Entry()
		if f.rest[f.next] == scanFull {
			if key = key[prefixBytes:]; f.ttl != nil {
				if raw = f.ttl.live(raw, f.ttl.ttl.asOf); len(raw) == 0 {
					continue
				}
			}
		} else {
			key = key[notesBytes:]
			f.key = append(f.prefix(f.key[:0], f.next), key...)
			value, ok, err := f.view.Get(f.value[:0], f.key)
			f.cold.check(err)
			if f.value = value; !ok {
				continue // is deleted
			}
			raw = value
		}
		if f.isWritten(t.b, f.next, key) {
			continue
		}
		if f.chunk == nil {
			f.chunk = append(make([]byte, 0, chunkBytes/8), 0) // no deleted keys
		}
		bytes += len(key) + len(raw)
		f.chunk = append(f.chunk, key...)
		if f.frame != nil {
			f.chunk = f.frame(f.chunk, raw)
		} else {
			f.chunk = append(f.chunk, raw...)
		}
		if len(f.chunk) > chunkBytes {
			t.passChunk()
		}
	}
	return false
}

// openScan begins to read the next range. It reports whether there is one.
func (t *tracked[S]) openScan() bool {
	f := t.front
	for ; f.next < len(f.rest); f.next++ {
		var first []byte
		switch f.rest[f.next] {
		case scanNothing:
			continue
		case scanFull:
			first = f.prefix(nil, f.next)
		case scanDelta:
			f.age = max(f.age, f.confirmed+1)
			first = binary.BigEndian.AppendUint16(f.notes(nil, f.age), uint16(f.next))
		}
		var err error
		f.scan, err = f.view.Scan(first, after(first))
		f.cold.check(err)
		return true
	}
	return false
}

// closeScan ends a range, and the group if it was the last one.
func (t *tracked[S]) closeScan() {
	f := t.front
	err := f.scan.Close()
	f.scan = nil
	f.cold.check(err)
	if f.age++; f.rest[f.next] == scanDelta && f.age <= t.freezeN {
		return
	}
	t.passChunk()
	f.skip[f.next], f.rest[f.next] = Map[struct{}]{}, scanNothing
	f.next++
	f.age = 0
}

// passChunk makes a section of what was read.
func (t *tracked[S]) passChunk() {
	f := t.front
	if len(f.chunk) == 0 {
		return
	}
	c := &t.freezes[len(t.freezes)-1].chains[f.next]
	if f.rest[f.next] == scanFull {
		c.base += len(f.chunk)
	} else {
		c.deltaBytes += len(f.chunk)
	}
	t.now.ready = append(t.now.ready, operator.Section{
		State: t.now.name, Group: t.first + f.next, Delta: true, Data: operator.Bytes(f.chunk),
	})
	f.chunk = nil
}
