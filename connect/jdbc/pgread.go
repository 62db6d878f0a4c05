package jdbc

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/postgres"
	"github.com/flott-dev/flott/row"
)

// columns are those of a table, and its primary key.
func (s *pgSession) columns(ctx context.Context, table string) (fields []row.Field, key []string, err error) {
	t, err := s.describe(ctx, table)
	if err != nil {
		return nil, nil, err
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		typ := c.RowType()
		if typ == nil {
			return nil, nil, permanent{fmt.Errorf("table %s: the column %s is %s, for which there is no type here", t.Name, c.Name, c.Type)}
		}
		fields = append(fields, row.Field{Name: c.Name, Type: typ})
	}
	for _, k := range t.Key {
		key = append(key, t.Columns[k].Name)
	}
	return fields, key, nil
}

// readers are what reads columns.
type readers struct {
	names       []string
	expressions []string
	decoders    []postgres.Decoder
}

func newReaders(t *postgres.Table, fields []row.Field) (r readers, err error) {
	for _, f := range fields {
		c, err := t.Column(f.Name)
		if err != nil {
			return r, permanent{err}
		}
		expression, d, err := c.Read(f.Type)
		if err != nil {
			return r, permanent{fmt.Errorf("table %s: %w", t.Name, err)}
		}
		r.names, r.expressions, r.decoders = append(r.names, f.Name), append(r.expressions, expression), append(r.decoders, d)
	}
	return r, nil
}

// append decodes the values of a row. After an error nothing is appended.
//
//flott:hot
func (r *readers) append(out []*column.Vector, values [][]byte) error {
	for i := range r.decoders {
		if err := r.decoders[i].Append(out[i], values[i]); err != nil {
			for _, v := range out[:i] {
				v.Truncate(v.N - 1)
			}
			return permanent{fmt.Errorf("the column %s: %w", r.names[i], err)}
		}
	}
	return nil
}

// pgCursor reads the rows of a query as they come.
type pgCursor struct {
	readers
	table  string
	parts  int
	conn   *pgconn.PgConn
	result *pgconn.ResultReader
	ended  bool
}

// scan orders rows by the primary key; by where they lie in tables without one; and by all that is read of views.
func (s *pgSession) scan(ctx context.Context, q *query) (cursor, error) {
	t, err := s.describe(ctx, q.table)
	if err != nil {
		return nil, err
	}
	r, err := newReaders(t, q.fields)
	if err != nil {
		return nil, err
	}
	c := &pgCursor{readers: r, table: t.Name, conn: s.conn.PgConn()}
	var by, params []string
	for _, k := range t.Key {
		by = append(by, postgres.Quote(t.Columns[k].Name))
	}
	if len(by) == 0 && t.Kind == 'r' {
		by = []string{"ctid"}
	}
	c.parts = len(by)
	for i := range by {
		params = append(params, fmt.Sprint("$", i+1))
	}
	ranged := ""
	if q.column != "" {
		column, err := t.Column(q.column)
		if err != nil {
			return nil, permanent{err}
		}
		ranged = postgres.Quote(column.Name)
	}
	text := q.selectFrom(t.Name, ranged, by, params, r.expressions)
	c.result = c.conn.ExecParams(ctx, text, q.after.key, nil, inBinary, inBinary)
	return c, nil
}

func (c *pgCursor) positions() int { return c.parts }

//flott:hot
func (c *pgCursor) next(rows *column.Batch, position []*column.Vector) (bool, error) {
	if !c.result.NextRow() {
		_, err := c.result.Close()
		c.ended = true
		return false, err
	}
	values := c.result.Values()
	if err := c.append(rows.Cols, values[c.parts:]); err != nil {
		return false, fmt.Errorf("table %s: %w", c.table, err)
	}
	for i := range c.parts {
		position[i].AppendBytes(values[i])
	}
	return true, nil
}

// close ends the connection if there are rows that were not read: they would all have to come.
func (c *pgCursor) close() error {
	if c.ended {
		return nil
	}
	_ = c.conn.Conn().SetDeadline(time.Now())
	_, err := c.result.Close()
	return err
}

// pgLooker runs a prepared statement.
type pgLooker struct {
	readers
	conn   *pgconn.PgConn
	name   string
	params [][]byte
	memory []byte
}

func (s *pgSession) lookup(ctx context.Context, table string, keys, wanted []row.Field) (looker, error) {
	t, err := s.describe(ctx, table)
	if err != nil {
		return nil, err
	}
	r, err := newReaders(t, wanted)
	if err != nil {
		return nil, err
	}
	var where []string
	for i, f := range keys {
		c, err := t.Column(f.Name)
		if err != nil {
			return nil, permanent{err}
		}
		equals, err := c.Equals(fmt.Sprint("$", i+1), f.Type)
		if err != nil {
			return nil, permanent{fmt.Errorf("table %s: %w", t.Name, err)}
		}
		where = append(where, equals)
	}
	selected := r.expressions
	if len(selected) == 0 {
		selected = []string{"1"}
	}
	text := "SELECT " + strings.Join(selected, ", ") + " FROM " + t.Name + " WHERE " + strings.Join(where, " AND ")
	l := &pgLooker{readers: r, conn: s.conn.PgConn(), name: "flott_lookup", params: make([][]byte, len(keys))}
	_, err = l.conn.Prepare(ctx, l.name, text, nil)
	return l, err
}

func (l *pgLooker) look(ctx context.Context, keys []*column.Vector, place int, out []*column.Vector) (n int, err error) {
	l.memory = l.memory[:0]
	for i, v := range keys {
		from := len(l.memory)
		l.memory = postgres.AppendValue(l.memory, v, place)
		l.params[i] = l.memory[from:len(l.memory):len(l.memory)]
	}
	result := l.conn.ExecPrepared(ctx, l.name, l.params, inBinary, inBinary)
	for result.NextRow() {
		if err := l.append(out, result.Values()); err != nil {
			_, _ = result.Close()
			return n, err
		}
		n++
	}
	_, err = result.Close()
	return n, err
}

func (s *pgSession) databases(ctx context.Context) ([]string, error) {
	return s.names(ctx, "SELECT datname FROM pg_catalog.pg_database WHERE NOT datistemplate AND datname <> 'postgres'")
}

// tables have their schema before them, unless it is public.
func (s *pgSession) tables(ctx context.Context) ([]string, error) {
	return s.names(ctx, `SELECT CASE WHEN n.nspname = 'public' THEN '' ELSE n.nspname || '.' END || c.relname
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'`)
}

func (s *pgSession) names(ctx context.Context, query string) (names []string, err error) {
	rows, err := postgres.Texts(ctx, s.conn.PgConn(), query)
	for _, r := range rows {
		names = append(names, r[0])
	}
	return names, err
}
