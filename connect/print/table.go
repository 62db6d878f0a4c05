package print

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"

	"github.com/flott-dev/flott/column"
	conf "github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/valuetext"
	"github.com/flott-dev/flott/row"
)

// The options of tables that are printed.
var (
	identifierOption = conf.AnyText(conf.Doc{
		Key: "print-identifier", Text: "What each line begins with.",
	})
	standardErrorOption = conf.Bool(conf.Doc{
		Key: "standard-error", Default: "false", Text: "Prints to the standard error.",
	})
)

var base = connect.TableFactory{
	Name: "print", Options: conf.Set{identifierOption, standardErrorOption, connect.SinkParallelism},
}

// Table is the connector 'print' of SQL: rows as lines such as +I[1, abc, null], in Java's texts as Flink
// prints them; with the number of the subtask before them where there are several, as in 2> +I[1].
var Table = TableTo(nil)

// TableTo is Table with a Writer in place of the standard output and the standard error, unless it is
// nil.
func TableTo(w io.Writer) connect.TableFactory {
	f := base
	f.NewSink = func(t *connect.TableSpec) (connect.TableSink, error) {
		o, err := base.Parse(t)
		if err != nil {
			return nil, err
		}
		s := &tableSink{out: &output{w: os.Stdout}, identifier: identifierOption.Get(o.Connector), writers: connect.WritersOf(o.Connector)}
		switch {
		case w != nil:
			s.out.w = w
		case standardErrorOption.Get(o.Connector):
			s.out = &standardError
		default:
			s.out = &standardOutput
		}
		return s, nil
	}
	return f
}

// Tables share what they print to, so that lines stay whole.
var (
	standardOutput = output{w: os.Stdout}
	standardError  = output{w: os.Stderr}
)

type tableSink struct {
	out        *output
	identifier string
	writers    int
}

func (s *tableSink) Kinds() row.ChangeKinds { return row.AllKinds }

// Writers are as many as the options say.
func (s *tableSink) Writers(row.ChangeKinds) (int, error) { return s.writers, nil }

func (s *tableSink) Sink(o connect.Insert) (connect.ColumnSink, error) { return s, nil }

// Writer makes the writer of a subtask.
func (s *tableSink) Writer(ctx connect.WriterContext, _ [][]byte) (connect.ColumnWriter, error) {
	prefix := s.identifier
	if ctx.Parallelism > 1 {
		if prefix != "" {
			prefix += ":"
		}
		prefix += strconv.Itoa(ctx.Subtask + 1)
	}
	if prefix != "" {
		prefix += "> "
	}
	return &tableWriter{mu: &s.out.mu, out: s.out, prefix: prefix}, nil
}

type tableWriter struct {
	mu     *sync.Mutex
	out    *output
	prefix string
	buf    []byte
}

// Write prints the rows of a batch at once.
func (w *tableWriter) Write(b *column.Batch) error {
	w.buf = w.buf[:0]
	for i := range b.Len() {
		at := b.Row(i)
		w.buf = append(w.buf, w.prefix...)
		w.buf = append(appendRow(w.buf, b.Kind(at), b.Cols, at), '\n')
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.out.w.Write(w.buf); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

func (w *tableWriter) Flush(bool) error { return nil }

func (w *tableWriter) Snapshot() ([]byte, error) { return nil, nil }

func (w *tableWriter) Close() error { return nil }

func appendRow(dst []byte, kind row.ChangeKind, cols []*column.Vector, i int) []byte {
	dst = append(append(dst, kind.String()...), '[')
	for k, c := range cols {
		if k > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendValue(dst, c, i)
	}
	return append(dst, ']')
}

// appendValue appends a value as toString of Java's class for it does.
func appendValue(dst []byte, v *column.Vector, i int) []byte {
	if v.IsNull(i) {
		return append(dst, "null"...)
	}
	switch v.Type.Kind {
	case row.Boolean:
		return strconv.AppendBool(dst, v.Bools[i])
	case row.TinyInt, row.SmallInt, row.Int:
		return strconv.AppendInt(dst, int64(v.I32[i]), 10)
	case row.BigInt:
		return strconv.AppendInt(dst, v.I64[i], 10)
	case row.Float:
		return valuetext.AppendFloat(dst, float64(v.F32[i]), 32)
	case row.Double:
		return valuetext.AppendFloat(dst, v.F64[i], 64)
	case row.Decimal:
		return valuetext.AppendExact(dst, v.Decimal(i), v.Type.Scale)
	case row.Date:
		return valuetext.AppendDate(dst, int64(v.I32[i]))
	case row.Time:
		return valuetext.AppendLocalTime(dst, int64(v.I32[i])*1_000_000, true)
	case row.Timestamp, row.TimestampLTZ:
		nanos := int32(0)
		if v.Type.Precision > 6 {
			nanos = v.Nanos[i]
		}
		local := v.Type.Kind == row.Timestamp
		dst = valuetext.AppendDateTime(dst, v.I64[i], nanos, local)
		if !local {
			dst = append(dst, 'Z')
		}
		return dst
	case row.IntervalMonth:
		return appendPeriod(dst, int64(v.I32[i]))
	case row.IntervalDay:
		return appendDuration(dst, v.I64[i])
	case row.Binary, row.Varbinary, row.Raw, row.Variant:
		dst = append(dst, '[')
		for k, c := range v.Bytes(i) {
			if k > 0 {
				dst = append(dst, ", "...)
			}
			dst = strconv.AppendInt(dst, int64(int8(c)), 10)
		}
		return append(dst, ']')
	case row.Row:
		return appendRow(dst, row.Insert, v.Children, i)
	case row.Array, row.Map, row.Multiset:
		return appendItems(dst, v, i)
	}
	return append(dst, v.Bytes(i)...)
}

func appendItems(dst []byte, v *column.Vector, i int) []byte {
	open, end := byte('{'), byte('}')
	if v.Type.Kind == row.Array {
		open, end = '[', ']'
	}
	dst = append(dst, open)
	from, to := v.Range(i)
	for j := from; j < to; j++ {
		if j > from {
			dst = append(dst, ", "...)
		}
		dst = appendValue(dst, v.Children[0], j)
		if v.Type.Kind != row.Array {
			dst = appendValue(append(dst, '='), v.Children[1], j)
		}
	}
	return append(dst, end)
}

// appendPeriod appends months as Period does: P1Y2M.
func appendPeriod(dst []byte, months int64) []byte {
	dst = append(dst, 'P')
	if months == 0 {
		return append(dst, "0D"...)
	}
	if y := months / 12; y != 0 {
		dst = append(strconv.AppendInt(dst, y, 10), 'Y')
	}
	if m := months % 12; m != 0 {
		dst = append(strconv.AppendInt(dst, m, 10), 'M')
	}
	return dst
}

// appendDuration appends milliseconds as Duration does: PT26H3M4.5S.
func appendDuration(dst []byte, ms int64) []byte {
	dst = append(dst, "PT"...)
	if ms == 0 {
		return append(dst, "0S"...)
	}
	if h := ms / 3_600_000; h != 0 {
		dst = append(strconv.AppendInt(dst, h, 10), 'H')
	}
	if m := ms / 60_000 % 60; m != 0 {
		dst = append(strconv.AppendInt(dst, m, 10), 'M')
	}
	rest := ms % 60_000
	if rest == 0 {
		return dst
	}
	return append(strconv.AppendFloat(dst, float64(rest)/1000, 'f', -1, 64), 'S')
}
