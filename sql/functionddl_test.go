package sql_test

import (
	"strings"
	"testing"

	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/sql/sqltest"
)

// TestFunctionStatements: names for functions of the program, in catalogs, in the session and in views.
func TestFunctionStatements(t *testing.T) {
	s := newSession(sqltest.Functions(), sql.Functions(sql.Scalar("shout", func(s string) string { return strings.ToUpper(s) + "!" })))
	script(t, s, `CREATE FUNCTION loud AS 'shout'; CREATE FUNCTION IF NOT EXISTS loud AS 'gold_count_char' LANGUAGE GO;
		CREATE TEMPORARY FUNCTION upto AS 'GOLD_REPEAT'; CREATE TEMPORARY SYSTEM FUNCTION mean AS 'gold_wavg';
		CREATE DATABASE d; CREATE FUNCTION d.other AS 'shout'; CREATE FUNCTION `+"`lower`"+` AS 'shout';
		CREATE VIEW v AS SELECT Loud('x') AS a, i FROM LATERAL TABLE(upto(2))`)
	shows(t, s, map[string]string{
		"SELECT loud('a'), LOUD('b'), `default_database`.loud('c'), default_catalog.d.other('d'), lower('E')": "A!|B!|C!|D!|e",
		"SELECT i FROM TABLE(upto(2))":     "1\n2",
		"SELECT * FROM v":                  "X!|1\nX!|2",
		"SHOW USER FUNCTIONS LIKE 'l%'":    "loud\nlower",
		"SHOW USER FUNCTIONS IN d":         "gold_count_char\ngold_repeat\ngold_split\ngold_wavg\nmean\nother\nshout",
		"SHOW FUNCTIONS ILIKE 'UPP%'":      "upper",
		"DESCRIBE FUNCTION loud":           "is system function|false\nis temporary|false\nfunction name|shout\nfunction language|GO",
		"DESCRIBE FUNCTION EXTENDED upto":  "is system function|false\nis temporary|true\nfunction name|GOLD_REPEAT\nfunction language|GO\nkind|TABLE",
		"DESCRIBE FUNCTION EXTENDED mean":  "is system function|true\nis temporary|true\nfunction name|GOLD_WAVG\nfunction language|GO\nkind|AGGREGATE",
		"DESCRIBE FUNCTION EXTENDED `SUM`": "is system function|true\nis temporary|false\nkind|AGGREGATE",
		"SELECT mean(v, 1) FROM (VALUES (CAST(1 AS BIGINT)), (CAST(3 AS BIGINT))) AS t(v)": "2",
		"SHOW CREATE VIEW v": "CREATE VIEW `default_catalog`.`default_database`.`v` (\n  `a`,\n  `i`\n)\nAS SELECT `default_catalog`.`default_database`.`loud`('x') AS a, i FROM LATERAL TABLE(`default_catalog`.`default_database`.`upto`(2))",
	})
	script(t, s, "USE d")
	shows(t, s, map[string]string{"SELECT * FROM default_database.v": "X!|1\nX!|2"})
	refuses(t, s, map[string]string{
		"SELECT loud('a')":                                 "there is no function loud",
		"CREATE FUNCTION f AS 'nothing'":                   "the program has not registered a function nothing; it has registered GOLD_COUNT_CHAR, GOLD_REPEAT, GOLD_SPLIT, GOLD_WAVG, MEAN, SHOUT",
		"CREATE FUNCTION f AS 'x.Y' LANGUAGE JAVA":         "functions are in Go, not in JAVA",
		"CREATE FUNCTION f AS 'shout' USING JAR '/x.jar'":  "there are no JARs",
		"CREATE FUNCTION other AS 'shout'":                 "there is a function default_catalog.d.other already; CREATE FUNCTION IF NOT EXISTS",
		"CREATE TEMPORARY SYSTEM FUNCTION mean AS 'shout'": "there is a system function mean already",
		"CREATE TEMPORARY SYSTEM FUNCTION d.f AS 'shout'":  "a system function is in no catalog",
		"ALTER FUNCTION nope AS 'shout'":                   "there is no function nope",
		"DROP FUNCTION othr":                               "there is no function othr; did you mean other?",
		"DROP TEMPORARY FUNCTION other":                    "there is no function other",
		"DROP TEMPORARY SYSTEM FUNCTION shout":             "the program has registered it",
		"DESCRIBE FUNCTION nope":                           "there is no function nope",
	})
	script(t, s, `USE default_database; ALTER FUNCTION loud AS 'gold_split'; ALTER FUNCTION IF EXISTS nope AS 'shout';
		DROP TEMPORARY FUNCTION upto; DROP FUNCTION IF EXISTS nope; DROP TEMPORARY SYSTEM FUNCTION mean; DROP TEMPORARY SYSTEM FUNCTION IF EXISTS mean;
		DROP FUNCTION `+"`lower`"+`; CREATE TEMPORARY FUNCTION loud AS 'shout'`)
	shows(t, s, map[string]string{
		"SELECT loud('a')":               "A!", // a temporary function hides the other one
		"SHOW USER FUNCTIONS LIKE 'l%'":  "loud",
		"SHOW USER FUNCTIONS LIKE 'me%'": "",
	})
	script(t, s, "DROP TEMPORARY FUNCTION loud")
	shows(t, s, map[string]string{"SELECT word FROM TABLE(loud('a b', ' '))": "a\nb"})
	refuses(t, s, map[string]string{"SELECT loud('a')": "there is no function loud"})
}

// TestFunctionThatIsNotRegistered: a kept function of another program says what it is.
func TestFunctionThatIsNotRegistered(t *testing.T) {
	dir := t.TempDir()
	script(t, inFile(t, dir), "CREATE FUNCTION f AS 'gold_count_char'; CREATE TABLE t (a STRING, b AS main.f(a, a)) WITH ('connector' = 'datagen')")
	s := newSession()
	script(t, s, "CREATE CATALOG kept WITH ('type' = 'file', 'path' = '"+dir+"'); USE kept.main")
	refuses(t, s, map[string]string{
		"SELECT f(1)":     "the function f is gold_count_char of the program, which this program does not have; it has registered none; sql.Functions does",
		"SELECT * FROM t": "the function f is gold_count_char",
	})
}
