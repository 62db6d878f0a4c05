package sql_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/flott-dev/flott/sql"
)

// TestLargeStatements: a statement of any size ends in a result or an error that says what is too much.
func TestLargeStatements(t *testing.T) {
	onlyResults(t)
	union := strings.TrimSuffix(strings.Repeat("SELECT 1 AS a UNION ALL ", 1000), " UNION ALL ")
	list := "SELECT 1 WHERE 1 IN (" + strings.TrimSuffix(strings.Repeat("2, ", 20_000), ", ") + ")"
	for name, c := range map[string]struct{ text, want string }{
		"parentheses": {"SELECT " + strings.Repeat("(", 1000) + "1" + strings.Repeat(")", 1000), "1"},
		"union":       {"SELECT COUNT(*) FROM (" + union + ") AS t", "1000"},
		"long text":   {"SELECT CHAR_LENGTH('" + strings.Repeat("x", 1_000_000) + "')", "1000000"},
		"sum":         {"SELECT 1" + strings.Repeat(" + 1", 5000), "5001"},
		"list":        {"SELECT 5 IN (" + strings.TrimSuffix(strings.Repeat("2, ", 20_000), ", ") + ")", "FALSE"},
		"subqueries":  {"SELECT a FROM " + strings.Repeat("(SELECT a FROM ", 100) + "(VALUES (7)) AS t(a)" + strings.Repeat(") AS t", 100), "7"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSession(sql.Set("execution.runtime-mode", "BATCH"))
			if got := rows(t, s, c.text); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	for name, text := range map[string]string{
		"open parentheses": "SELECT " + strings.Repeat("(", 1_000_000), "not": "SELECT " + strings.Repeat("NOT ", 250_000) + "TRUE", "where without from": list,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newSession().Execute(t.Context(), text)
			var e *sql.Error
			if !errors.As(err, &e) || len(e.Msg) > 500 {
				t.Errorf("the error is %.300v", err)
			}
		})
	}
}

// TestFailuresAtRunTime: the error has the message of the expression, and the statement's kind is runtime.
func TestFailuresAtRunTime(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT 10 / a FROM (VALUES (1), (0)) AS t(a)":                                                "ivision by zero",
		"SELECT CAST(a AS INT) FROM (VALUES ('1'), ('x')) AS t(a)":                                    `"x"`,
		"SELECT CASE WHEN a = 0 THEN 0 ELSE 10 / a END FROM (VALUES (0)) AS t(a)":                     "",
		"SELECT a FROM (VALUES (1), (2)) AS t(a) WHERE a = (SELECT b FROM (VALUES (1), (2)) AS u(b))": "more than one",
	} {
		s := newSession()
		r, err := s.Execute(t.Context(), query)
		if err == nil {
			for _, batchErr := range r.Batches() {
				err = batchErr
			}
		}
		var e *sql.Error
		switch {
		case want == "":
			if err != nil {
				t.Errorf("%s: %v", query, err)
			}
		case !errors.As(err, &e) || e.Kind != sql.Runtime || !strings.Contains(err.Error(), want):
			t.Errorf("%s: %v, want %q", query, err, want)
		}
	}
}
