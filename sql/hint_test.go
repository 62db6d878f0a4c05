package sql_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestHints: hints that there are not, that name no table of FROM or say something else than they can are refused.
func TestHints(t *testing.T) {
	s := newSession()
	script(t, s, "CREATE TABLE d (id INT, n INT) WITH ('connector' = 'datagen'); CREATE TABLE e (id INT, m INT) WITH ('connector' = 'datagen')")
	on := "d.id FROM d JOIN e ON d.id = e.id"
	refuses(t, s, map[string]string{
		"SELECT /*+ FOO(d) */ " + on:                                      "there is no hint FOO; there are LOOKUP, OPTIONS, STATE_TTL, BROADCAST, SHUFFLE_HASH, SHUFFLE_MERGE, NEST_LOOP",
		"SELECT /*+ BROADCST(d) */ " + on:                                 "did you mean BROADCAST?",
		"SELECT id FROM d /*+ OPTION('a'='b') */":                         "did you mean OPTIONS?",
		"SELECT /*+ BROADCAST */ " + on:                                   "names at least one table of FROM; write BROADCAST(table)",
		"SELECT /*+ NEST_LOOP(zz) */ " + on:                               "the hint NEST_LOOP is about the table zz, which FROM does not have; there are d, e",
		"SELECT /*+ STATE_TTL('d' = '1 d') */ other.id FROM d AS other":   "a table with an alias is known by that only",
		"SELECT /*+ STATE_TTL(d) */ " + on:                                "write STATE_TTL('t' = '1 d')",
		"SELECT /*+ STATE_TTL('d' = 'xx') */ " + on:                       "the time to live 'xx' is no duration",
		"SELECT /*+ LOOKUP('async' = 'true') */ " + on:                    "the hint LOOKUP names a table",
		"SELECT /*+ LOOKUP('table' = 'z') */ " + on:                       "the hint LOOKUP is about the table z",
		"SELECT /*+ LOOKUP('table' = 'e', 'foo' = '1') */ " + on:          "has no option 'foo'; there are async, capacity,",
		"SELECT /*+ LOOKUP('table' = 'e', 'capacity' = '0') */ " + on:     "the option 'capacity' of LOOKUP cannot be '0'",
		"SELECT /*+ LOOKUP('table' = 'e', 'max-attempts' = '3') */ " + on: "retry-predicate, retry-strategy, fixed-delay, max-attempts of LOOKUP go together",
		"SELECT /*+ OPTIONS('a' = 'b') */ " + on:                          "the hint OPTIONS stands behind a table",
	})
	script(t, s, "EXPLAIN SELECT /*+ LOOKUP('table' = 'e', 'async' = 'true', 'retry-predicate' = 'lookup_miss', 'retry-strategy' = 'fixed_delay', 'fixed-delay' = '10 s', 'max-attempts' = '3') */ "+on)
}

// TestStateTTLHint: what a hint lets go is not counted on, and not joined with.
func TestStateTTLHint(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT k, COUNT(*) AS n FROM f GROUP BY k":                                                            `"n":10}`,
		"SELECT /*+ STATE_TTL('f' = '500 ms') */ k, COUNT(*) AS n FROM f GROUP BY k":                           `"n":1}`,
		"SELECT f.a, g.a AS n FROM f JOIN g ON f.k = g.k WHERE f.a = 10":                                       `"n":10}`,
		"SELECT /*+ STATE_TTL('g' = '500 ms') */ f.a, g.a AS n FROM f JOIN g ON f.k = g.k WHERE f.a = g.a + 5": "",
		"SELECT f.a, g.a AS n FROM f JOIN g ON f.k = g.k WHERE f.a = g.a + 5":                                  `"n":5}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSession()
			script(t, s, "SET 'table.exec.mini-batch.enabled' = 'false';"+strings.ReplaceAll(numbered("f", "a", "1", "")+numbered("g", "a", "1", ""), "(a BIGINT,", "(a BIGINT, k AS a * 0,"))
			if got := lastIn(t, s, query, 9500*time.Millisecond); !strings.HasSuffix(got, want) || (got == "") != (want == "") {
				t.Errorf("%s\ngives %s, want %s", query, got, want)
			}
		})
	}
}
