package jdbc

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/valuetext"
	"github.com/flott-dev/flott/metric"
	"github.com/flott-dev/flott/row"
)

// SourceOptions say what is read. Table is needed.
type SourceOptions struct {
	Connection
	// Table is the table, or view, that is read.
	Table string
	// Columns are those that are read; nil is all of them.
	Columns []string
	// Ranges are parts that are read side by side; without them there is one reader.
	Ranges Ranges
	// OnBad is what is done with rows that decode refuses: Fail by default.
	OnBad Policy
}

// Source reads the rows of a table. decode makes values of them; several goroutines call it. Its error is dealt with as
// SourceOptions.OnBad says. The values of a row are nil, bool, int64, float64, string (also of numerics, and of types that are not listed here),
// []byte, time.Time of dates and timestamps, time.Duration of times of day, and []any of arrays. The slice is used again for the next row.
//
// While a table does not change, each row is read once, also if the job is restored. A view must give the same rows each time.
func Source[T any](o SourceOptions, decode func(values []any) (T, error)) connect.Source[T] {
	s := &source[T]{o: o, decode: decode}
	if o.Table == "" {
		s.err = errors.New("jdbc: no table is named")
	}
	if err := o.Ranges.check(); err != nil {
		s.err = errors.Join(s.err, fmt.Errorf("jdbc: %w", err))
	}
	if o.OnBad.handle == nil && !o.OnBad.skip {
		s.o.OnBad = Fail
	}
	return s
}

type source[T any] struct {
	o      SourceOptions
	decode func([]any) (T, error)
	err    error // of the options
}

func (s *source[T]) Bounded() bool { return true }

func (s *source[T]) Enumerator(ctx connect.EnumeratorContext, state []byte) (connect.Enumerator, error) {
	if s.err != nil {
		return nil, s.err
	}
	return newQueue(ctx, &s.o.Ranges, state)
}

func (s *source[T]) Reader(ctx connect.ReaderContext) (connect.Reader[T], error) {
	if s.err != nil {
		return nil, s.err
	}
	l, err := newLink(&s.o.Connection)
	if err != nil {
		return nil, err
	}
	q := query{table: s.o.Table, column: s.o.Ranges.Column}
	return &reader[T]{
		scanner: scanner{ctx: ctx, link: l, query: q, names: s.o.Columns, size: defaultFetchSize},
		s:       s, errors: ctx.Metrics.Counter("numRecordsInErrors"),
	}, nil
}

// reader decodes rows one by one.
type reader[T any] struct {
	scanner
	s      *source[T]
	errors *metric.Counter
	values []any
}

// Poll decodes rows of one chunk.
func (r *reader[T]) Poll(out *connect.Output[T]) (connect.Status, error) {
	c, status, err := r.next()
	if c == nil || err != nil {
		return status, err
	}
	out.Split(r.splits[0].id)
	n := 0
	for ; r.at+n < c.rows.N && out.Room() > 0; n++ {
		r.values = r.values[:0]
		for _, v := range c.rows.Cols {
			r.values = append(r.values, value(v, r.at+n))
		}
		v, err := r.s.decode(r.values)
		if err == nil {
			out.Emit(v)
			continue
		}
		if r.s.o.OnBad.handle != nil {
			if err := r.s.o.OnBad.handle(&Bad{Table: r.s.o.Table, Values: append([]any(nil), r.values...), Err: err}); err != nil {
				return status, err
			}
		}
		r.errors.Add(1)
	}
	if r.took(n) {
		out.Finished()
	}
	return connect.More, nil
}

// value is a value as Source hands it over.
func value(v *column.Vector, i int) any {
	if v.IsNull(i) {
		return nil
	}
	switch v.Type.Kind {
	case row.Boolean:
		return v.Bools[i]
	case row.TinyInt, row.SmallInt, row.Int:
		return int64(v.I32[i])
	case row.BigInt:
		return v.I64[i]
	case row.Float:
		return float64(v.F32[i])
	case row.Double:
		return v.F64[i]
	case row.Decimal:
		return string(valuetext.AppendExact(nil, v.Decimal(i), v.Type.Scale))
	case row.Date:
		return time.Unix(int64(v.I32[i])*86400, 0).UTC()
	case row.Time:
		return time.Duration(v.I32[i]) * time.Millisecond
	case row.Timestamp, row.TimestampLTZ:
		return time.UnixMicro(v.I64[i]).UTC()
	case row.Binary, row.Varbinary:
		return append([]byte{}, v.Bytes(i)...)
	case row.Array:
		from, to := v.Range(i)
		items := make([]any, 0, to-from)
		for j := from; j < to; j++ {
			items = append(items, value(v.Children[0], j))
		}
		return items
	}
	return string(v.Bytes(i))
}

// Bad is a row that could not be decoded. It is an error.
type Bad struct {
	Table  string
	Values []any
	Err    error
}

// textMax is how much of a row an error shows, in bytes.
const textMax = 120

// Error names the table and shows the beginning of the row.
func (b *Bad) Error() string {
	text := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprint(b.Values), "["), "]")
	if len(text) > textMax {
		text = text[:textMax] + " …"
	}
	return fmt.Sprintf("table %s: %v, in the row %s", b.Table, b.Err, text)
}

// Unwrap is the decoder's error.
func (b *Bad) Unwrap() error { return b.Err }

// Policy is what is done with bad rows.
type Policy struct {
	handle func(*Bad) error
	skip   bool
}

// The simple policies.
var (
	// Fail fails the job with a *Bad.
	Fail = Policy{handle: func(b *Bad) error { return b }}
	// Skip drops the row and counts it in the metric numRecordsInErrors.
	Skip = Policy{skip: true}
)

// DeadLetter drops the row, counts it in the metric numRecordsInErrors and calls f, whose error fails the job. Several goroutines may call
// f; it is called again for a row that is read again after a recovery.
func DeadLetter(f func(b *Bad) error) Policy { return Policy{handle: f} }
