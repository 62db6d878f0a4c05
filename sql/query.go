package sql

import (
	"context"
	"fmt"
	"iter"
	"reflect"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/gotype"
)

// Query runs a query and gives its rows as values of T: a struct, by the names of its fields (the tag `sql:"name"`), or one
// value for one column. A column that may be NULL needs a pointer or a Null. The query gives new rows only; one that
// changes rows it has given is an error: see Session.Execute.
func Query[T any](ctx context.Context, s *Session, text string, args ...Param) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		r, err := s.Execute(ctx, text, args...)
		if err != nil {
			yield(none, err)
			return
		}
		defer r.Close()
		if r.Schema == nil {
			yield(none, &Error{Kind: Invalid, Msg: "the statement gives no rows"})
			return
		}
		read, err := gotype.NewRowReader(reflect.TypeFor[T](), r.Schema.Fields)
		if err != nil {
			yield(none, &Error{Kind: Invalid, Msg: err.Error(), Err: err})
			return
		}
		for b, err := range r.Batches() {
			if err != nil {
				yield(none, err)
				return
			}
			for i := range b.N {
				if k := b.Kind(i); k != row.Insert {
					yield(none, &Error{Kind: Invalid, Msg: fmt.Sprintf("the query changes rows that it has given: %s; read its changes with Session.Execute, or SET 'execution.runtime-mode' = 'batch'", k)})
					return
				}
				var v T
				if err := read(b.Cols, i, reflect.ValueOf(&v).Elem()); err != nil {
					yield(none, &Error{Kind: Runtime, Msg: err.Error(), Err: err})
					return
				}
				if !yield(v, nil) {
					return
				}
			}
		}
	}
}
