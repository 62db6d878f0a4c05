package keyed

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unsafe"

	"github.com/flott-dev/flott/internal/operator"
)

// cold is the disk behind the tables of a Backend. Where there is one, a table is a cache that is
// written back: an entry is on disk, in the table, or in both, and the table's is the newer.
//
//	look-up ──▶ table ──(not there)──▶ disk
//	              │  ▲                  │ ▲
//	              │  └──── admitted ────┘ │
//	              └────(trim)── dirty ────┘
//
// Keys on disk, all numbers big endian; the key is as Backend.AppendKey writes it:
//
//	'v' state(2) group(2) key             value, without what delimits it in sections
//	'x' state(2) freeze(8) group(2) key   nothing: the key had changed since the freeze before when
//	                                      its entry left the table
type cold struct {
	open   func() operator.Cold
	store  operator.Cold // opened by the first table
	fail   func(err error)
	tables []frontTable
	share  int64 // of memory; as of the last look
	added  int   // entries since then
	ticks  int
	bulk   operator.ColdBulk // of a restore, nil when there is none
	sweeps []func()          // of the tables with a time to live
	native bool              // nobody asks what has changed since the last checkpoint
	trees                    // the native snapshots
}

// frontTable is a table in front of the disk.
type frontTable interface {
	bytes() int64
	evict(part float64)
	dirtyTable
}

const (
	// How many new entries, and how many calls of trim, pass between two looks at the memory.
	trimEntries = 512
	trimCalls   = 64
	// A trim makes room for this part of what is allowed.
	trimPart = 1.0 / 8
	// A batch of writes is committed when it is larger.
	batchBytes = 1 << 20
)

func newCold(ctx *operator.Context) *cold {
	if ctx.Cold == nil {
		return nil
	}
	c := &cold{
		open: ctx.Cold, fail: func(err error) { ctx.Fail(err, nil) }, native: ctx.Native,
	}
	ctx.Between(c.trim)
	ctx.Between(c.sweep)
	ctx.OnClose(func() error {
		if c.store == nil {
			return nil
		}
		return c.store.Close()
	})
	return c
}

// add makes t one of the tables, with a number for its keys.
func (c *cold) add(t frontTable) uint16 {
	if c.store == nil {
		c.store = c.open()
	}
	c.tables = append(c.tables, t)
	return uint16(len(c.tables))
}

func (c *cold) check(err error) {
	if err != nil {
		c.fail(err)
	}
}

// trim writes entries to disk that the tables have no room for. It is called between batches, when
// nobody holds a value.
func (c *cold) trim() {
	if c.ticks++; c.share > 0 && c.added < trimEntries && c.ticks < trimCalls || c.store == nil {
		return
	}
	c.added, c.ticks, c.share = 0, 0, c.store.Share()
	total := int64(0)
	for _, t := range c.tables {
		total += t.bytes()
	}
	if total <= c.share {
		return
	}
	part := 1 - float64(c.share)*(1-trimPart)/float64(total)
	for _, t := range c.tables {
		t.evict(part)
	}
}

// form is how the values of a state get to the disk and back. A raw value is one without what
// delimits it in sections.
type form[S any] struct {
	// raw appends the raw value of a slot of a group.
	raw func(dst []byte, group int, v *S) []byte
	// load sets the value of a slot.
	load func(group, i int, raw []byte)
	// frame appends a raw value as sections have it; nil is as it is.
	frame func(dst, raw []byte) []byte
	// split takes a raw value from the head of a section.
	split func(src []byte) (raw, rest []byte, err error)
	// empty makes the raw value of an entry empty; nil where values are not appended to.
	empty func(group, i int)
	// prepare is called before entries leave; nil is nothing.
	prepare func()
	// leave is called for the entry at an index that is about to leave the table, and left for the group
	// when they have; nil is nothing.
	leave func(group, i int)
	left  func(group int)
	// extra is the number of bytes besides slots and keys.
	extra func() int64
}

// front is what a tracked table has besides, when the disk is behind it.
type front[S any] struct {
	form[S]
	cold       *cold
	number     uint16 // of the state
	hand       int    // where evict goes on: the group and the index
	handGroup  int
	key, value []byte

	gone      []uint64 // of each group: the last freeze for which keys that have left are noted
	confirmed uint64   // the freeze up to which notes are of no use

	ttl *diskSweeper // nil without a time to live

	view  operator.ColdView // as of the freeze that is being written
	rest  []scanKind        // what of each group is to be written from the view
	skip  []Map[struct{}]   // keys on disk whose entries were written from the table
	next  int               // the group
	age   uint64            // the freeze whose notes are being read
	scan  operator.ColdScan
	chunk []byte

	capture operator.ColdCapture // that what is dirty goes to, nil without one
	dirty   int                  // the next group
}

// chill puts the disk of b behind the table, if it has one.
func (t *tracked[S]) chill(f form[S]) {
	c := t.b.cold
	if c == nil {
		return
	}
	t.front = &front[S]{
		form: f, cold: c, gone: make([]uint64, len(t.groups)),
		rest: make([]scanKind, len(t.groups)), skip: make([]Map[struct{}], len(t.groups)),
	}
	t.front.hand = -1
	t.front.number = c.add(t)
	t.track()
	for g := range t.groups {
		m := &t.groups[g]
		k := m.marks.track
		k.always[markUsed], k.always[markDirty], k.always[markBacked] = true, true, true
		k.always[markAppendix] = f.empty != nil
		k.some = k.always
		m.marks.resize(0)
	}
}

func (f *front[S]) prefix(dst []byte, group int) []byte {
	dst = append(dst, 'v')
	dst = binary.BigEndian.AppendUint16(dst, f.number)
	return binary.BigEndian.AppendUint16(dst, uint16(group))
}

func (f *front[S]) notes(dst []byte, freeze uint64) []byte {
	dst = append(dst, 'x')
	dst = binary.BigEndian.AppendUint16(dst, f.number)
	return binary.BigEndian.AppendUint64(dst, freeze)
}

const (
	prefixBytes = 5
	notesBytes  = 11 + 2 // with the group
)

// after is the end of the range of keys with a prefix.
func after(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// found ends a look-up in the table: what is not there may be on disk.
func (t *tracked[S]) found(group, i int, k *Current) int {
	if i < 0 {
		return t.fault(group, k)
	}
	m := &t.groups[group]
	if m.marks.set(markUsed, i); m.marks.has(markAppendix, i) {
		t.complete(group, i)
	}
	return i
}

// diskKey is the key on disk of the entry at an index, valid until the next call.
func (t *tracked[S]) diskKey(group, i int) []byte {
	f := t.front
	word, key := t.groups[group].keyAt(i)
	f.key = t.b.AppendKey(f.prefix(f.key[:0], group), word, key)
	return f.key
}

// fault looks up a key on disk.
func (t *tracked[S]) fault(group int, k *Current) int {
	f := t.front
	if !f.cold.store.Written() {
		return -1
	}
	f.key = t.b.AppendKey(f.prefix(f.key[:0], group), k.Word, k.Bytes)
	raw, ok, err := f.cold.store.Get(f.value[:0], f.key)
	f.cold.check(err)
	if f.value = raw; cap(raw) > scratchMax {
		f.value = nil
	}
	if !ok {
		return -1
	}
	return t.admit(group, k, raw)
}

// admit makes an entry of what is on disk, unchanged.
func (t *tracked[S]) admit(group int, k *Current, raw []byte) int {
	m := &t.groups[group]
	some := m.marks.track.some
	i := t.put(group, k)
	for _, kind := range [...]int{markChanged, markBorn} {
		m.marks.unset(kind, i)
		m.marks.track.some[kind] = some[kind]
	}
	m.marks.set(markBacked, i)
	m.marks.set(markUsed, i)
	t.front.load(group, i, raw)
	return i
}

// put makes an entry for a key that is not in the table.
func (t *tracked[S]) put(group int, k *Current) (i int) {
	m := &t.groups[group]
	if t.front != nil {
		t.front.cold.added++
	}
	if t.b.IsWord {
		m.Upsert(k.Hash, k.Word)
		return m.findWord(k.Hash, k.Word)
	}
	m.UpsertString(k.Hash, asString(k.Bytes))
	return m.findString(k.Hash, asString(k.Bytes))
}

// insert makes an entry for a key that find has not found.
func (t *tracked[S]) insert(k *Current) (group, i int) {
	group = t.indexOf(k.Hash)
	i = t.put(group, k)
	if t.front != nil {
		t.groups[group].marks.set(markUsed, i)
		t.groups[group].marks.set(markDirty, i)
	}
	return group, i
}

// upsertCold is upsert with the disk behind.
func (t *tracked[S]) upsertCold(k *Current) (v *S, fresh bool) {
	g, i := t.find(k)
	if fresh = i < 0; fresh {
		g, i = t.insert(k)
	}
	return t.change(g, i), fresh
}

// unback deletes from the disk the entry at an index, which is about to be deleted.
func (t *tracked[S]) unback(group, i int) {
	f, m := t.front, &t.groups[group]
	if !m.marks.has(markBacked, i) {
		return
	}
	b := f.cold.store.Batch()
	b.Delete(t.diskKey(group, i))
	f.cold.check(b.Commit())
}

// bytes is about how much memory the entries take.
func (t *tracked[S]) bytes() int64 {
	n := int64(0)
	for g := range t.groups {
		m := &t.groups[g]
		if m.n > 0 {
			n += 2 * (int64(m.n)*int64(unsafe.Sizeof(slot[S]{})) + int64(len(m.log)-m.dead))
		} else {
			n += 2 * int64(m.words.n) * int64(unsafe.Sizeof(wordSlot[S]{}))
		}
	}
	if t.front != nil && t.front.extra != nil {
		n += t.front.extra()
	}
	return n
}

// evict writes a part of the entries to disk, as far as they differ from what is there, and drops
// them from the table. It takes what was not used since it last came by.
func (t *tracked[S]) evict(part float64) {
	f := t.front
	total := t.Len()
	want := min(int(float64(total)*part)+1, total)
	if want == 0 {
		return
	}
	if f.prepare != nil {
		f.prepare()
	}
	b := f.cold.store.Batch()
	// Once around lets everything go that was used before; a second time there is nothing that was.
	for turns := 2*len(t.groups) + 1; want > 0 && turns > 0; turns-- {
		want -= t.evictFrom(f.handGroup, want, &b)
		if f.hand < 0 {
			f.handGroup = (f.handGroup + 1) % len(t.groups)
		}
	}
	f.cold.check(b.Commit())
	if f.capture != nil {
		f.cold.check(f.capture.Commit())
	}
}

// evictFrom evicts up to want entries of a group.
func (t *tracked[S]) evictFrom(g, want int, b *operator.ColdBatch) (n int) {
	f, m := t.front, &t.groups[g]
	if m.Len() == 0 {
		f.hand = -1
		return 0
	}
	if t.now != nil {
		t.writeGroup(g) // while it is as it was
	}
	i := f.hand
	if i > max(len(m.slots), len(m.words.slots)) {
		i = -1 // it has become smaller
	}
	for i = m.Next(i); i >= 0 && n < want; i = m.Next(i) {
		if m.marks.has(markUsed, i) {
			m.marks.unset(markUsed, i)
			continue
		}
		if m.marks.track.scan == scanDirty && m.marks.isFirst(i) && m.marks.has(markDirty, i) {
			t.putDirty(g, i)
		}
		t.writeOut(*b, g, i)
		if (*b).Bytes() > batchBytes {
			f.cold.check((*b).Commit())
			*b = f.cold.store.Batch()
		}
		if f.leave != nil {
			f.leave(g, i)
		}
		m.forget(i)
		n++
		if m.Len() == 0 {
			i = -1
			break
		}
	}
	if f.hand = i; f.hand == 0 {
		f.hand = -1
	}
	if m.dead > len(m.log)/2 && m.dead >= logDeadMin {
		m.compactLog()
	}
	if f.left != nil {
		f.left(g)
	}
	return n
}

// writeOut writes the entry at an index to disk if it differs from what is there, and notes its key
// if no confirmed checkpoint has it.
func (t *tracked[S]) writeOut(b operator.ColdBatch, g, i int) {
	f, m := t.front, &t.groups[g]
	k := &m.marks
	if k.has(markDirty, i) {
		f.value = f.raw(f.value[:0], g, m.valueAt(i))
		if k.has(markAppendix, i) {
			b.Merge(t.diskKey(g, i), f.value)
		} else {
			b.Put(t.diskKey(g, i), f.value)
		}
	}
	if t.freezeN == 0 || f.cold.native {
		return // what is written first is written whole
	}
	freeze := uint64(0)
	switch {
	case k.has(markChanged, i):
		freeze = t.freezeN + 1
	case k.has(markRecent, i):
		freeze = t.freezeN
	case k.has(markOlder, i):
		freeze = t.freezeN - 1
	}
	if freeze <= f.confirmed {
		return
	}
	f.gone[g] = max(f.gone[g], freeze)
	word, key := m.keyAt(i)
	f.key = binary.BigEndian.AppendUint16(f.notes(f.key[:0], freeze), uint16(g))
	b.Put(t.b.AppendKey(f.key, word, key), nil)
}

// forget removes the entry at an index, of which nothing is remembered.
func (m *Map[V]) forget(i int) {
	w := &m.words
	switch {
	case m.n > 0:
		m.closeGap(i)
	case i < len(w.slots):
		w.remove(i, &m.marks)
	default:
		w.top = nil
		m.marks.drop(i)
	}
}

// clearCold drops what is on disk.
func (f *front[S]) clearCold() {
	clear(f.gone)
	f.hand, f.handGroup = -1, 0
	if !f.cold.store.Written() {
		return
	}
	b := f.cold.store.Batch()
	for _, first := range [][]byte{f.prefix(nil, 0)[:3], f.notes(nil, 0)[:3]} {
		b.DeleteRange(first, after(first))
	}
	f.cold.check(b.Commit())
}

// restoreCold applies a section on disk.
func (t *tracked[S]) restoreCold(kg int, delta bool, src []byte) error {
	f := t.front
	b := f.cold.restoring()
	prefix := f.prefix(nil, kg-t.first)
	take := func() (key []byte, err error) {
		_, rest, err := t.b.TakeKey(src)
		if err == nil {
			f.key = append(append(f.key[:0], prefix...), src[:len(src)-len(rest)]...)
			src = rest
		}
		return f.key, err
	}
	if delta {
		n, used := binary.Uvarint(src)
		if used <= 0 {
			return fmt.Errorf("the number of deleted keys is cut off")
		}
		src = src[used:]
		for range n {
			key, err := take()
			if err != nil {
				return err
			}
			b.Delete(key)
		}
	}
	for len(src) > 0 {
		key, err := take()
		if err != nil {
			return err
		}
		raw, rest, err := f.split(src)
		if err != nil {
			return err
		}
		b.Put(key, raw)
		src = rest
	}
	return nil
}

// restoring is where sections go that are restored past the tables.
func (c *cold) restoring() operator.ColdBulk {
	if c.bulk == nil {
		c.bulk = c.store.Bulk()
	}
	return c.bulk
}

// restored ends a restore.
func (c *cold) restored() error {
	if c == nil || c.bulk == nil {
		return nil
	}
	b := c.bulk
	c.bulk = nil
	return b.Commit()
}

// each calls f for the entries that are only on disk.
func (t *tracked[S]) eachCold(f func(group int, k Current, raw []byte)) {
	c := t.front.cold
	for g := range t.groups {
		prefix := t.front.prefix(nil, g)
		scan, err := c.store.Scan(prefix, after(prefix))
		c.check(err)
		for scan.Next() {
			key, raw := scan.Entry()
			k, _, err := t.b.TakeKey(key[len(prefix):])
			c.check(err)
			if _, i := t.seek(&k); i < 0 {
				f(g, k, raw)
			}
		}
		c.check(scan.Close())
	}
}
