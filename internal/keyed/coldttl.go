package keyed

import "math"

// diskSweeper removes what is expired and only on disk. With each batch it goes on where it stopped,
// key group by key group in the order of the keys, over a bounded number of entries. What is in the
// table too is left to the table's sweeper. As there, a pass that has ended tells when the next one
// begins.
//
// No grave is dug and nothing counts as changed: an earlier checkpoint from which an entry comes back has
// it with a time that is no later, so that it is expired there too.
type diskSweeper struct {
	ttl *sweeper
	// live is what is left of a raw value at a time: all, the end of a list, or nothing.
	live func(raw []byte, now int64) []byte
	// held reports whether a value, expired on disk, is newer in memory although the table has no entry;
	// nil is never.
	held func(k Current, now int64) bool

	at     []byte // the first key that was not looked at; empty is the start of a pass
	begun  int64
	oldest int64
	next   int64 // when the next pass begins
}

// diskSweep is how many entries are looked at with each batch, for each of TTL.Sweep.
const diskSweep = 16

// expire makes what is expired leave the disk behind the table, if there is one.
func (t *tracked[S]) expire(w *sweeper, live func(raw []byte, now int64) []byte,
	held func(k Current, now int64) bool,
) {
	if t.front == nil {
		return
	}
	t.front.ttl = &diskSweeper{ttl: w, live: live, held: held}
	if w.Sweep > 0 {
		t.front.cold.sweeps = append(t.front.cold.sweeps, t.sweepDisk)
	}
}

// liveValue is diskSweeper.live of one Timed value.
func (s *sweeper) liveValue(raw []byte, now int64) []byte {
	if s.isExpired(timeOf(raw), now) {
		return nil
	}
	return raw
}

// sweep removes some of what is expired. It is called between batches.
func (c *cold) sweep() {
	if c.store == nil || !c.store.Written() {
		return
	}
	for _, f := range c.sweeps {
		f()
	}
}

func (t *tracked[S]) sweepDisk() {
	f := t.front
	s := f.ttl
	now := s.ttl.b.now()
	if now < s.next {
		return
	}
	all := f.prefix(nil, 0)[:3]
	if len(s.at) == 0 {
		s.at, s.begun, s.oldest = append(s.at, all...), now, math.MaxInt64
	}
	scan, err := f.cold.store.Scan(s.at, after(all))
	f.cold.check(err)
	b := f.cold.store.Batch()
	more := true
	for n := s.ttl.Sweep * diskSweep; n > 0; n-- {
		if more = scan.Next(); !more {
			break
		}
		key, raw := scan.Entry()
		live := s.live(raw, now)
		if len(live) < len(raw) && !t.isHeld(key, now) {
			if len(live) == 0 {
				b.Delete(key)
			} else {
				b.Put(key, live)
			}
		}
		if len(live) > 0 {
			s.oldest = min(s.oldest, timeOf(live))
		}
		s.at = append(append(s.at[:0], key...), 0)
	}
	f.cold.check(scan.Close())
	f.cold.check(b.Commit())
	if !more {
		s.at, s.next = s.at[:0], min(s.oldest, s.begun)+s.ttl.Millis
	}
}

// isHeld reports whether the value of a key on disk is in memory, and maybe newer there.
func (t *tracked[S]) isHeld(key []byte, now int64) bool {
	k, _, err := t.b.TakeKey(key[prefixBytes:])
	t.front.cold.check(err)
	if _, i := t.seek(&k); i >= 0 {
		return true
	}
	held := t.front.ttl.held
	return held != nil && held(k, now)
}
