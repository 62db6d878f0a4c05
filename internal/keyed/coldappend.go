package keyed

// What is appended to a value that is only on disk makes an appendix: an entry that holds what was added, and
// not what comes before it, of which nobody knows whether there is any. It is always dirty and backed, or
// else empty: then a native snapshot has put it on disk.
//
//	Add ──▶ appendix ──(leaves the table, native snapshot)──▶ appended on disk
//	           │  │
//	           │  └──(section)──▶ what was on disk at the freeze, and the appendix
//	           └──(found)──▶ read: whole, as other entries are
//
// So a delete knows whether there is anything to be buried, as it finds the entry first.

// readBytes is what reading an appendix's value costs a scan, in bytes of a section.
const readBytes = stepMax * costBytes / stepEntries

func (t *tracked[S]) isAppendix(group, i int) bool { return t.groups[group].marks.has(markAppendix, i) }

// toAppend is the entry of a key to whose value something is appended, marked as changed. Nothing is read.
func (t *tracked[S]) toAppend(k *Current) (group, i int) {
	group, i = t.seek(k)
	if i < 0 {
		group, i = t.insert(k)
		if t.front != nil && t.front.cold.store.Written() {
			t.groups[group].marks.set(markAppendix, i)
			t.groups[group].marks.set(markBacked, i)
		}
		return group, i
	}
	if t.front != nil {
		t.groups[group].marks.set(markUsed, i)
	}
	t.change(group, i)
	return group, i
}

// complete makes the appendix at an index whole.
func (t *tracked[S]) complete(group, i int) {
	f, m := t.front, &t.groups[group]
	if f.capture != nil {
		f.cold.check(f.capture.Commit()) // this appendix may be in it
	}
	was, ok, err := f.cold.store.Get(f.value[:0], t.diskKey(group, i))
	f.cold.check(err)
	f.value = f.raw(was, group, m.valueAt(i))
	f.load(group, i, f.value)
	if cap(f.value) > scratchMax {
		f.value = nil
	}
	m.marks.unset(markAppendix, i)
	if ok {
		m.marks.unset(markBorn, i)
	} else {
		m.marks.unset(markBacked, i)
	}
}

// asFrozen is the raw value of the appendix at an index as it was at the freeze that is being written, valid
// until the next call.
func (t *tracked[S]) asFrozen(group, i int) []byte {
	f := t.front
	was, _, err := f.view.Get(f.value[:0], t.diskKey(group, i))
	f.cold.check(err)
	f.value = f.raw(was, group, t.groups[group].valueAt(i))
	return f.value
}

// appendWhole appends an appendix as sections have values.
func (t *tracked[S]) appendWhole(dst []byte, group, i int) []byte {
	f := t.front
	raw := t.asFrozen(group, i)
	if f.ttl != nil {
		if live := f.ttl.live(raw, f.ttl.ttl.asOf); len(live) > 0 {
			raw = live
		}
	}
	return f.frame(dst, raw)
}
