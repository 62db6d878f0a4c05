package jdbc

import (
	"context"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// dialect is a kind of database, and where one is.
type dialect interface {
	// name is postgres or sqlite; address is what messages call the database.
	name() string
	address() string
	// connect opens a session.
	connect(ctx context.Context) (session, error)
	// refused reports whether the database does not let in, so that waiting does not help; passes whether what failed may go well
	// when it is tried again in another session.
	refused(err error) bool
	passes(err error) bool
}

// session is a connection to a database. One goroutine uses it.
type session interface {
	// target prepares writing to columns of a table: fields are their names and types, and key the places of those of the key.
	target(ctx context.Context, table string, fields []row.Field, key []int) (target, error)
	// statements are those that write, and delete, a row with parameters.
	statements(ctx context.Context, o *SinkOptions) (write, remove statement, err error)
	// run runs statements in one transaction.
	run(ctx context.Context, calls []call) error
	// columns are those of a table with the types that they have here, and its primary key.
	columns(ctx context.Context, table string) (fields []row.Field, key []string, err error)
	// databases are the names of those that there are, and tables those of the one that the session is connected to.
	databases(ctx context.Context) ([]string, error)
	tables(ctx context.Context) ([]string, error)
	// scan begins to read rows.
	scan(ctx context.Context, q *query) (cursor, error)
	// lookup prepares looking up the rows that have some values.
	lookup(ctx context.Context, table string, keys, wanted []row.Field) (looker, error)
	close()
}

// target is a table that is written in columns.
type target interface {
	// write replaces, or adds, the rows at some places of a batch, and deletes others, in one transaction.
	write(ctx context.Context, b *column.Batch, puts, removes []int32) error
}

// cursor reads the rows of a query.
type cursor interface {
	// positions is how many parts the position of a row has; 0 if rows are counted, since nothing else tells them apart.
	positions() int
	// next appends a row, and the parts of its position; false says that there are no more rows.
	next(rows *column.Batch, position []*column.Vector) (bool, error)
	// close ends reading; the session can be used again.
	close() error
}

// looker looks rows up.
type looker interface {
	// look appends the rows whose keys are the values at a place of vectors, and returns how many there are.
	look(ctx context.Context, keys []*column.Vector, place int, out []*column.Vector) (int, error)
}

// statement is a statement with parameters, which are the values at some places of a Row; nil is all of them.
type statement struct {
	text   string
	places []int
}

// call is a statement with its parameters.
type call struct {
	text string
	args []any
}

// permanent is an error that does not pass.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// place is where a name is among others, -1 if it is not.
func place(names []string, name string) int {
	for i, n := range names {
		if n == name {
			return i
		}
	}
	return -1
}
