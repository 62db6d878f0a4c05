package keyed

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"
)

// A byte log is not compacted while fewer bytes than this are dead.
const logDeadMin = 1 << 10

// UpsertString is Upsert for a byte key. The key is copied.
//
//flott:hot
func (m *Map[V]) UpsertString(hash uint64, key string) (v *V, fresh bool) {
	i := int(hash & m.mask)
	for ; i < len(m.slots); i++ {
		s := &m.slots[i]
		if s.ref.isOf(hash) && recordIs(m.log, s.ref, key) {
			if m.marks.isFirst(i) {
				m.firstChange(i)
			}
			return &s.v, false
		}
		if s.ref == 0 {
			break
		}
	}
	if m.n >= m.limit || i >= len(m.slots) || m.n == 0 {
		i = m.makeRoom(hash)
	}
	m.n++
	s := &m.slots[i]
	s.ref = m.appendRecord(hash, key)
	if m.marks.track != nil {
		m.marks.create(i)
	}
	return &s.v, true
}

// GetString is Get for a byte key.
//
//flott:hot
func (m *Map[V]) GetString(hash uint64, key string) *V {
	for i := int(hash & m.mask); i < len(m.slots); i++ {
		s := &m.slots[i]
		if s.ref.isOf(hash) && recordIs(m.log, s.ref, key) {
			return &s.v
		}
		if s.ref == 0 {
			break
		}
	}
	return nil
}

// findString returns the index of a byte key as Next does, -1 if it is absent.
func (m *Map[V]) findString(hash uint64, key string) int {
	for i := int(hash & m.mask); i < len(m.slots); i++ {
		s := &m.slots[i]
		if s.ref.isOf(hash) && recordIs(m.log, s.ref, key) {
			return i
		}
		if s.ref == 0 {
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

// appendRecord adds a key, which is not in the log yet.
func (m *Map[V]) appendRecord(hash uint64, key string) ref {
	if m.dead > len(m.log)/2 && m.dead >= logDeadMin {
		m.compactLog()
	}
	if len(m.log) == 0 {
		m.log = append(m.log, logHead...)
	}
	r := refOf(hash, len(m.log))
	m.log = binary.LittleEndian.AppendUint32(m.log, uint32(hash>>32))
	m.log = binary.AppendUvarint(m.log, uint64(len(key)))
	m.log = append(m.log, key...)
	m.log = append(m.log, logHead[:-len(m.log)&(recordAlign-1)]...)
	return r
}

// compactLog copies the records of all entries to a new log, in slot order. The log has twice the
// room that they need, which lasts until the next compaction if the number of keys stays.
func (m *Map[V]) compactLog() {
	old := m.log
	m.log = append(make([]byte, 0, 2*(len(old)-m.dead)), logHead...)
	for i := range m.slots {
		s := &m.slots[i]
		if s.ref == 0 {
			continue
		}
		b := old[s.ref.off():]
		s.ref = refOf(s.ref.hash(), len(m.log))
		m.log = append(m.log, b[:recordBytes(b)]...)
	}
	m.dead = 0
}

// ref is the low half of a hash and where the key's record is in the log, in units of recordAlign. With
// a value of eight bytes a slot has 16, of which none lies on two cache lines; all that a search and
// a move in the table need of the hash is its low half. No record is at 0.
//
//	log  ┌──────┬────────────────────┬────────┬───────┬─────┬──────────
//	     │ head │ high half of hash  │ length │ bytes │ pad │ high half …
//	     └──────┴────────────────────┴────────┴───────┴─────┴──────────
//	     4      4                    uvarint          to a multiple of 4
type ref uint64

const (
	recordAlign = 4
	hashBytes   = 4
)

// logHead is what a log begins with, and zeros to pad with.
var logHead = make([]byte, recordAlign)

func refOf(hash uint64, off int) ref {
	place := uint64(off) / recordAlign
	if place > math.MaxUint32 {
		panic(fmt.Errorf("the keys of one table take more than %d GiB: use a higher parallelism or "+
			"keep the state on disk", recordAlign*4))
	}
	return ref(hash<<32 | place)
}

// off is the offset of the record.
func (r ref) off() uint64 { return uint64(uint32(r)) * recordAlign }

// hash is the hash without its high half.
func (r ref) hash() uint64 { return uint64(r >> 32) }

// isOf reports whether the key may have that hash.
func (r ref) isOf(hash uint64) bool { return uint32(r>>32) == uint32(hash) && r != 0 }

// recordBytes returns the length of the record at the head of b.
func recordBytes(b []byte) int {
	n, head := binary.Uvarint(b[hashBytes:])
	return (hashBytes + head + int(n) + recordAlign - 1) &^ (recordAlign - 1)
}

// record returns the key of a slot and its hash.
func record(log []byte, r ref) (hash uint64, key []byte) {
	b := log[r.off():]
	hash = uint64(binary.LittleEndian.Uint32(b))<<32 | r.hash()
	b = b[hashBytes:]
	n, head := binary.Uvarint(b)
	return hash, b[head : head+int(n) : head+int(n)]
}

func recordIs(log []byte, r ref, key string) bool {
	b := log[r.off()+hashBytes:]
	if b[0] < 0x80 { // one length byte: nearly all keys
		n := int(b[0])
		return n == len(key) && string(b[1:1+n]) == key
	}
	_, k := record(log, r)
	return string(k) == key
}
