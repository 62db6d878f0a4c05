package jdbc_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/internal/servertest"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
)

// TestCatalog: tables of a database are there without CREATE TABLE, also those that come later.
func TestCatalog(t *testing.T) {
	server := servertest.Postgres(t)
	s := newShop(t, "batch")
	server.Exec(t, s.db, `CREATE TABLE orders (id BIGINT PRIMARY KEY, item VARCHAR(20) NOT NULL, price NUMERIC(10,2), made TIMESTAMP(3), tags TEXT[], extra JSONB)`,
		`INSERT INTO orders VALUES (1, 'a', 1.5, '2024-05-01 10:00:00', '{x,y}', '{"a":1}'), (2, 'b', NULL, NULL, NULL, NULL)`,
		"CREATE SCHEMA stock", `CREATE TABLE stock."Items" (n INT, "Name" CHAR(3))`, `INSERT INTO stock."Items" VALUES (1, 'abc')`,
		"CREATE VIEW cheap AS SELECT id FROM orders WHERE price < 2")
	s.run("CREATE CATALOG shop WITH ('type' = 'jdbc', 'base-url' = 'jdbc:postgresql://" + server.Address + "/', 'default-database' = '" + s.db +
		"', 'username' = '" + server.User + "', 'password' = '" + server.Password + "')")
	s.run("USE CATALOG shop")
	check := func(query string, want ...string) {
		t.Helper()
		if got := s.run(query); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	check("SHOW TABLES", `{"table name":"cheap"}`, `{"table name":"orders"}`, `{"table name":"stock.Items"}`)
	check("SELECT id, item, price, made, tags, extra FROM orders", `{"id":1,"item":"a","price":1.50,"made":"2024-05-01 10:00:00.000","tags":["x","y"],"extra":"{\"a\": 1}"}`,
		`{"id":2,"item":"b","price":null,"made":null,"tags":null,"extra":null}`)
	check("SELECT `Name`, n FROM `stock.Items`", `{"Name":"abc","n":1}`)
	check("SELECT c.id FROM shop."+s.db+".cheap AS c", `{"id":1}`)
	check("SELECT COLUMN_NAME, DATA_TYPE, IS_NULLABLE FROM information_schema.COLUMNS WHERE TABLE_NAME = 'stock.Items'",
		`{"COLUMN_NAME":"Name","DATA_TYPE":"CHAR","IS_NULLABLE":"YES"}`, `{"COLUMN_NAME":"n","DATA_TYPE":"INT","IS_NULLABLE":"YES"}`)
	if got := strings.Join(s.run("SHOW DATABASES"), " "); !strings.Contains(got, s.db) || strings.Contains(got, "template") {
		t.Error(got)
	}
	if got := fmt.Sprint(s.run("DESCRIBE orders")); !strings.Contains(got, "PRI(id)") {
		t.Error(got)
	}
	server.Exec(t, s.db, "CREATE TABLE later (n INT)", "INSERT INTO later VALUES (7)")
	check("SELECT * FROM later", `{"n":7}`)
	s.run("INSERT INTO later SELECT CAST(id AS INT) FROM orders WHERE id = 1")
	check("SELECT * FROM later", `{"n":1}`, `{"n":7}`)
	server.Exec(t, s.db, "ALTER TABLE later ADD COLUMN m INT")
	check("SELECT * FROM later", `{"n":1,"m":null}`, `{"n":7,"m":null}`)
	for statement, want := range map[string]string{
		"SELECT * FROM nothing":        "there is no table nothing",
		"SELECT * FROM shop.nothing.t": "there is no database shop.nothing",
		"CREATE TABLE t (n INT)":       "what is in the catalog shop is that of another system",
		"DROP TABLE later":             "what is in the catalog shop is that of another system",
		"CREATE DATABASE d":            "what is in the catalog shop is that of another system",
		"CREATE CATALOG b WITH ('type' = 'jdbc', 'base-url' = 'jdbc:postgresql://127.0.0.1:1/', 'default-database' = 'x')":                                  "connection refused",
		"CREATE CATALOG b WITH ('type' = 'jdbc', 'base-url' = 'jdbc:postgresql://" + server.Address + "/', 'default-database' = 'x')":                       "does not let in",
		"CREATE CATALOG b WITH ('type' = 'jdbc', 'base-url' = 'http://x/', 'default-database' = 'x')":                                                       "'url' is not jdbc:postgresql",
		"CREATE CATALOG b WITH ('type' = 'jdbc', 'base-url' = 'jdbc:postgresql://" + server.Address + "/', 'default-database' = 'x', 'username' = 'flott')": "'username' and 'password' belong together",
		"CREATE CATALOG b WITH ('type' = 'jdbc', 'default-database' = 'x')":                                                                                 "base-url",
		"CREATE CATALOG b WITH ('type' = 'jdbd')": "there is no catalog of the type 'jdbd'",
	} {
		if _, err := s.session.Execute(t.Context(), statement); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", statement, err, want)
		}
	}
}

// TestCatalogOfFile is that of SQLite.
func TestCatalogOfFile(t *testing.T) {
	dir := t.TempDir()
	s := &shop{t: t, session: sql.NewSession(sql.With(all.Factories(), all.Formats()), sql.On(launch.Executor()), sql.Set("execution.runtime-mode", "batch"))}
	s.liteExec(filepath.Join(dir, "shop.db"), "CREATE TABLE orders (id INTEGER PRIMARY KEY, price DECIMAL(10,2), made DATETIME, item VARCHAR(20) NOT NULL, ok BOOLEAN)",
		"INSERT INTO orders VALUES (1, 1.5, '2024-05-01 10:00:00', 'a', 1)")
	s.run("CREATE CATALOG shop WITH ('type' = 'jdbc', 'base-url' = 'jdbc:sqlite:" + dir + "/', 'default-database' = 'shop.db')")
	s.run("USE CATALOG shop")
	s.run("INSERT INTO orders SELECT id + 1, price, made, 'b', FALSE FROM orders")
	got := s.run("SELECT * FROM orders")
	want := []string{
		`{"id":1,"price":1.50,"made":"2024-05-01 10:00:00.000000","item":"a","ok":true}`,
		`{"id":2,"price":1.50,"made":"2024-05-01 10:00:00.000000","item":"b","ok":false}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
