package httpio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/flott-dev/flott/connect"
)

// Record is what is read: a line or the whole of a body, or the data of an event.
type Record struct {
	Data []byte
	// ID and Event are those of an event.
	ID, Event string
}

// position is where a restored job goes on. Which of it counts depends on the source.
type position struct {
	Cursor opaque `json:"cursor,omitempty"` // of the answer that is read
	Tag    opaque `json:"tag,omitempty"`    // its ETag
	Read   int    `json:"read,omitempty"`   // records of it that were read, 0 for all
	ID     opaque `json:"id,omitempty"`     // of the last event
	End    bool   `json:"end,omitempty"`    // all of a bounded source is read
}

// opaque is a text of the server's, which goes back to it as it came: also bytes that are not UTF-8, which JSON does not have.
type opaque string

// opaqueBytes is an opaque that is not UTF-8.
type opaqueBytes struct {
	Bytes []byte `json:"bytes"`
}

// MarshalJSON makes a string, or an object where that would not be the same.
func (o opaque) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(o)) {
		return json.Marshal(string(o))
	}
	return json.Marshal(opaqueBytes{[]byte(o)})
}

// UnmarshalJSON is the reverse.
func (o *opaque) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '{' {
		var b opaqueBytes
		err := json.Unmarshal(data, &b)
		*o = opaque(b.Bytes)
		return err
	}
	return json.Unmarshal(data, (*string)(o))
}

// item is a record and the position behind it.
type item struct {
	Record
	behind position
	post   *post // that the record belongs to, of a webhook that holds its answers
}

// origin is where records come from.
type origin interface {
	// id names the split.
	id() string
	bounded() bool
	// run puts records until the origin ends, or ctx does.
	run(ctx context.Context, from position, b *buffer) error
}

// source reads an origin.
type source[T any] struct {
	o      origin
	decode func(*Record) (T, error)
	onBad  connect.BadPolicy
	err    error // of the options
}

func (s *source[T]) Bounded() bool { return s.o.bounded() }

func (s *source[T]) Enumerator(ctx connect.EnumeratorContext, state []byte) (connect.Enumerator, error) {
	if s.err != nil {
		return nil, s.err
	}
	return newEnumerator(ctx, s.o, state)
}

// newEnumerator has one split.
func newEnumerator(ctx connect.EnumeratorContext, o origin, state []byte) (connect.Enumerator, error) {
	left := []connect.Split{encodeSplit(o.id(), position{})}
	if state != nil {
		var err error
		if left, err = connect.DecodeSplits(state); err != nil {
			return nil, fmt.Errorf("http: %w", err)
		}
	}
	return connect.NewDeal(ctx, left), nil
}

func (s *source[T]) Reader(ctx connect.ReaderContext) (connect.Reader[T], error) {
	if s.err != nil {
		return nil, s.err
	}
	return &typedReader[T]{newReader(s.o, s.onBad, ctx), s.decode}, nil
}

// typedReader decodes records one by one.
type typedReader[T any] struct {
	*reader
	decode func(*Record) (T, error)
}

// Poll decodes records.
func (r *typedReader[T]) Poll(out *connect.Output[T]) (connect.Status, error) {
	return r.poll(out, func(i *item) error {
		v, err := r.decode(&i.Record)
		if err != nil {
			return r.bad(i, err)
		}
		out.Emit(v)
		return nil
	})
}

func encodeSplit(id string, p position) connect.Split {
	data, err := json.Marshal(p)
	if err != nil {
		panic(err) // texts and a number
	}
	return connect.Split{ID: id, Data: data}
}

func decodeSplit(s connect.Split) (p position, err error) {
	if err := json.Unmarshal(s.Data, &p); err != nil || s.ID == "" || p.Read < 0 {
		return p, errors.Join(fmt.Errorf("http: split %q is broken: % x", s.ID, s.Data), err)
	}
	return p, nil
}
