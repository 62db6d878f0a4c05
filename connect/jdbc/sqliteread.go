package jdbc

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// columns are those of a table, and its primary key.
func (s *liteSession) columns(ctx context.Context, table string) (fields []row.Field, key []string, err error) {
	t, err := s.describe(ctx, table)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range t.columns {
		typ := liteType(c.declared)
		if c.notNull {
			typ = typ.Nullable(false)
		}
		fields = append(fields, row.Field{Name: c.name, Type: typ})
	}
	for _, k := range t.key {
		key = append(key, t.columns[k].name)
		fields[k].Type = fields[k].Type.Nullable(false)
	}
	return fields, key, nil
}

// expressions read columns: what is a text here is one in any case.
func (t *liteTable) expressions(fields []row.Field) (all []string, err error) {
	for _, f := range fields {
		if err := checkLiteType(f); err != nil {
			return nil, permanent{err}
		}
		names, err := t.names([]string{f.Name})
		if err != nil {
			return nil, err
		}
		switch f.Type.Kind {
		case row.Decimal, row.Date, row.Time, row.Timestamp, row.TimestampLTZ, row.Char, row.Varchar:
			names[0] = "CAST(" + names[0] + " AS TEXT)"
		}
		all = append(all, names[0])
	}
	return all, nil
}

// liteCursor reads the rows of a query.
type liteCursor struct {
	rows   *sql.Rows
	table  string
	fields []row.Field
	parts  int
	values []any
	to     []any
}

// position is what tells the rows of a table apart, "" of a view. A primary key may be NULL, but in tables without numbers of rows.
func (t *liteTable) position() (by []string) {
	switch {
	case t.isView:
		return nil
	case t.noRowID:
		for _, k := range t.key {
			by = append(by, quoteLite(t.columns[k].name))
		}
		return by
	}
	for _, name := range []string{"rowid", "_rowid_", "oid"} {
		if _, err := t.names([]string{name}); err != nil { // else it means a column
			return []string{name}
		}
	}
	return nil
}

// scan orders rows by their numbers, by the primary key in tables that have none, and by all that is read of views.
func (s *liteSession) scan(ctx context.Context, q *query) (cursor, error) {
	t, err := s.describe(ctx, q.table)
	if err != nil {
		return nil, err
	}
	read, err := t.expressions(q.fields)
	if err != nil {
		return nil, err
	}
	by, params := t.position(), []string(nil)
	var args []any
	for range by {
		params = append(params, "?")
	}
	for _, part := range q.after.key {
		v, err := decodeLite(part)
		if err != nil {
			return nil, permanent{fmt.Errorf("split %q: %w", q.split, err)}
		}
		args = append(args, v)
	}
	ranged := ""
	if q.column != "" {
		names, err := t.names([]string{q.column})
		if err != nil {
			return nil, err
		}
		ranged = names[0]
	}
	rows, err := s.conn.QueryContext(ctx, q.selectFrom(t.name, ranged, by, params, read), args...)
	if err != nil {
		return nil, err
	}
	return newLiteCursor(rows, t.name, q.fields, len(by)), nil
}

func newLiteCursor(rows *sql.Rows, table string, fields []row.Field, parts int) *liteCursor {
	c := &liteCursor{rows: rows, table: table, fields: fields, parts: parts}
	n := max(1, parts+len(fields)) // without columns a number is selected
	c.values, c.to = make([]any, n), make([]any, n)
	for i := range c.values {
		c.to[i] = &c.values[i]
	}
	return c
}

func (c *liteCursor) positions() int { return c.parts }

func (c *liteCursor) next(rows *column.Batch, position []*column.Vector) (bool, error) {
	if !c.rows.Next() {
		return false, c.rows.Err()
	}
	if err := c.append(rows.Cols); err != nil {
		return false, err
	}
	for i := range c.parts {
		position[i].AppendBytes(encodeLite(c.values[i]))
	}
	return true, nil
}

// append appends the values of a row. After an error nothing is appended.
func (c *liteCursor) append(out []*column.Vector) error {
	if err := c.rows.Scan(c.to...); err != nil {
		return err
	}
	for i, f := range c.fields {
		if err := appendLite(out[i], f.Type, c.values[c.parts+i]); err != nil {
			for _, v := range out[:i] {
				v.Truncate(v.N - 1)
			}
			return permanent{fmt.Errorf("table %s: the column %s: %w", c.table, f.Name, err)}
		}
	}
	return nil
}

func (c *liteCursor) close() error { return c.rows.Close() }

// liteLooker runs a prepared statement.
type liteLooker struct {
	statement *sql.Stmt
	table     string
	wanted    []row.Field
}

func (s *liteSession) lookup(ctx context.Context, table string, keys, wanted []row.Field) (looker, error) {
	t, err := s.describe(ctx, table)
	if err != nil {
		return nil, err
	}
	selected, err := t.expressions(wanted)
	if err != nil {
		return nil, err
	}
	if len(selected) == 0 {
		selected = []string{"1"}
	}
	var where []string
	for _, f := range keys {
		if err := checkLiteType(f); err != nil {
			return nil, permanent{err}
		}
		names, err := t.names([]string{f.Name})
		if err != nil {
			return nil, err
		}
		where = append(where, names[0]+" = ?")
	}
	p, err := s.prepare(ctx, "SELECT "+strings.Join(selected, ", ")+" FROM "+t.name+" WHERE "+strings.Join(where, " AND "))
	return &liteLooker{p, t.name, wanted}, err
}

func (l *liteLooker) look(ctx context.Context, keys []*column.Vector, place int, out []*column.Vector) (n int, err error) {
	args := make([]any, len(keys))
	for i, v := range keys {
		args[i] = liteValue(v, place)
	}
	rows, err := l.statement.QueryContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for c := newLiteCursor(rows, l.table, l.wanted, 0); rows.Next(); n++ {
		if err := c.append(out); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}

// databases are what a path has behind the directory: the file that is open.
func (s *liteSession) databases(context.Context) ([]string, error) { return []string{s.file}, nil }

func (s *liteSession) tables(ctx context.Context) (names []string, err error) {
	rows, err := s.conn.QueryContext(ctx, `SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'view') AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}
