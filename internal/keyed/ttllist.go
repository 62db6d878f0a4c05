package keyed

import (
	"encoding/binary"
	"slices"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
)

// TTLList is a List whose items expire one by one. The items of a list are in order of their times, but
// for a clock that goes back: so the expired ones are the first.
type TTLList[E any] struct {
	*List[Timed[E]]
	sweeper sweeper
	isBare  bool // see TTLValues
	bare    *codec.Codec[E]
	timed   []Timed[E]
}

// NewTTLList returns an empty state of b.
func NewTTLList[E any](b *Backend, c *codec.Codec[Timed[E]], bare *codec.Codec[E], ttl TTL,
) *TTLList[E] {
	l := &TTLList[E]{List: NewList(b, c), sweeper: newSweeper(b, ttl), bare: bare}
	l.keep = func(g int, ref *uint64) bool {
		return len(l.live(l.data(g, *ref), l.sweeper.asOf)) > 0
	}
	l.expire(&l.sweeper, l.live, nil)
	write := l.appendValue
	l.appendValue = func(dst []byte, g int, ref *uint64) []byte {
		n := len(dst)
		dst = write(dst, g, ref)
		list := l.data(g, *ref)
		if live := l.live(list, l.sweeper.asOf); len(live) > 0 && len(live) < len(list) {
			dst = append(binary.AppendUvarint(dst[:n], uint64(len(live))), live...)
		}
		return dst
	}
	return l
}

// live is what is left of an encoded list without the expired items at its head.
func (l *TTLList[E]) live(list []byte, now int64) []byte {
	for len(list) > 0 && l.sweeper.isExpired(timeOf(list), now) {
		var e Timed[E]
		rest, err := l.codec.Decode(list, &e)
		if err != nil {
			panic(err) // what was encoded here
		}
		list = rest
	}
	return list
}

// Add is List.Add.
func (l *TTLList[E]) Add(items ...E) { l.List.Add(l.wrap(items, l.begin())...) }

// Set is List.Set.
func (l *TTLList[E]) Set(items []E) { l.List.Set(l.wrap(items, l.begin())) }

func (l *TTLList[E]) wrap(items []E, now int64) []Timed[E] {
	clear(l.timed)
	l.timed = l.timed[:0]
	for _, e := range items {
		l.timed = append(l.timed, Timed[E]{now, e})
	}
	return l.timed
}

// Get is List.Get.
func (l *TTLList[E]) Get() []E {
	now := l.begin()
	timed := l.List.Get()
	if len(timed) == 0 {
		return nil
	}
	items := make([]E, 0, len(timed))
	changed := false
	for i := range timed {
		isExpired := l.sweeper.isExpired(timed[i].At, now)
		if !isExpired || l.sweeper.ReturnExpired {
			items = append(items, timed[i].V)
		}
		changed = changed || isExpired || l.sweeper.OnRead && timed[i].At != now
	}
	if changed {
		timed = slices.DeleteFunc(timed, func(t Timed[E]) bool { return l.sweeper.isExpired(t.At, now) })
		if l.sweeper.OnRead {
			for i := range timed {
				timed[i].At = now
			}
		}
		l.List.Set(timed)
	}
	if len(items) == 0 {
		return nil
	}
	return items
}

// begin begins an access.
func (l *TTLList[E]) begin() (now int64) {
	now = l.b.now()
	if n := l.sweeper.access(now); n > 0 {
		sweepTable(&l.sweeper, &l.Table, n, now, func(g, i int) (oldest int64, n int) {
			return l.sweep(g, i, now)
		})
	}
	return now
}

func (l *TTLList[E]) sweep(g, i int, now int64) (oldest int64, n int) {
	list := l.data(g, *l.groups[g].valueAt(i))
	if l.isAppendix(g, i) { // what comes before it expires when that is read, or is swept on disk
		switch {
		case len(list) == 0:
			return now, 1
		case !l.sweeper.isExpired(timeOf(list), now):
			return timeOf(list), 1
		}
		l.complete(g, i)
		list = l.data(g, *l.groups[g].valueAt(i))
	}
	live := l.live(list, now)
	n = max(1, (len(list)-len(live))/(2*timeBytes)) // about
	switch {
	case len(live) == 0:
		l.remove(g, i)
		return now, n
	case len(live) < len(list):
		l.scratch = append(l.scratch[:0], live...)
		l.tracked.change(g, i)
		l.set(g, i, l.scratch)
		live = l.scratch
	}
	return timeOf(live), n
}

// Freeze freezes the state for a checkpoint. Full sections leave out what is expired then.
func (l *TTLList[E]) Freeze(name string, checkpoint int64, full bool) operator.Frozen {
	l.sweeper.asOf = l.b.now()
	return l.List.Freeze(name, checkpoint, full)
}

// Describe is the form of the entries.
func (l *TTLList[E]) Describe() operator.Description {
	d := l.List.Describe()
	d.Kind += ttlSuffix
	return d
}

// Adapt tells the form of what is about to be restored.
func (l *TTLList[E]) Adapt(d operator.Description) { l.isBare = d.Kind == "list" }

// RestoreGroup applies a section. Items of a state without TTL are as old as the restore.
func (l *TTLList[E]) RestoreGroup(kg int, delta bool, src []byte) error {
	if !l.isBare {
		return l.List.RestoreGroup(kg, delta, src)
	}
	now := l.b.now()
	n, fixed := l.bare.FixedSize()
	pad := fixed && n == 0
	return l.b.takeSection(delta, src, l.Drop, func(src []byte) (rest []byte, err error) {
		list, rest, err := takeList(src)
		var timed []Timed[E]
		for err == nil && len(list) > 0 {
			t := Timed[E]{At: now}
			if list, err = l.bare.Decode(list, &t.V); pad {
				list = list[1:]
			}
			timed = append(timed, t)
		}
		if err == nil {
			l.List.Set(timed)
		}
		return rest, err
	})
}
