package jdbc

import (
	"database/sql"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m) }

// database is an empty database of a test.
type database struct {
	url, user, password string
	isLite              bool
	exec                func(statements ...string)
	query               func(query string) []string // rows, as servertest has them
}

func (d *database) connection() Connection {
	return Connection{URL: d.url, User: d.user, Password: d.password}
}

// options are those of a table, with more pairs of names and values. An empty value takes an option away.
func (d *database) options(table string, pairs ...string) map[string]string {
	o := map[string]string{"connector": "jdbc", "url": d.url, "table-name": table}
	if d.user != "" {
		o["username"], o["password"] = d.user, d.password
	}
	for i := 0; i < len(pairs); i += 2 {
		if o[pairs[i]] = pairs[i+1]; pairs[i+1] == "" {
			delete(o, pairs[i])
		}
	}
	return o
}

// onEach runs a test with each kind of database.
func onEach(t *testing.T, test func(t *testing.T, d *database)) {
	t.Run("postgres", func(t *testing.T) { test(t, ofServer(t, servertest.Postgres(t))) })
	t.Run("sqlite", func(t *testing.T) { test(t, ofFile(t)) })
}

// ofServer makes a database of PostgreSQL.
func ofServer(t *testing.T, s *servertest.PostgresServer) *database {
	t.Helper()
	name := s.Database(t)
	return &database{
		url: "jdbc:postgresql://" + s.Address + "/" + name, user: s.User, password: s.Password,
		exec:  func(statements ...string) { t.Helper(); s.Exec(t, name, statements...) },
		query: func(query string) []string { t.Helper(); return s.Query(t, name, query) },
	}
}

// ofFile makes a database of SQLite.
func ofFile(t *testing.T) *database {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test db.sqlite")
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &database{
		url: "jdbc:sqlite:" + path, isLite: true,
		exec: func(statements ...string) {
			t.Helper()
			for _, text := range statements {
				if _, err := db.Exec(text); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
			}
		},
		query: func(query string) []string { t.Helper(); return queryLite(t, db, query) },
	}
}

func queryLite(t *testing.T, db *sql.DB, query string) (out []string) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, to := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		if err := rows.Scan(to...); err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, v := range values {
			if !v.Valid {
				v.String = "NULL"
			}
			texts = append(texts, v.String)
		}
		out = append(out, strings.Join(texts, ","))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
