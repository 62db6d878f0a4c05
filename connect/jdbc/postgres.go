package jdbc

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/postgres"
	"github.com/flott-dev/flott/row"
)

// pgDialect is PostgreSQL.
type pgDialect struct {
	config *pgx.ConnConfig
	where  string
}

func newPostgres(u *url.URL) (dialect, error) {
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, fmt.Errorf("'url': %w", err) // it has no password in it
	}
	return &pgDialect{config, fmt.Sprintf("postgresql://%s:%d/%s", config.Host, config.Port, config.Database)}, nil
}

func (d *pgDialect) name() string           { return "postgres" }
func (d *pgDialect) address() string        { return d.where }
func (d *pgDialect) refused(err error) bool { return postgres.Refused(err) }
func (d *pgDialect) passes(err error) bool  { return postgres.Passes(err) }

func (d *pgDialect) connect(ctx context.Context) (session, error) {
	c, err := pgx.ConnectConfig(ctx, d.config)
	if err != nil {
		return nil, err
	}
	return &pgSession{c}, nil
}

// pgSession is a connection to PostgreSQL.
type pgSession struct{ conn *pgx.Conn }

// closeTimeout is how long a server may take to end a connection.
const closeTimeout = pauseMax

func (s *pgSession) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = s.conn.Close(ctx)
	<-s.conn.PgConn().CleanupDone()
}

// describe looks at a table.
func (s *pgSession) describe(ctx context.Context, table string) (*postgres.Table, error) {
	t, err := postgres.Describe(ctx, s.conn.PgConn(), table)
	if errors.Is(err, postgres.ErrNoTable) {
		return nil, permanent{fmt.Errorf("the database has no table %s ('table-name')", table)}
	}
	return t, err
}

func (s *pgSession) run(ctx context.Context, calls []call) error {
	var b pgx.Batch
	for _, c := range calls {
		b.Queue(c.text, c.args...)
	}
	return explain(s.conn.SendBatch(ctx, &b).Close())
}

// explain says what an error of a statement has to do with.
func explain(err error) error {
	if postgres.Code(err) == "42P10" {
		return fmt.Errorf("the key of the rows is neither the primary key nor a unique index of the table in the database: %w", err)
	}
	return err
}

// statements are INSERT … ON CONFLICT, and DELETE.
func (s *pgSession) statements(ctx context.Context, o *SinkOptions) (write, remove statement, err error) {
	t, err := s.describe(ctx, o.Table)
	if err != nil {
		return write, remove, err
	}
	params, fields := make([]string, len(o.Columns)), make([]row.Field, len(o.Columns))
	for i, name := range o.Columns {
		params[i], fields[i].Name = fmt.Sprint("$", i+1), name
	}
	names, err := columnNames(t, fields)
	if err != nil {
		return write, remove, permanent{err}
	}
	var key []int
	var where []string
	for i, k := range o.Key {
		key = append(key, place(o.Columns, k))
		where = append(where, fmt.Sprintf("%s = $%d", names[key[i]], i+1))
	}
	write.text = insertInto(t.Name, names, "VALUES ("+strings.Join(params, ", ")+")", key)
	if len(key) > 0 {
		remove = statement{"DELETE FROM " + t.Name + " WHERE " + strings.Join(where, " AND "), key}
	}
	return write, remove, nil
}

// columnNames are the names of columns as statements have them.
func columnNames(t *postgres.Table, fields []row.Field) (names []string, err error) {
	for _, f := range fields {
		c, err := t.Column(f.Name)
		if err != nil {
			return nil, err
		}
		names = append(names, postgres.Quote(c.Name))
	}
	return names, nil
}

// insertInto is an INSERT of rows that takes the place of those with the same key, if there is one. SQLite has it, too.
func insertInto(table string, names []string, rows string, key []int) string {
	text := "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") " + rows
	if len(key) == 0 {
		return text
	}
	isKey := map[int]bool{}
	var keys, sets []string
	for _, k := range key {
		isKey[k] = true
		keys = append(keys, names[k])
	}
	for i, n := range names {
		if !isKey[i] {
			sets = append(sets, n+" = EXCLUDED."+n)
		}
	}
	text += " ON CONFLICT (" + strings.Join(keys, ", ") + ") DO "
	if len(sets) == 0 {
		return text + "NOTHING"
	}
	return text + "UPDATE SET " + strings.Join(sets, ", ")
}

// pgTarget writes the columns of a batch as arrays, one statement for all rows:
//
//	INSERT INTO t (a, b) SELECT u.c0, u.c1 FROM unnest($1::int8[], $2::text[]) AS u(c0, c1) ON CONFLICT …
//
// which the server plans once, and which costs neither a message nor an execution for each row.
type pgTarget struct {
	conn        *pgconn.PgConn
	put, remove string // the names of prepared statements; remove is "" without a key
	key         []int
	params      [][]byte
	memory      []byte
}

func (s *pgSession) target(ctx context.Context, table string, fields []row.Field, key []int) (target, error) {
	t, err := s.describe(ctx, table)
	if err != nil {
		return nil, err
	}
	names, err := columnNames(t, fields)
	if err != nil {
		return nil, permanent{err}
	}
	var values, arrays, columns []string
	for i, f := range fields {
		c, err := t.Column(f.Name)
		if err != nil {
			return nil, permanent{err}
		}
		value, array, err := c.Write(fmt.Sprint("u.c", i), f.Type)
		if err != nil {
			return nil, permanent{fmt.Errorf("table %s: %w", t.Name, err)}
		}
		values, columns = append(values, value), append(columns, fmt.Sprint("c", i))
		arrays = append(arrays, fmt.Sprintf("$%d::%s", i+1, array))
	}
	from := func(arrays, columns []string) string {
		return "unnest(" + strings.Join(arrays, ", ") + ") AS u(" + strings.Join(columns, ", ") + ")"
	}
	w := &pgTarget{conn: s.conn.PgConn(), key: key, put: "flott_put", params: make([][]byte, len(fields))}
	text := insertInto(t.Name, names, "SELECT "+strings.Join(values, ", ")+" FROM "+from(arrays, columns), key)
	if _, err := w.conn.Prepare(ctx, w.put, text, nil); err != nil {
		return nil, err
	}
	// Only a statement that is run is planned: so that a key that does not fit is found before there are rows.
	for i, f := range fields {
		w.params[i] = postgres.AppendArray(nil, column.New(f.Type), nil)
	}
	if err := w.conn.ExecPrepared(ctx, w.put, w.params, inBinary, nil).Read().Err; err != nil {
		return nil, explain(err)
	}
	if len(key) == 0 {
		return w, nil
	}
	var where, keyArrays, keyColumns []string
	for i, k := range key {
		where = append(where, fmt.Sprintf("t.%s = %s", names[k], values[k]))
		array := arrays[k][strings.Index(arrays[k], "::"):]
		keyArrays, keyColumns = append(keyArrays, fmt.Sprint("$", i+1)+array), append(keyColumns, columns[k])
	}
	w.remove = "flott_remove"
	text = "DELETE FROM " + t.Name + " AS t USING " + from(keyArrays, keyColumns) + " WHERE " + strings.Join(where, " AND ")
	_, err = w.conn.Prepare(ctx, w.remove, text, nil)
	return w, err
}

// inBinary is the format of all parameters and results.
var inBinary = []int16{1}

func (w *pgTarget) write(ctx context.Context, b *column.Batch, puts, removes []int32) error {
	w.memory = w.memory[:0]
	var ends []int
	add := func(v *column.Vector, places []int32) {
		w.memory = postgres.AppendArray(w.memory, v, places)
		ends = append(ends, len(w.memory))
	}
	if len(removes) > 0 {
		for _, k := range w.key {
			add(b.Cols[k], removes)
		}
	}
	if len(puts) > 0 {
		for _, v := range b.Cols {
			add(v, puts)
		}
	}
	at := 0
	next := func(n int) [][]byte {
		params := w.params[:n]
		for i := range params {
			params[i], at, ends = w.memory[at:ends[0]:ends[0]], ends[0], ends[1:]
		}
		return params
	}
	var batch pgconn.Batch // its statements are one transaction
	if len(removes) > 0 {
		batch.ExecPrepared(w.remove, next(len(w.key)), inBinary, nil)
	}
	if len(puts) > 0 {
		batch.ExecPrepared(w.put, next(len(b.Cols)), inBinary, nil)
	}
	err := w.conn.ExecBatch(ctx, &batch).Close()
	if n := len(puts); postgres.Code(err) == "21000" && n > 1 {
		// Keys that differ here are one for the database, as its collation or the type of its column has it: the last one counts.
		if err := w.write(ctx, b, puts[:n/2], removes); err != nil {
			return err
		}
		return w.write(ctx, b, puts[n/2:], nil)
	}
	return explain(err)
}
