package keyed

import (
	"math"
	"slices"

	"github.com/flott-dev/flott/internal/operator"
)

// A native snapshot is the files of the store. They have what is on disk; what differs from that in the
// tables is written there after the barrier, as it was at the barrier.
//
//	barrier   what is dirty is frozen, and the store holds back what is written to it from now on
//	Step      dirty entries go to the disk, below that; one that changes or leaves meanwhile goes before
//	the end   the capture is sealed: its files are made, while the task goes on
//
// Then these entries are clean, so that the next snapshot writes what has changed since. No changes are
// told apart, no graves are dug: the store's files are all there is. If the snapshot fails, nothing is
// lost by it.

// dirtyTable is a table of which a native snapshot is taken.
type dirtyTable interface {
	// isEmpty reports whether there is nothing in the table.
	isEmpty() bool
	// freezeDirty freezes what differs from the disk.
	freezeDirty(checkpoint int64, to operator.ColdCapture)
	// writeDirty puts what is frozen at a given cost, and returns what is left of that: nothing if there
	// is more.
	writeDirty(cost int) int
	// stopDirty leaves what is frozen as it is: dirty.
	stopDirty()
}

// trees are the native snapshots of a store.
type trees struct {
	frozen  *frozenTree // whose entries are being written
	base    taken       // what the last confirmed checkpoint has
	pending []taken     // later ones, oldest first
}

type taken struct {
	checkpoint int64
	captured   *operator.Captured
}

// frozenTree is a store as it was at a freeze.
type frozenTree struct {
	c        *cold
	next     int // table
	captured *operator.Captured
}

// beginTree reports whether a snapshot is native. The one before is brought to its end.
func (c *cold) beginTree(w *operator.Snapshot) bool {
	if c == nil || c.store == nil {
		return false
	}
	if c.frozen != nil {
		c.frozen.step(math.MaxInt, nil)
	}
	return w.Native
}

// coldNumber is the number of a state on disk, 0 of one that is in memory.
func (b *Backend) coldNumber(i int) int {
	if s, ok := b.states[i].(interface{ coldNumber() int }); ok && b.cold != nil {
		return s.coldNumber()
	}
	return 0
}

func (t *tracked[S]) coldNumber() int {
	if t.front == nil {
		return 0
	}
	return int(t.front.number)
}

func (s *Values[V]) coldNumber() int {
	if s.isPlain {
		return s.plain.coldNumber()
	}
	return s.packed.records.coldNumber()
}

// treeStates are the names of the states by their numbers.
func (b *Backend) treeStates() []string {
	names := make([]string, len(b.cold.tables))
	for i := range b.states {
		if n := b.coldNumber(i); n > 0 {
			names[n-1] = b.names[i]
		}
	}
	return names
}

// freezeTree freezes the tables and the store.
func (b *Backend) freezeTree(w *operator.Snapshot, full bool) {
	c := b.cold
	isEmpty := !c.store.Written()
	for _, t := range c.tables {
		isEmpty = isEmpty && t.isEmpty()
	}
	if isEmpty {
		return
	}
	captured := &operator.Captured{
		Tree: &operator.Tree{First: b.First, Last: b.Last, States: b.treeStates()},
	}
	if !full && c.base.checkpoint == b.since && c.base.captured != nil {
		w.Since, captured.Known = b.since, tablesOf(c.base.captured.Tree)
	}
	captured.From = c.store.Capture()
	for _, t := range c.tables {
		t.freezeDirty(w.Checkpoint, captured.From)
	}
	c.frozen = &frozenTree{c: c, captured: captured}
	if len(c.pending) == freezesMax { // savepoints are never confirmed
		c.pending = slices.Delete(c.pending, 0, 1)
	}
	c.pending = append(c.pending, taken{w.Checkpoint, captured})
	w.Frozen = append([]operator.Frozen{c.frozen}, w.Frozen...)
}

func tablesOf(t *operator.Tree) map[string]operator.TreeFile {
	tables := map[string]operator.TreeFile{}
	for i := range t.Files {
		if f := &t.Files[i]; f.IsTable() {
			tables[f.Name] = *f
		}
	}
	return tables
}

// confirmTree makes later snapshots name the tables of a checkpoint.
func (c *cold) confirmTree(checkpoint int64) {
	if c == nil {
		return
	}
	c.base = taken{}
	for len(c.pending) > 0 && c.pending[0].checkpoint <= checkpoint {
		if c.pending[0].checkpoint == checkpoint {
			c.base = c.pending[0]
		}
		c.pending = c.pending[1:]
	}
}

// abortTree lets what is held back go on.
func (c *cold) abortTree(checkpoint int64) {
	if c == nil {
		return
	}
	i := slices.IndexFunc(c.pending, func(t taken) bool { return t.checkpoint == checkpoint })
	if i < 0 {
		return
	}
	captured := c.pending[i].captured
	c.pending = slices.Delete(c.pending, i, i+1)
	if f := c.frozen; f != nil && f.captured == captured {
		f.stop()
	}
	captured.From.Discard()
}

// Step writes some of what is dirty. The files are Tree's.
func (f *frozenTree) Step(emit func(operator.Section)) (done bool) { return f.step(stepMax, emit) }

func (f *frozenTree) step(cost int, _ func(operator.Section)) (done bool) {
	if f.c.frozen != f {
		return true
	}
	for ; f.next < len(f.c.tables); f.next++ {
		if cost = f.c.tables[f.next].writeDirty(cost); cost <= 0 {
			f.c.check(f.captured.From.Commit()) // what was written counts as on disk
			return false
		}
	}
	f.c.frozen = nil
	f.c.check(f.captured.From.Seal())
	return true
}

// Discard lets go of what has not been written, which stays dirty, and of what was held back.
func (f *frozenTree) Discard() {
	if f.c.frozen == f {
		f.stop()
	}
	f.captured.From.Discard()
}

func (f *frozenTree) stop() {
	f.c.frozen = nil
	for _, t := range f.c.tables {
		t.stopDirty()
	}
}

// Tree has the files to be stored.
func (f *frozenTree) Tree() *operator.Captured { return f.captured }

func (t *tracked[S]) isEmpty() bool {
	if t.front.prepare != nil {
		t.front.prepare()
	}
	return t.Len() == 0
}

func (t *tracked[S]) freezeDirty(checkpoint int64, to operator.ColdCapture) {
	t.finish()
	if t.front.prepare != nil {
		t.front.prepare()
	}
	t.begin(checkpoint)
	for g := range t.groups {
		k := &t.groups[g].marks
		k.freeze()
		k.beginScan(scanDirty)
	}
	t.front.capture, t.front.dirty = to, 0
}

// finishDirty writes what is left of a native snapshot.
func (t *tracked[S]) finishDirty() {
	if t.front == nil || t.front.capture == nil {
		return
	}
	capture := t.front.capture
	t.writeDirty(math.MaxInt)
	t.front.cold.check(capture.Commit())
}

func (t *tracked[S]) writeDirty(cost int) int {
	f := t.front
	if f.capture == nil {
		return cost
	}
	for ; f.dirty < len(t.groups) && cost > 0; f.dirty++ {
		k := &t.groups[f.dirty].marks
		if k.track.scan != scanDirty {
			continue
		}
		cost = k.scanChanges(cost, nil, func(i int) (bytes int, more bool) {
			return t.putDirty(f.dirty, i), true
		})
		if k.track.cursor > 0 {
			return 0
		}
		k.endScan()
		cost--
	}
	if f.dirty < len(t.groups) {
		return 0
	}
	f.capture = nil
	return max(cost, 1)
}

func (t *tracked[S]) stopDirty() {
	if t.front.capture == nil {
		return
	}
	t.front.capture = nil
	for g := range t.groups {
		t.groups[g].marks.endScan()
	}
}

// putDirty writes the entry at an index to disk as it was at the barrier. It returns how many bytes that
// took.
func (t *tracked[S]) putDirty(g, i int) (bytes int) {
	f, m := t.front, &t.groups[g]
	f.value = f.raw(f.value[:0], g, m.valueAt(i))
	if m.marks.has(markAppendix, i) {
		f.capture.Merge(t.diskKey(g, i), f.value)
		f.empty(g, i)
	} else {
		f.capture.Put(t.diskKey(g, i), f.value)
	}
	m.marks.unset(markDirty, i)
	m.marks.set(markBacked, i)
	return len(f.key) + len(f.value)
}

// adopt makes the files of a native snapshot the store, if they are those of this backend: of the same
// key groups and of the states of today, under the numbers and in the form of today. It reports whether
// it did; sections of states on disk are not restored then.
func (b *Backend) adopt(from *operator.State, rewriters []*rewriter) (bool, error) {
	if b.cold == nil || b.cold.store == nil || len(from.Trees) != 1 {
		return false, nil
	}
	t := from.Trees[0]
	if t.First != b.First || t.Last != b.Last || !b.fits(from, t.States, rewriters) {
		return false, nil
	}
	if err := b.cold.store.Adopt(t); err != nil {
		return false, err
	}
	batch := b.cold.store.Batch() // the notes of another run
	batch.DeleteRange([]byte{'x'}, []byte{'x' + 1})
	return true, batch.Commit()
}

// fits reports whether the states on disk are those that a tree has.
func (b *Backend) fits(from *operator.State, was []string, rewriters []*rewriter) bool {
	is := b.treeStates()
	for n, name := range was {
		if name != "" && (n >= len(is) || is[n] != name) {
			return false
		}
	}
	for i, name := range b.names {
		n := b.coldNumber(i)
		if n == 0 {
			continue
		}
		if n <= len(was) && was[n-1] == "" {
			return false // entries of a state that had no name
		}
		d, ok := from.Described[name]
		if ok && (rewriters[i] != nil || d.Kind != b.states[i].Describe().Kind) {
			return false
		}
		for k := range from.Keyed {
			s := &from.Keyed[k]
			if _, isTree := s.Data.(operator.Parted); s.State == name && !isTree {
				return false // it has sections besides
			}
		}
	}
	return true
}
