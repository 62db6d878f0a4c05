package postgrescdc

import (
	"fmt"
	"strconv"
	"time"

	"github.com/flott-dev/flott/connect"
)

// Op is what has happened to a row.
type Op uint8

// The operations.
const (
	Read   Op = iota // it was there when the table was read
	Insert           // it is new
	Update           // it has changed
	Delete           // it is gone
)

// String is the word for the operation.
func (o Op) String() string { return [...]string{"read", "insert", "update", "delete"}[o] }

// Change is a row, or a change of one.
type Change struct {
	Op            Op
	Schema, Table string
	// Columns are the table's as of the change: another column that the table gets is there.
	Columns []string
	// New are the values as they are now, one for each column; nil of a deletion. Old are the values as they were, nil where the log does not
	// have them: the replica identity of the table says which it has, the primary key by default. The values of columns that are not
	// in Old are nil then. A value is nil, bool, int64, float64, or string, of all other types, as the database writes them. Unchanged stands for one that
	// lies outside of its row, and has not changed.
	New, Old []any
	// Time is when the transaction was committed; zero of Read.
	Time time.Time
}

// Unchanged is a large value that the log does not have, since it has not changed.
var Unchanged = struct{ Unchanged bool }{true}

// Source reads tables of PostgreSQL, and then what changes in them. decode makes values of changes; it is called on one goroutine. Its error
// fails the job. Each change comes once, whatever fails; those of a row come in order.
func Source[T any](o SourceOptions, decode func(c *Change) (T, error)) connect.Source[T] {
	cfg, err := o.config()
	if err != nil {
		err = fmt.Errorf("postgrescdc: %w", err)
	}
	return &source[T]{cfg, decode, err}
}

type source[T any] struct {
	cfg    *config
	decode func(*Change) (T, error)
	err    error // of the options
}

func (s *source[T]) Bounded() bool { return false }

func (s *source[T]) Enumerator(ctx connect.EnumeratorContext, state []byte) (connect.Enumerator, error) {
	if s.err != nil {
		return nil, s.err
	}
	return newEnumerator(ctx, state)
}

func (s *source[T]) Reader(ctx connect.ReaderContext) (connect.Reader[T], error) {
	if s.err != nil {
		return nil, s.err
	}
	return &reader[T]{follower: follower{ctx: ctx, cfg: s.cfg, check: func(*relation) error { return nil }}, decode: s.decode}, nil
}

// reader decodes changes one by one.
type reader[T any] struct {
	follower
	decode func(*Change) (T, error)
	values []value
}

// Poll decodes changes of one batch.
func (r *reader[T]) Poll(out *connect.Output[T]) (connect.Status, error) {
	b, status, err := r.next()
	if b == nil || err != nil {
		return status, err
	}
	out.Split(splitID)
	n := 0
	for ; r.at+n < len(b.changes) && out.Room() > 0; n++ {
		c := r.change(&b.changes[r.at+n], b.table != "")
		v, err := r.decode(c)
		if err != nil {
			return status, fmt.Errorf("postgrescdc: a change of the table %s.%s: %w", c.Schema, c.Table, err)
		}
		if c.Time.IsZero() {
			out.Emit(v)
		} else {
			out.EmitAt(v, c.Time)
		}
	}
	r.took(n)
	return connect.More, nil
}

func (r *reader[T]) change(c *change, isRead bool) *Change {
	out := &Change{Schema: c.relation.schema, Table: c.relation.name}
	switch {
	case isRead:
		out.Op = Read
	case c.kind == kindInsert:
		out.Op = Insert
	case c.kind == kindUpdate:
		out.Op = Update
	default:
		out.Op = Delete
	}
	if !isRead {
		out.Time = time.UnixMicro(c.micros)
	}
	for _, col := range c.relation.columns {
		out.Columns = append(out.Columns, col.name)
	}
	out.New, out.Old = r.any(c.relation, c.new), r.any(c.relation, c.old)
	return out
}

// any are the values of a tuple, nil of none.
func (r *reader[T]) any(rel *relation, tuple []byte) []any {
	if tuple == nil {
		return nil
	}
	r.values = values(r.values[:0], tuple)
	all := make([]any, len(r.values))
	for i, v := range r.values {
		switch v.kind {
		case valueUnchanged:
			all[i] = Unchanged
		case valueText:
			all[i] = anyOf(rel.columns[i].oid, string(v.text))
		}
	}
	return all
}

// anyOf is a value of a type as Source hands it over.
func anyOf(oid uint32, text string) any {
	switch oid {
	case 16:
		return text == "t"
	case 20, 21, 23, 26:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case 700, 701:
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	}
	return text
}
