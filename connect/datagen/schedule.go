package datagen

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"time"

	"github.com/flott-dev/flott/connect"
)

// numbers is what all sources of this package have in common: splits of the numbers of records.
type numbers struct{ o Options }

func (s *numbers) Bounded() bool { return s.o.Count > 0 }

// Enumerator deals out as many splits as there are readers, at the first start.
func (s *numbers) Enumerator(ctx connect.EnumeratorContext, state []byte,
) (connect.Enumerator, error) {
	if err := s.o.validate(); err != nil {
		return nil, err
	}
	if state != nil {
		left, err := connect.DecodeSplits(state)
		if err != nil {
			return nil, err
		}
		return connect.NewDeal(ctx, left), nil
	}
	var splits []connect.Split
	p := int64(ctx.Parallelism())
	for i := range p {
		if s.o.Count > 0 && i >= s.o.Count {
			break
		}
		splits = append(splits, split{next: i, step: p}.encode())
	}
	return connect.NewDeal(ctx, splits), nil
}

// split is the records next, next+step, …. start is when record 0 is due, in milliseconds since
// 1970; it counts if started.
type split struct {
	id         string
	next, step int64
	start      int64
	started    bool
}

func (s split) encode() connect.Split {
	if s.id == "" {
		s.id = fmt.Sprintf("%d of %d", s.next, s.step)
	}
	data := binary.AppendVarint(nil, s.next)
	data = binary.AppendVarint(data, s.step)
	if s.started {
		data = binary.AppendVarint(data, s.start)
	}
	return connect.Split{ID: s.id, Data: data}
}

func decode(sp connect.Split) (s split, err error) {
	s.id = sp.ID
	b := sp.Data
	for i, p := range []*int64{&s.next, &s.step, &s.start} {
		if i == 2 && len(b) == 0 {
			return s, nil
		}
		v, n := binary.Varint(b)
		if n <= 0 {
			return s, fmt.Errorf("split %q is broken: % x", sp.ID, sp.Data)
		}
		*p, b = v, b[n:]
	}
	s.started = true
	return s, nil
}

// schedule is what a reader knows of its splits: which one is next, and how much of it is due.
type schedule struct {
	ctx       connect.ReaderContext
	end, rate int64
	start     int64
	started   bool
	splits    []split
	noMore    bool
}

// endless is the end of a source that has none.
const endless = 1<<63 - 1

func newSchedule(ctx connect.ReaderContext, o Options) schedule {
	r := schedule{ctx: ctx, end: o.Count, rate: o.PerSecond}
	if r.end <= 0 {
		r.end = endless
	}
	if !o.Start.IsZero() {
		r.start, r.started = o.Start.UnixMilli(), true
	}
	return r
}

func (r *schedule) Assign(splits []connect.Split) error {
	for _, sp := range splits {
		s, err := decode(sp)
		if err != nil {
			return err
		}
		if s.step < 1 || s.next < 0 {
			return fmt.Errorf("split %q is broken: record %d, every %d", sp.ID, s.next, s.step)
		}
		r.splits = append(r.splits, s)
	}
	return nil
}

func (r *schedule) NoMoreSplits() { r.noMore = true }

// idle is what a reader without splits reports.
func (r *schedule) idle() connect.Status {
	if r.noMore {
		return connect.Ended
	}
	return connect.Waiting
}

// pick is the split that is furthest behind, so that splits with a common past stay in step, and how
// many of its records are due, at most room; nil if there is none.
func (r *schedule) pick(room int) (s *split, n int) {
	if len(r.splits) == 0 {
		return nil, 0
	}
	s = &r.splits[0]
	for i := range r.splits {
		if r.splits[i].next < s.next {
			s = &r.splits[i]
		}
	}
	end := r.end
	if r.rate > 0 {
		end = min(end, r.due(s))
	}
	if s.next >= end {
		return s, 0
	}
	return s, int(min(int64(room), (end-s.next-1)/s.step+1))
}

// advance moves a split behind the n records that were made. A finished one is gone.
func (r *schedule) advance(s *split, n int) (status connect.Status, finished bool) {
	s.next += int64(n) * s.step
	if s.next >= r.end {
		for i := range r.splits {
			if &r.splits[i] == s {
				r.splits = append(r.splits[:i], r.splits[i+1:]...)
				break
			}
		}
		if len(r.splits) == 0 && !r.noMore {
			r.ctx.Request()
		}
		return connect.More, true
	}
	if r.rate > 0 && s.next >= r.due(s) {
		r.ctx.WakeAt(time.UnixMilli(s.start + millis(s.next, r.rate)))
		if n == 0 {
			return connect.Waiting, false
		}
	}
	return connect.More, false
}

// due is the number of records of all splits that are due by now.
func (r *schedule) due(s *split) int64 {
	now := r.ctx.Now().UnixMilli()
	if !s.started {
		s.start, s.started = now, true
		if r.started {
			s.start = r.start
		}
	}
	elapsed := now - s.start
	if elapsed < 0 {
		return 0
	}
	// Record n is due in millisecond n*1000/rate: those below (elapsed+1)*rate/1000 are, rounded up.
	hi, lo := bits.Mul64(uint64(elapsed+1), uint64(r.rate))
	if hi >= 1000 {
		return 1<<63 - 1
	}
	q, rest := bits.Div64(hi, lo, 1000)
	if rest > 0 {
		q++
	}
	return int64(min(q, 1<<63-1))
}

// millis is n*1000/rate without overflow.
func millis(n, rate int64) int64 {
	return n/rate*1000 + n%rate*1000/rate
}

// Backlog is what is due of the splits; of a source without a rate all of it. One that has neither a rate nor an
// end has no backlog that is known.
func (r *schedule) Backlog() connect.Backlog {
	if r.rate <= 0 && r.end == endless {
		return connect.Unknown
	}
	left := connect.Backlog{Bytes: -1}
	for i := range r.splits {
		s, end := &r.splits[i], r.end
		if r.rate > 0 {
			if !s.started && !r.started {
				continue // it begins with the next poll
			}
			end = min(end, r.due(s))
		}
		if s.next < end {
			left.Records += (end-s.next-1)/s.step + 1
		}
	}
	return left
}

func (r *schedule) Snapshot() ([]connect.Split, error) {
	var out []connect.Split
	for _, s := range r.splits {
		out = append(out, s.encode())
	}
	return out, nil
}

func (r *schedule) Close() error { return nil }
