package jdbc

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
	sqlitecodes "modernc.org/sqlite/lib"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// liteDialect is SQLite.
type liteDialect struct{ path string }

func newSQLite(path string) (dialect, error) {
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return nil, errors.New("'url' of SQLite has the path of a file: one in memory is gone with the connection")
	}
	return &liteDialect{path}, nil
}

func (d *liteDialect) name() string       { return "sqlite" }
func (d *liteDialect) address() string    { return "sqlite:" + d.path }
func (d *liteDialect) refused(error) bool { return false }

// passes is so when another connection holds the database.
func (d *liteDialect) passes(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	code := e.Code() & 0xff
	return code == sqlitecodes.SQLITE_BUSY || code == sqlitecodes.SQLITE_LOCKED
}

// busyMillis is how long a statement waits for another connection.
const busyMillis = 10_000

func (d *liteDialect) connect(ctx context.Context) (session, error) {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: d.path}).EscapedPath()}
	u.RawQuery = fmt.Sprintf("_pragma=busy_timeout(%d)&_txlock=immediate", busyMillis)
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	c, err := db.Conn(ctx)
	if err != nil {
		db.Close()
		return nil, err
	}
	return &liteSession{db: db, conn: c, prepared: map[string]*sql.Stmt{}, file: filepath.Base(d.path)}, nil
}

// liteSession is a connection to SQLite.
type liteSession struct {
	db       *sql.DB
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
	file     string // the name of the file
}

func (s *liteSession) close() {
	for _, p := range s.prepared {
		p.Close()
	}
	s.conn.Close()
	s.db.Close()
}

// prepare prepares a statement once.
func (s *liteSession) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if p := s.prepared[text]; p != nil {
		return p, nil
	}
	p, err := s.conn.PrepareContext(ctx, text)
	if err == nil {
		s.prepared[text] = p
	}
	return p, err
}

// within runs f in a transaction.
func (s *liteSession) within(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func (s *liteSession) run(ctx context.Context, calls []call) error {
	return s.within(ctx, func(tx *sql.Tx) error {
		for _, c := range calls {
			p, err := s.prepare(ctx, c.text)
			if err == nil {
				_, err = tx.StmtContext(ctx, p).ExecContext(ctx, c.args...)
			}
			if err != nil {
				return explainLite(err)
			}
		}
		return nil
	})
}

// explainLite says what an error of a statement has to do with.
func explainLite(err error) error {
	if strings.Contains(err.Error(), "ON CONFLICT clause does not match") {
		return fmt.Errorf("the key of the rows is neither the primary key nor a unique index of the table in the database: %w", err)
	}
	return err
}

// liteTable is what a table looks like in the database.
type liteTable struct {
	name    string // as a statement has it
	columns []liteColumn
	key     []int
	isView  bool
	noRowID bool
}

type liteColumn struct {
	name, declared string
	notNull        bool
}

// describe looks at a table.
func (s *liteSession) describe(ctx context.Context, table string) (*liteTable, error) {
	table = strings.TrimPrefix(table, "main.")
	var name, kind string
	var noRowID bool
	err := s.conn.QueryRowContext(ctx, "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' AND lower(name) = lower(?)", table).
		Scan(&name, &kind, &noRowID)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, permanent{fmt.Errorf("the database has no table %s ('table-name')", table)}
	}
	if err != nil {
		return nil, err
	}
	t := &liteTable{name: quoteLite(name), isView: kind == "view", noRowID: noRowID}
	rows, err := s.conn.QueryContext(ctx, `SELECT name, type, "notnull", pk FROM pragma_table_info(?) ORDER BY cid`, name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	places := map[int]int{}
	for rows.Next() {
		var c liteColumn
		var inKey int
		if err := rows.Scan(&c.name, &c.declared, &c.notNull, &inKey); err != nil {
			return nil, err
		}
		if inKey > 0 {
			places[inKey] = len(t.columns)
		}
		t.columns = append(t.columns, c)
	}
	for i := range len(places) {
		t.key = append(t.key, places[i+1])
	}
	return t, rows.Err()
}

// names are the names of columns as statements have them.
func (t *liteTable) names(fields []string) (names []string, err error) {
	for _, f := range fields {
		at := -1
		var all []string
		for i, c := range t.columns {
			if all = append(all, c.name); strings.EqualFold(c.name, f) {
				at = i
			}
		}
		if at < 0 {
			return nil, permanent{fmt.Errorf("the table %s has no column %s in the database; it has %s", t.name, f, strings.Join(all, ", "))}
		}
		names = append(names, quoteLite(t.columns[at].name))
	}
	return names, nil
}

func quoteLite(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func (s *liteSession) statements(ctx context.Context, o *SinkOptions) (write, remove statement, err error) {
	var key []int
	for _, k := range o.Key {
		key = append(key, place(o.Columns, k))
	}
	return s.writes(ctx, o.Table, o.Columns, key)
}

// writes are the statements that write and delete a row.
func (s *liteSession) writes(ctx context.Context, table string, columns []string, key []int) (write, remove statement, err error) {
	t, err := s.describe(ctx, table)
	if err != nil {
		return write, remove, err
	}
	names, err := t.names(columns)
	if err != nil {
		return write, remove, err
	}
	write.text = insertInto(t.name, names, "VALUES (?"+strings.Repeat(", ?", len(names)-1)+")", key)
	if len(key) > 0 {
		var where []string
		for _, k := range key {
			where = append(where, names[k]+" = ?")
		}
		remove = statement{"DELETE FROM " + t.name + " WHERE " + strings.Join(where, " AND "), key}
	}
	return write, remove, nil
}

// liteTarget writes row by row, which costs little where there is no server.
type liteTarget struct {
	s             *liteSession
	insert, erase statement
}

func (s *liteSession) target(ctx context.Context, table string, fields []row.Field, key []int) (target, error) {
	var columns []string
	for _, f := range fields {
		if err := checkLiteType(f); err != nil {
			return nil, permanent{err}
		}
		columns = append(columns, f.Name)
	}
	write, remove, err := s.writes(ctx, table, columns, key)
	return &liteTarget{s, write, remove}, err
}

func (w *liteTarget) write(ctx context.Context, b *column.Batch, puts, removes []int32) error {
	return w.s.within(ctx, func(tx *sql.Tx) error {
		args := make([]any, len(b.Cols))
		each := func(st *statement, places []int32) error {
			if len(places) == 0 {
				return nil
			}
			p, err := w.s.prepare(ctx, st.text)
			if err != nil {
				return explainLite(err)
			}
			run := tx.StmtContext(ctx, p)
			for _, i := range places {
				args = args[:0]
				if st.places == nil {
					for _, v := range b.Cols {
						args = append(args, liteValue(v, int(i)))
					}
				}
				for _, k := range st.places {
					args = append(args, liteValue(b.Cols[k], int(i)))
				}
				if _, err := run.ExecContext(ctx, args...); err != nil {
					return explainLite(err)
				}
			}
			return nil
		}
		if err := each(&w.erase, removes); err != nil {
			return err
		}
		return each(&w.insert, puts)
	})
}
