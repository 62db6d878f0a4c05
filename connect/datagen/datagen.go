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
	"errors"
	"fmt"
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
	return &source[T]{numbers{o}, make}
}

type source[T any] struct {
	numbers
	make func() (Fill[T], error)
}

// Reader makes the records of its splits.
func (s *source[T]) Reader(ctx connect.ReaderContext) (connect.Reader[T], error) {
	fill, err := s.make()
	if err = errors.Join(err, s.o.validate()); err != nil {
		return nil, err
	}
	return &reader[T]{schedule: newSchedule(ctx, s.o), fill: fill}, nil
}

type reader[T any] struct {
	schedule
	fill Fill[T]
}

// Poll makes a batch of one split.
//
//flott:hot
func (r *reader[T]) Poll(out *connect.Output[T]) (connect.Status, error) {
	s, n := r.pick(out.Room())
	if s == nil {
		return r.idle(), nil
	}
	if n > 0 {
		out.Split(s.id)
		r.fill(s.next, s.step, out.Slots(n))
	}
	id := s.id
	status, finished := r.advance(s, n)
	if finished {
		out.Split(id)
		out.Finished()
	}
	return status, nil
}
