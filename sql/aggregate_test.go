package sql_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
)

// longest is the state of LONGEST: the longest text, and how many there were.
type longest struct {
	Text string
	N    int
}

func session(t *testing.T, options ...sql.Option) *sql.Session {
	t.Helper()
	return sql.NewSession(append(options, sql.On(launch.Executor()))...)
}

// last is the last row of a query's result, or its error.
func last(t *testing.T, s *sql.Session, query string) (string, error) {
	t.Helper()
	r, err := s.Execute(t.Context(), query)
	if err != nil {
		return "", err
	}
	text := ""
	for b, err := range r.Batches() {
		if err != nil {
			return "", err
		}
		v := b.Cols[0]
		for i := range b.Len() {
			if p := b.Row(i); v.IsNull(p) {
				text = "NULL"
			} else {
				text = string(v.Bytes(p))
			}
		}
	}
	return text, nil
}

func longestFunction(retract any) sql.Function {
	return sql.Aggregate("LONGEST", sql.AggregateFunction[longest]{
		Add: func(s *longest, x string) error {
			if x == "bad" {
				return errors.New("a bad text")
			}
			if s.N++; len(x) > len(s.Text) {
				s.Text = x
			}
			return nil
		},
		Retract: retract,
		Value: func(s *longest) *string {
			if s.N == 0 {
				return nil
			}
			return &s.Text
		},
	})
}

func TestAggregateFunction(t *testing.T) {
	s := session(t, sql.Functions(longestFunction(nil)))
	for query, want := range map[string]string{
		"SELECT LONGEST(x) FROM (VALUES ('a'), ('ccc'), (CAST(NULL AS STRING)), ('bb')) t(x)":             "ccc",
		"SELECT LONGEST(x) FROM (VALUES (CAST(NULL AS STRING))) t(x)":                                     "NULL",
		"SELECT LONGEST(DISTINCT x) FILTER (WHERE x <> 'ccc') FROM (VALUES ('a'), ('ccc'), ('bb')) t(x)":  "bb",
		"SELECT LONGEST(x) FROM (VALUES ('a'), ('bad')) t(x)":                                             "LONGEST: a bad text",
		"SELECT LONGEST(x) FROM (VALUES (1)) t(x)":                                                        "argument 1 of LONGEST is STRING, not INT",
		"SELECT LONGEST(x, x) FROM (VALUES ('a')) t(x)":                                                   "LONGEST takes 1 arguments, not 2",
		"SELECT LONGEST(m) FROM (SELECT MAX(x) AS m FROM (VALUES (1, 'a'), (1, 'b')) t(k, x) GROUP BY k)": "give the function a Retract",
	} {
		got, err := last(t, s, query)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s gives %q, want %q", query, got, want)
		}
	}
}

func TestAggregateFunctionsThatAreNone(t *testing.T) {
	for want, f := range map[string]sql.Function{
		"Add is func(s *sql_test.longest": sql.Aggregate("F", sql.AggregateFunction[longest]{
			Add: func(int) {}, Value: func(*longest) int64 { return 1 },
		}),
		"Value is func(s *sql_test.longest": sql.Aggregate("F", sql.AggregateFunction[longest]{
			Add: func(*longest, int64) {}, Value: func(*longest) {},
		}),
		"Retract is of another type": longestFunction(func(*longest, int64) {}),
		"the state cannot be kept": sql.Aggregate("F", sql.AggregateFunction[func()]{
			Add: func(*func(), int64) {}, Value: func(*func()) int64 { return 1 },
		}),
		"there is no SQL type": sql.Aggregate("F", sql.AggregateFunction[longest]{
			Add: func(*longest, complex128) {}, Value: func(*longest) int64 { return 1 },
		}),
	} {
		func() {
			defer func() {
				if r := fmt.Sprint(recover()); !strings.Contains(r, want) {
					t.Errorf("the function fails with %s, want %s", r, want)
				}
			}()
			sql.NewSession(sql.Functions(f))
		}()
	}
}
