package agg

import (
	"bytes"
	"encoding/binary"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/row"
)

// arrivals is the arguments of a call's rows as they came: numbered, and with retractions by value too, so that the
// first one that is the same can be taken away. A word has the next number.
type arrivals struct {
	args     []int
	at       int
	byNumber entries // 's'
	byValue  entries // 'v'
	retract  bool
	layout   *colcodec.Layout
	cols     []*column.Vector // of the input
	values   []*column.Vector // decoded
	scratch  []byte
}

func (m *maker) arrivals() arrivals {
	l := arrivals{args: m.call.Args, retract: m.retract, byNumber: m.entries('s'), byValue: m.entries('v')}
	var types []*row.Type
	for i := range m.call.Args {
		types = append(types, m.argType(i))
		l.values = append(l.values, column.New(m.argType(i)))
	}
	l.layout = colcodec.NewLayout(types)
	return l
}

const numberBytes = 8

func (l *arrivals) words() int   { return 1 }
func (l *arrivals) place(at int) { l.at = at }

func (l *arrivals) update(r *Rows) {
	l.cols = l.cols[:0]
	for _, c := range l.args {
		l.cols = append(l.cols, r.Cols[c])
	}
	for i, p := range r.Places {
		r.current(i)
		l.scratch = l.layout.Append(l.scratch[:0], l.cols, int(p))
		if r.minus(i) {
			l.remove(l.scratch)
		} else {
			l.add(r.Accs[i], l.scratch)
		}
	}
}

// add adds an encoded row to the current group.
func (l *arrivals) add(a Acc, value []byte) {
	n := word(a, l.at)
	l.put(&l.byNumber, *n, value)
	if l.retract {
		key := append(l.byValue.prefix(), value...)
		key = binary.BigEndian.AppendUint64(key, *n)
		l.byValue.buf = key
		l.byValue.Put(key, 1)
	}
	*n++
}

func (l *arrivals) put(e *entries, n uint64, value []byte) {
	key := binary.BigEndian.AppendUint64(e.prefix(), n)
	key = append(key, value...)
	e.buf = key
	e.Put(key, 1)
}

// remove takes the first row away that is the same. One that is not there is passed over.
func (l *arrivals) remove(value []byte) {
	number, _, ok := l.byValue.first(value...)
	if !ok {
		return
	}
	n := binary.BigEndian.Uint64(number)
	key := append(l.byValue.prefix(), value...)
	key = binary.BigEndian.AppendUint64(key, n)
	l.byValue.buf = key
	l.byValue.Delete(key)
	key = binary.BigEndian.AppendUint64(l.byNumber.prefix(), n)
	key = append(key, value...)
	l.byNumber.buf = key
	l.byNumber.Delete(key)
}

// edge is the first row of the current group, or the last one, encoded.
func (l *arrivals) edge(last bool) (value []byte, ok bool) {
	if !last {
		rest, _, ok := l.byNumber.first()
		if !ok {
			return nil, false
		}
		return rest[numberBytes:], true
	}
	p := l.byNumber.prefix()
	end := append([]byte(nil), p...)
	end[len(end)-1]++
	for sub := range l.byNumber.Descend(end) {
		if bytes.HasPrefix(sub, p) {
			return sub[len(p)+numberBytes:], true
		}
		break
	}
	return nil, false
}

// decode is a row's arguments: each is value 0 of a vector.
func (l *arrivals) decode(value []byte) []*column.Vector {
	for _, v := range l.values {
		v.Reset()
	}
	if _, err := l.layout.Decode(value, l.values); err != nil {
		panic(err) // what was encoded here
	}
	return l.values
}

// all calls f for the arguments of each row of the current group.
func (l *arrivals) all(f func(args []*column.Vector)) {
	l.byNumber.all(func(rest []byte, _ int64) bool {
		f(l.decode(rest[numberBytes:]))
		return true
	})
}

// merge takes the rows of src as those that came later.
func (l *arrivals) merge(dst, _ Acc, m *merging) {
	for _, e := range l.byNumber.in(m.from) {
		l.add(dst, e.rest[numberBytes:])
	}
}
