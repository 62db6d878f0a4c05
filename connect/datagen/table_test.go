package datagen

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/format/formattest"
)

func tableOf(schema string, options ...string) (connect.TableSource, error) {
	t := &connect.TableSpec{
		Name: "t", Schema: formattest.Schema(schema), Options: map[string]string{"connector": "datagen"},
	}
	for _, o := range options {
		key, value, _ := strings.Cut(o, "=")
		t.Options[key] = value
	}
	return Table.NewSource(t)
}

func rowsOf(t *testing.T, scan connect.Scan, schema string, options ...string) connect.Source[string] {
	t.Helper()
	source, err := tableOf(schema, options...)
	if err != nil {
		t.Fatal(err)
	}
	columns, err := source.Scan(scan)
	if err != nil {
		t.Fatal(err)
	}
	return connecttest.Rows(columns, formattest.Rows)
}

func readAll(t *testing.T, s connect.Source[string]) []string {
	t.Helper()
	rows, err := connecttest.NewDriver(t, s, 1, nil).Read(0)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

const everything = "b BOOLEAN, t TINYINT, s SMALLINT, i INT, l BIGINT, f FLOAT, d DOUBLE, de DECIMAL(38, 3), c CHAR(5), v VARCHAR(7), " +
	"st STRING, bi BINARY(3), by1 BYTES, ro ROW<x INT, y STRING>, a ARRAY<INT>, m MAP<STRING, INT>, mu MULTISET<STRING>"

func TestTableIsASource(t *testing.T) {
	open := func() connect.Source[string] {
		return rowsOf(t, connect.Scan{}, everything, "number-of-rows=60", "rows-per-second=100000", "fields.i.null-rate=0.3",
			"fields.ro.x.min=5", "fields.ro.x.max=6", "fields.a.element.min=1", "fields.a.length=2", "fields.m.key.length=1", "fields.m.length=40")
	}
	connecttest.Source(t, open, connecttest.Options[string]{})
}

// TestProjectionsAgree holds that a value does not depend on the columns that are read beside it.
func TestProjectionsAgree(t *testing.T) {
	const schema = "a INT, b STRING, c DOUBLE"
	all := readAll(t, rowsOf(t, connect.Scan{}, schema, "number-of-rows=20"))
	some := readAll(t, rowsOf(t, connect.Scan{Project: []int{2, 0}}, schema, "number-of-rows=20"))
	for i := range all {
		var want, got []any
		if json.Unmarshal([]byte(all[i]), &want) != nil || json.Unmarshal([]byte(some[i]), &got) != nil {
			t.Fatalf("%s, %s", all[i], some[i])
		}
		if got[0] != want[2] || got[1] != want[0] {
			t.Errorf("row %d is %s, but %s as a part", i, all[i], some[i])
		}
	}
}

func TestSequences(t *testing.T) {
	got := readAll(t, rowsOf(t, connect.Scan{}, "a INT, b STRING, c DECIMAL(5, 2), d DOUBLE", "fields.a.kind=sequence", "fields.a.start=-1",
		"fields.a.end=100", "fields.b.kind=sequence", "fields.b.start=8", "fields.b.end=10", "fields.c.kind=sequence", "fields.c.start=1",
		"fields.c.end=999", "fields.d.kind=sequence", "fields.d.start=0", "fields.d.end=5"))
	want := []string{`[-1,"8","1.00",0.0]`, `[0,"9","2.00",1.0]`, `[1,"10","3.00",2.0]`}
	if !slices.Equal(got, want) {
		t.Errorf("rows are %v, want %v", got, want)
	}
}

// TestBounds looks at many values of columns with bounds.
func TestBounds(t *testing.T) {
	rows := readAll(t, rowsOf(t, connect.Scan{}, "a INT, l BIGINT, d DOUBLE, de DECIMAL(4, 1), s STRING, v STRING, n INT", "number-of-rows=2000",
		"fields.a.min=-2", "fields.a.max=2", "fields.l.min=-9223372036854775808", "fields.d.min=1.5", "fields.d.max=2.5", "fields.de.min=0.1",
		"fields.de.max=0.3", "fields.s.length=20", "fields.v.length=3", "fields.v.var-len=true", "fields.n.null-rate=0.25"))
	seen, nulls := map[string]bool{}, 0
	for _, r := range rows {
		var a, l int64
		var d float64
		var de, s, v, n string
		if _, err := fmt.Sscanf(r, "[%d,%d,%g,%q,%q,%q,%s", &a, &l, &d, &de, &s, &v, &n); err != nil {
			t.Fatalf("%s: %v", r, err)
		}
		if a < -2 || a > 2 || d < 1.5 || d > 2.5 || len(s) != 20 || len(v) < 1 || len(v) > 3 {
			t.Fatalf("out of bounds: %s", r)
		}
		for _, x := range []string{fmt.Sprint(a), de, "negative", "length " + fmt.Sprint(len(v))} {
			if x != "negative" || l < 0 {
				seen[x] = true
			}
		}
		if n == "null]" {
			nulls++
		}
	}
	want := []string{"-1", "-2", "0", "0.1", "0.2", "0.3", "1", "2", "length 1", "length 2", "length 3", "negative"}
	var got []string
	for x := range seen {
		got = append(got, x)
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("seen are %v, want %v", got, want)
	}
	if nulls < 400 || nulls > 600 {
		t.Errorf("%d of 2000 values are NULL, want about 500", nulls)
	}
}

// TestWideDecimals has numbers of both signs of all digits.
func TestWideDecimals(t *testing.T) {
	nines := strings.Repeat("9", 38)
	signs := map[bool]int{}
	for _, r := range readAll(t, rowsOf(t, connect.Scan{}, "d DECIMAL(38, 0), e DECIMAL(38, 0)", "number-of-rows=100", "fields.d.min=-"+nines)) {
		signs[strings.HasPrefix(r, `["-`)]++
		if strings.Contains(r, `,"-`) {
			t.Errorf("below the default of 0: %s", r)
		}
	}
	if signs[true] < 20 || signs[false] < 20 {
		t.Errorf("signs are %v", signs)
	}
}

func TestTimesFollowTheClock(t *testing.T) {
	s := rowsOf(t, connect.Scan{}, "a DATE, b TIME, c TIMESTAMP(3), d TIMESTAMP_LTZ(3)", "number-of-rows=50", "rows-per-second=100000", "fields.d.max-past=10 s")
	d := connecttest.NewDriver(t, s, 1, nil)
	rows, err := d.Read(0)
	if err != nil {
		t.Fatal(err)
	}
	now := d.Now()
	prefix := fmt.Sprintf("[%q,%q,%q,", now.Format(time.DateOnly), now.Format(time.TimeOnly), now.Format("2006-01-02 15:04:05.000"))
	for _, r := range rows {
		at, ok := strings.CutPrefix(r, prefix)
		when, err := time.Parse(`"2006-01-02 15:04:05.000Z"]`, at)
		if !ok || err != nil || when.After(now) || when.Before(now.Add(-10*time.Second)) {
			t.Fatalf("at %v the row is %s", now, r)
		}
	}
}

func TestTableErrors(t *testing.T) {
	for _, c := range []struct{ option, want string }{
		{"rows-per-secnd=1", "did you mean 'rows-per-second'?"},
		{"fields.nme.length=1", "there is no column 'nme'; did you mean 'name'?"},
		{"fields.n.max=300000000000", `fields.n.max: "300000000000" is not a value of type INT`},
		{"fields.n.kind=sequence", "a sequence needs fields.n.start and fields.n.end"},
		{"fields.n.kind=sequnce", "is not one of random, sequence"},
		{"fields.k.null-rate=0.5", "but the column is NOT NULL"},
		{"fields.name.length=9", "values of type VARCHAR(5) have at most 5"},
	} {
		if _, err := tableOf("n INT, name VARCHAR(5), k INT NOT NULL", c.option); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.option, err, c.want)
		}
	}
	if got := readAll(t, rowsOf(t, connect.Scan{}, "n INT", "number-of-rows=0")); len(got) != 0 {
		t.Errorf("there are %d rows, want none", len(got))
	}
	if s, err := tableOf("n INT"); err != nil || s.Bounded() {
		t.Errorf("a table without an end: %v, %v", s, err)
	}
}
