package keyed

import (
	"encoding/binary"
	"unsafe"
)

// A byte log is not compacted while fewer bytes than this are dead.
const logDeadMin = 1 << 10

// UpsertString is Upsert for a byte key. The key is copied.
//
//flott:hot
func (m *Map[V]) UpsertString(hash uint64, key string) (v *V, fresh bool) {
	hash = stored(hash)
	i := int(hash & m.mask)
	for ; i < len(m.slots); i++ {
		s := &m.slots[i]
		if s.hash == hash && recordIs(m.log, s.off, key) {
			if m.marks.isFirst(i) {
				m.firstChange(i)
			}
			return &s.v, false
		}
		if s.hash == 0 {
			break
		}
	}
	if m.n >= m.limit || i >= len(m.slots) || m.n == 0 {
		i = m.makeRoom(hash)
	}
	m.n++
	s := &m.slots[i]
	s.hash, s.off = hash, m.appendRecord(key)
	if m.marks.track != nil {
		m.marks.create(i)
	}
	return &s.v, true
}

// GetString is Get for a byte key.
//
//flott:hot
func (m *Map[V]) GetString(hash uint64, key string) *V {
	hash = stored(hash)
	for i := int(hash & m.mask); i < len(m.slots); i++ {
		s := &m.slots[i]
		if s.hash == hash && recordIs(m.log, s.off, key) {
			return &s.v
		}
		if s.hash == 0 {
			break
		}
	}
	return nil
}

// findString returns the index of a byte key as Next does, -1 if it is absent.
func (m *Map[V]) findString(hash uint64, key string) int {
	hash = stored(hash)
	for i := int(hash & m.mask); i < len(m.slots); i++ {
		s := &m.slots[i]
		if s.hash == hash && recordIs(m.log, s.off, key) {
			return i
		}
		if s.hash == 0 {
			break
		}
	}
	return -1
}

// DeleteString is Delete for a byte key.
//
//flott:hot
func (m *Map[V]) DeleteString(hash uint64, key string) bool {
	i := m.findString(hash, key)
	if i >= 0 {
		m.removeSlot(i)
	}
	return i >= 0
}

// UpsertBytes is Upsert for a byte key. The key is copied.
func (m *Map[V]) UpsertBytes(hash uint64, key []byte) (v *V, fresh bool) {
	return m.UpsertString(hash, asString(key))
}

// GetBytes is Get for a byte key.
func (m *Map[V]) GetBytes(hash uint64, key []byte) *V {
	return m.GetString(hash, asString(key))
}

// DeleteBytes is Delete for a byte key.
func (m *Map[V]) DeleteBytes(hash uint64, key []byte) bool {
	return m.DeleteString(hash, asString(key))
}

// asString views the bytes as a string. Nothing below keeps it beyond the call.
func asString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// appendRecord adds a key, which is not in the log yet, and returns its offset.
func (m *Map[V]) appendRecord(key string) uint64 {
	if m.dead > len(m.log)/2 && m.dead >= logDeadMin {
		m.compactLog()
	}
	off := uint64(len(m.log))
	m.log = binary.AppendUvarint(m.log, uint64(len(key)))
	m.log = append(m.log, key...)
	return off
}

// compactLog copies the records of all entries to a new log, in slot order. The log has twice the
// room that they need, which lasts until the next compaction if the number of keys stays.
func (m *Map[V]) compactLog() {
	old := m.log
	m.log = make([]byte, 0, 2*(len(old)-m.dead))
	for i := range m.slots {
		s := &m.slots[i]
		if s.hash == 0 {
			continue
		}
		off := uint64(len(m.log))
		m.log = append(m.log, old[s.off:][:recordBytes(old[s.off:])]...)
		s.off = off
	}
	m.dead = 0
}

// recordBytes returns the length of the record at the head of b.
func recordBytes(b []byte) int {
	n, head := binary.Uvarint(b)
	return head + int(n)
}

// record returns the key at an offset of the log.
func record(log []byte, off uint64) []byte {
	b := log[off:]
	n, head := binary.Uvarint(b)
	return b[head : head+int(n) : head+int(n)]
}

func recordIs(log []byte, off uint64, key string) bool {
	b := log[off:]
	if b[0] < 0x80 { // one length byte: nearly all keys
		n := int(b[0])
		return n == len(key) && string(b[1:1+n]) == key
	}
	return string(record(log, off)) == key
}
