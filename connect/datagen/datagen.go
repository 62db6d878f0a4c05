// Package datagen is a source of made-up records: record n is a function of n.
//
// The source has as many splits as the job has readers when it first starts; split i of k makes the
// records i, i+k, i+2k, …. A restored job keeps its splits, whatever its parallelism: a reader with
// several splits reads the one that is furthest behind. With a rate, record n is made n/rate
// seconds after the start, as if it came from outside: a job that was down catches up.
//
// Data flow: the enumerator deals the splits out; a reader calls the function and emits what it
// returns.
package datagen

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/flott-dev/flott/connect"
)

// Options say how many records are made and when. The zero value makes them without end, as fast as
// the job takes them.
type Options struct {
	// Count is the number of records. Zero means without end.
	Count int64
	// PerSecond is the number of records in a second of processing time, of all readers together.
	// Zero means as fast as possible.
	PerSecond int64
	// Start is when record 0 is due, if PerSecond is set. Zero means when its split is first read.
	Start time.Time
}

func (o Options) validate() error {
	var errs []error
	if o.Count < 0 {
		errs = append(errs, fmt.Errorf("datagen: Count is %d, want 0 (no end) or more", o.Count))
	}
	if o.PerSecond < 0 {
		errs = append(errs, fmt.Errorf("datagen: PerSecond is %d, want 0 (no limit) or more",
			o.PerSecond))
	}
	return errors.Join(errs...)
}

// Source makes the records f(0), f(1), …. f is called by several goroutines, and must return the
// same for the same n if the job is to be repeatable.
func Source[T any](f func(n int64) T, o Options) connect.Source[T] {
	fill := func(first, step int64, out []T) {
		for i := range out {
			out[i] = f(first)
			first += step
		}
	}
	return Batches(func() (Fill[T], error) { return fill, nil }, o)
}

// Fill makes the records first, first+step, first+2·step, … into all of out.
type Fill[T any] func(first, step int64, out []T)

// Batches is Source with a function that makes many records at once. make is called for each reader
// and its function by one goroutine. What out holds before is unspecified.
func Batches[T any](make func() (Fill[T], error), o Options) connect.Source[T] {
	return &source[T]{make: make, o: o}
}

type source[T any] struct {
	make func() (Fill[T], error)
	o    Options
}

func (s *source[T]) Bounded() bool { return s.o.Count > 0 }

// Enumerator deals out as many splits as there are readers, at the first start.
func (s *source[T]) Enumerator(ctx connect.EnumeratorContext, state []byte,
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

// Reader makes the records of its splits.
func (s *source[T]) Reader(ctx connect.ReaderContext) (connect.Reader[T], error) {
	fill, err := s.make()
	if err != nil {
		return nil, errors.Join(err, s.o.validate())
	}
	r := &reader[T]{ctx: ctx, fill: fill, end: s.o.Count, rate: s.o.PerSecond}
	if r.end <= 0 {
		r.end = 1<<63 - 1
	}
	if !s.o.Start.IsZero() {
		r.start, r.started = s.o.Start.UnixMilli(), true
	}
	return r, s.o.validate()
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

type reader[T any] struct {
	ctx       connect.ReaderContext
	fill      Fill[T]
	end, rate int64
	start     int64
	started   bool
	splits    []split
	noMore    bool
}

func (r *reader[T]) Assign(splits []connect.Split) error {
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

func (r *reader[T]) NoMoreSplits() { r.noMore = true }

// Poll makes a batch of the split that is furthest behind, so that splits with a common past stay
// in step.
//
//flott:hot
func (r *reader[T]) Poll(out *connect.Output[T]) (connect.Status, error) {
	if len(r.splits) == 0 {
		if r.noMore {
			return connect.Ended, nil
		}
		return connect.Waiting, nil
	}
	at := 0
	for i := range r.splits {
		if r.splits[i].next < r.splits[at].next {
			at = i
		}
	}
	s := &r.splits[at]
	end := r.end
	if r.rate > 0 {
		end = min(end, r.due(s))
	}
	n := int64(out.Room())
	if s.next < end {
		n = min(n, (end-s.next-1)/s.step+1)
	} else {
		n = 0
	}
	if n > 0 {
		out.Split(s.id)
		r.fill(s.next, s.step, out.Slots(int(n)))
		s.next += n * s.step
	}
	if s.next >= r.end {
		r.finish(at, out)
		return connect.More, nil
	}
	if s.next >= end {
		r.ctx.WakeAt(time.UnixMilli(s.start + millis(s.next, r.rate)))
		if n == 0 {
			return connect.Waiting, nil
		}
	}
	return connect.More, nil
}

func (r *reader[T]) finish(at int, out *connect.Output[T]) {
	out.Split(r.splits[at].id)
	out.Finished()
	r.splits = append(r.splits[:at], r.splits[at+1:]...)
	if len(r.splits) == 0 && !r.noMore {
		r.ctx.Request()
	}
}

// due is the number of records of all splits that are due by now.
func (r *reader[T]) due(s *split) int64 {
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

func (r *reader[T]) Snapshot() ([]connect.Split, error) {
	var out []connect.Split
	for _, s := range r.splits {
		out = append(out, s.encode())
	}
	return out, nil
}

func (r *reader[T]) Close() error { return nil }
