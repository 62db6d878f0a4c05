package sql_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/sql/sqltest"
)

// run runs statements.
func script(t *testing.T, s *sql.Session, text string) {
	t.Helper()
	if err := s.Script(t.Context(), text, func(string, *sql.Result) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

// refuses checks that statements fail with what their errors have to say.
func refuses(t *testing.T, s *sql.Session, statements map[string]string) {
	t.Helper()
	for x, want := range statements {
		_, err := s.Execute(t.Context(), x)
		var e *sql.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngives %v\nwant %s", x, err, want)
		}
	}
}

// shows checks what statements give.
func shows(t *testing.T, s *sql.Session, statements map[string]string) {
	t.Helper()
	for x, want := range statements {
		if got := rows(t, s, x); strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%s\ngives\n%s\nwant\n%s", x, got, want)
		}
	}
}

// inFile is a session whose current catalog is kept in dir.
func inFile(t *testing.T, dir string) *sql.Session {
	t.Helper()
	s := newSession(sqltest.Functions())
	script(t, s, "CREATE CATALOG kept WITH ('type' = 'file', 'path' = '"+dir+"', 'default-database' = 'main'); USE CATALOG kept")
	return s
}

func TestCatalogs(t *testing.T) {
	s := newSession()
	script(t, s, "CREATE CATALOG c2 COMMENT 'it''s' WITH ('type' = 'generic_in_memory', 'default-database' = 'dd');"+
		"CREATE CATALOG IF NOT EXISTS c2 WITH ('type' = 'nothing');"+
		"CREATE DATABASE c2.d2 COMMENT 'two' WITH ('k' = 'v'); ALTER DATABASE c2.d2 SET ('l' = 'w')")
	shows(t, s, map[string]string{
		"SHOW CATALOGS":                    "c2\ndefault_catalog\n",
		"SHOW CATALOGS ILIKE 'C%'":         "c2\n",
		"SHOW CATALOGS NOT LIKE 'c%'":      "default_catalog\n",
		"SHOW CURRENT CATALOG":             "default_catalog\n",
		"SHOW CREATE CATALOG c2":           "CREATE CATALOG `c2`\nCOMMENT 'it''s'\nWITH (\n  'default-database' = 'dd',\n  'type' = 'generic_in_memory'\n)\n",
		"DESCRIBE CATALOG c2":              "name|c2\ntype|generic_in_memory\ncomment|it's\n",
		"DESC CATALOG EXTENDED c2":         "name|c2\ntype|generic_in_memory\ncomment|it's\noption:default-database|dd\n",
		"SHOW DATABASES IN c2":             "d2\ndd\n",
		"SHOW DATABASES FROM c2 LIKE 'd_'": "d2\ndd\n",
		"DESCRIBE DATABASE c2.d2":          "catalog|c2\nname|d2\ncomment|two\n",
		"DESC DATABASE EXTENDED c2.d2":     "catalog|c2\nname|d2\ncomment|two\noption:k|v\noption:l|w\n",
	})
	refuses(t, s, map[string]string{
		"CREATE CATALOG c2 WITH ('type' = 'generic_in_memory')": "there is a catalog c2 already; CREATE CATALOG IF NOT EXISTS",
		"CREATE CATALOG c3":                                         "has no 'type'; the 'type' is 'generic_in_memory', 'file' with a 'path'",
		"CREATE CATALOG c3 WITH ('type' = 'hive')":                  "no catalog of the type 'hive'",
		"CREATE CATALOG c3 WITH ('type' = 'file')":                  "has no 'path'",
		"CREATE CATALOG c3 WITH ('type' = 'file', 'pth' = '/x')":    "did you mean 'path'?",
		"CREATE CATALOG c3 WITH ('type' = 'file', 'type' = 'file')": "is given twice",
		"ALTER CATALOG c2 RESET ('type')":                           "the 'type' of a catalog cannot be altered",
		"ALTER CATALOG c2 SET ('default-database' = 'none')":        "no database c2.none",
		"DROP CATALOG default_catalog":                              "is the current one; USE CATALOG",
		"DROP CATALOG c":                                            "no catalog c; did you mean c2?",
		"USE CATALOG c9":                                            "no catalog c9",
		"SHOW TABLES FROM c2.other":                                 "no database c2.other",
		"SHOW DATABASES IN c2.x":                                    "whose name has one part",
		"ALTER DATABASE c2.d2 RENAME TO d3":                         "",
		"DESCRIBE DATABASE other":                                   "no database default_catalog.other",
	})
	script(t, s, "USE CATALOG c2; ALTER CATALOG c2 SET ('default-database' = 'd2'); ALTER CATALOG c2 COMMENT 'other'; DROP CATALOG default_catalog")
	shows(t, s, map[string]string{
		"SHOW CURRENT DATABASE": "dd\n", "SHOW CATALOGS": "c2\n", "DESCRIBE CATALOG c2": "name|c2\ntype|generic_in_memory\ncomment|other\n",
	})
	script(t, s, "CREATE CATALOG c4 WITH ('type' = 'generic_in_memory'); USE CATALOG c4; DROP CATALOG c2; DROP CATALOG IF EXISTS c2")
	shows(t, s, map[string]string{"SHOW CURRENT DATABASE": "default\n"})
}

// TestKeptCatalog: what one session has made is there in another one, and a session sees what another one changes.
func TestKeptCatalog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there")
	s := inFile(t, dir)
	script(t, s, `CREATE TABLE t (id INT NOT NULL COMMENT 'the id', n INT, ts TIMESTAMP(3), c AS id + 1, m STRING METADATA FROM 'k' VIRTUAL,
			WATERMARK FOR ts AS ts - INTERVAL '5' SECOND, CONSTRAINT pk PRIMARY KEY (id) NOT ENFORCED) COMMENT 'it''s; a -- table'
			DISTRIBUTED BY HASH(id) INTO 4 BUCKETS PARTITIONED BY (n) WITH ('connector' = 'datagen', 'k' = ';');
		CREATE DATABASE `+"`other db`"+` COMMENT 'o' WITH ('a' = 'b');
		CREATE FUNCTION twice AS 'gold_repeat' LANGUAGE GO;
		CREATE VIEW v COMMENT 'a view' AS WITH q AS (SELECT id FROM t) SELECT q.id, x.id AS other -- which
			FROM q, main.t AS x WHERE q.id IN (SELECT n FROM t) AND x.id = q.id;
		CREATE VIEW w (a, b) AS SELECT * FROM v;
		CREATE TEMPORARY TABLE gone LIKE t`)
	other := inFile(t, dir)
	for _, x := range []string{"SHOW CREATE TABLE t", "SHOW CREATE VIEW v", "SHOW CREATE VIEW w", "DESCRIBE t", "DESCRIBE v", "DESCRIBE w", "SHOW VIEWS", "DESCRIBE FUNCTION twice", "DESC DATABASE EXTENDED `other db`"} {
		shows(t, other, map[string]string{x: rows(t, s, x)})
	}
	shows(t, other, map[string]string{
		"SHOW TABLES": "t\nv\nw\n", "SHOW DATABASES": "main\nother db\n",
		"SHOW CREATE VIEW v": "CREATE VIEW `kept`.`main`.`v` (\n  `id`,\n  `other`\n)\nCOMMENT 'a view'\nAS WITH q AS (SELECT id FROM `kept`.`main`.`t`) " +
			"SELECT q.id, x.id AS other -- which\n\t\t\tFROM q, `kept`.`main`.`t` AS x WHERE q.id IN (SELECT n FROM `kept`.`main`.`t`) AND x.id = q.id\n",
	})
	script(t, other, "USE `other db`") // names in views mean what they meant
	if got, want := rows(t, other, "DESCRIBE main.w"), rows(t, s, "DESCRIBE w"); got != want {
		t.Errorf("in another database the view is\n%s\nwant\n%s", got, want)
	}
	script(t, s, "ALTER TABLE t ADD x INT; ALTER TABLE t RENAME TO `other db`.u; CREATE OR REPLACE VIEW v AS SELECT 1 AS a; DROP FUNCTION twice")
	shows(t, other, map[string]string{"SHOW TABLES": "u\n", "SHOW TABLES FROM main": "v\nw\n", "DESCRIBE main.v": "a|INT|FALSE|NULL|NULL|NULL\n"})
	refuses(t, other, map[string]string{
		"DESCRIBE FUNCTION main.twice": "no function main.twice",
		"DESCRIBE main.w":              "the view kept.main.w, as it stands in",
		"SELECT * FROM main.w":         "the view has names for 2 columns, and its query gives 1; CREATE OR REPLACE VIEW makes another one",
	})
	script(t, other, "DROP VIEW main.w; DROP DATABASE IF EXISTS nothing; USE main; DROP DATABASE `other db` CASCADE")
	shows(t, s, map[string]string{"SHOW TABLES": "gone\nv\n", "SHOW DATABASES": "main\n"})
}

// TestKeptCatalogOfMany: sessions that change a catalog at the same time lose nothing.
func TestKeptCatalogOfMany(t *testing.T) {
	dir := t.TempDir()
	sessions := []*sql.Session{inFile(t, dir), inFile(t, dir), inFile(t, dir)}
	var wait sync.WaitGroup
	for i, s := range sessions {
		wait.Go(func() {
			for n := range 8 {
				name := "t" + string(rune('a'+i)) + string(rune('0'+n))
				if _, err := s.Execute(t.Context(), "CREATE TABLE "+name+" (a INT)"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if got := len(strings.Split(rows(t, sessions[0], "SHOW TABLES"), "\n")); got != 24 {
		t.Errorf("there are %d tables, want 24", got)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 2 { // it, and a lock
		t.Errorf("the directory has %v", files)
	}
}

// TestDamagedCatalog: what is wrong with a file is named, and the file is left alone.
func TestDamagedCatalog(t *testing.T) {
	dir := t.TempDir()
	s := inFile(t, dir)
	script(t, s, "CREATE TABLE t (a INT); CREATE TABLE u (a INT)")
	file := filepath.Join(dir, "catalog.sql")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	end := strings.LastIndex(string(good), ")")
	for damaged, want := range map[string]string{
		"":                             "line 1: it does not begin with '-- Flott catalog, format 1'",
		string(good[:end]):             "line 12: ",
		string(good) + "DROP TABLE t;": "line 13: this is no CREATE statement",
		string(good) + "CREATE TABLE main.t (a INT);":  "line 13: there are two tables t",
		string(good) + "CREATE TABLE other.t (a INT);": "line 13: there is no database other yet",
		"-- Flott catalog, format 2\n":                 "has the format 2, and this version of Flott reads format 1",
		"-- Flott catalog, format 1\n":                 "line 2: there is no revision",
	} {
		write(damaged)
		for _, x := range []string{"SHOW TABLES", "SELECT * FROM t", "CREATE TABLE x (a INT)", "DROP TABLE t"} {
			refuses(t, s, map[string]string{x: want})
			refuses(t, s, map[string]string{x: file})
		}
		if now, err := os.ReadFile(file); err != nil || string(now) != damaged {
			t.Errorf("the damaged file has become %q, %v", now, err)
		}
		refuses(t, newSession(), map[string]string{"CREATE CATALOG kept WITH ('type' = 'file', 'path' = '" + dir + "')": want})
	}
	write(string(good))
	shows(t, s, map[string]string{"SHOW TABLES": "t\nu\n"})
	write(strings.Replace(string(good), "`u` (\n  `a` INT", "`u` (\n  `a` INT,\n  `b` AS `nothing` + 1", 1)) // a table that is wrong is an error of its own
	shows(t, s, map[string]string{"SHOW TABLES": "t\nu\n", "DESCRIBE t": "a|INT|TRUE|NULL|NULL|NULL\n"})
	refuses(t, s, map[string]string{"DESCRIBE u": "the table kept.main.u, as it stands in"})
	script(t, s, "DROP TABLE u")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	refuses(t, s, map[string]string{"SHOW TABLES": "is gone; DROP CATALOG and CREATE CATALOG begin a new one"})
}

// TestTablesAreKept: each table and view of the golden cases is the same when it is read back.
func TestTablesAreKept(t *testing.T) {
	files, err := sqltest.Files([]string{"testdata/golden"})
	if err != nil {
		t.Fatal(err)
	}
	creates := regexp.MustCompile(`(?ms)^CREATE (TABLE|VIEW) .*?;$`)
	count := 0
	for _, file := range files {
		c, err := sqltest.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		if c.Error != "" || strings.Contains(c.Sections["setup"], "MATCH_RECOGNIZE") {
			continue
		}
		dir := t.TempDir()
		s := inFile(t, dir)
		for _, x := range creates.FindAllString(c.Sections["setup"], -1) {
			if strings.Contains(x, "db2.") {
				continue
			}
			if !strings.Contains(x, "AS SELECT") || strings.HasPrefix(x, "CREATE VIEW") {
				script(t, s, x)
			}
		}
		other := inFile(t, dir)
		for name := range strings.Lines(rows(t, s, "SHOW TABLES")) {
			name = "`" + strings.TrimSpace(name) + "`"
			kind := "TABLE"
			if slices.Contains(strings.Split(rows(t, s, "SHOW VIEWS"), "\n"), strings.Trim(name, "`")) {
				kind = "VIEW"
			}
			for _, x := range []string{"SHOW CREATE " + kind + " " + name, "DESCRIBE " + name} {
				shows(t, other, map[string]string{x: rows(t, s, x)})
			}
			count++
		}
	}
	if count < 200 {
		t.Errorf("there are %d tables only", count)
	}
}
