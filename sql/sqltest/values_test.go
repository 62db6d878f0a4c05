package sqltest

import (
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/bind"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/parse"
)

// Where Flink 2.2.1 is wrong we are not: it gives the value behind the sign, or fails.
func TestDifferencesFromFlink(t *testing.T) {
	for text, want := range map[string]string{
		"HOUR(TIMESTAMP '1969-12-31 23:34:56')":                       `[23]`,                    // 0
		"EXTRACT(YEAR FROM TIMESTAMP '1969-12-31 23:34:56')":          `[1969]`,                  // 1970
		"EXTRACT(MILLISECOND FROM TIMESTAMP '1969-12-31 23:59:59.7')": `[700]`,                   // -300
		"EXTRACT(SECOND FROM DATE '2024-02-29')":                      `[0]`,                     // 19
		"FLOOR(TIMESTAMP '1969-12-31 23:34:56' TO MONTH)":             `["1969-12-01 00:00:00"]`, // 1970-01-01
		"CEIL(TIMESTAMP '2024-01-01 00:00:01' TO MONTH)":              `["2024-02-01 00:00:00"]`, // 2024-01-01
		"CEIL(DATE '2024-05-17' TO DAY)":                              `["2024-05-17"]`,          // 2024-05-18
		"CEIL(TIME '23:34:56' TO HOUR)":                               `["00:00:00"]`,            // fails
		"DATE '2024-01-31' + INTERVAL '1' WEEK":                       `["2024-02-07"]`,          // 2024-01-31
		"DATE '2024-01-31' + INTERVAL '1' QUARTER":                    `["2024-04-30"]`,          // 2024-02-29
		"INTERVAL '3' DAY / 2":                                        `["PT129600.000S"]`,       // fails
		"ABS(INTERVAL '-3' MONTH)":                                    `["P3M"]`,                 // fails
		"TIMESTAMPDIFF(MILLISECOND, TIMESTAMP '2024-01-01 00:00:00', TIMESTAMP '2024-01-01 00:00:01.999')": `[1999]`, // 1000
		"TIMESTAMPDIFF(MONTH, TIMESTAMP '2024-01-15 12:00:00', TIMESTAMP '2023-12-15 13:00:00')":           `[0]`,    // -1
		"TIMESTAMPDIFF(DECADE, DATE '2004-01-01', DATE '2024-12-31')":                                      `[2]`,    // 20
		"TO_DATE('bad', 'yyyyMMdd')":         `[null]`,   // 5471-09-27
		"ELEMENT(ARRAY_REMOVE(ARRAY[5], 5))": `[null]`,   // -1
		"ARRAY[1, 2][3]":                     `[null]`,   // -1
		"MAP['a', 1]['z']":                   `[null]`,   // -1
		"ROUND(CAST('NaN' AS DOUBLE), 2)":    `["NaN"]`,  // fails
		"SIGN(CAST(-5 AS TINYINT))":          `[-1]`,     // fails
		"ATAN2(0.0, 1e0)":                    `[0]`,      // fails
		"LEAST(x'02', x'01')":                `["0x01"]`, // fails
	} {
		got, err := constantRow(text)
		if err != nil || !SameRows([]string{want}, []string{got}, true) {
			t.Errorf("%s is %s, %v, want %s", text, got, err, want)
		}
	}
}

func constantRow(text string) (string, error) {
	s, err := parse.Statement("SELECT " + text)
	if err != nil {
		return "", err
	}
	_, rows, err := constants(s.(*ast.QueryStmt).Query, time.UTC)
	return strings.Join(rows, ""), err
}

// evaluate computes expressions for the rows of a batch, as JSON arrays.
func evaluate(t *testing.T, c *expr.Context, cols []bind.Column, b *column.Batch, texts ...string) (rows []string) {
	t.Helper()
	var results []*column.Vector
	for _, text := range texts {
		syntax, err := parse.Expr(text)
		if err != nil {
			t.Fatal(err)
		}
		x, err := bind.Expr(&bind.Scope{Columns: cols}, syntax)
		if err != nil {
			t.Fatal(err)
		}
		v, err := expr.Compile(x).Eval(c, b)
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, v)
	}
	for i := range b.Len() {
		rows = append(rows, string(AppendRow(nil, results, i)))
	}
	return rows
}

// What scalar_math.st_math and scalar_temporal.ev_cols expect.
func TestFunctionsOfColumns(t *testing.T) {
	n, ts := column.New(row.Of(row.Int)), column.New(row.TimestampOf(3))
	b := &column.Batch{Cols: []*column.Vector{n, ts}}
	for i, x := range []int32{10, 40, -5} {
		n.AppendI32(x)
		ts.AppendTimestamp(time.Date(2024, 1, 1, 0, i, 2, 0, time.UTC).UnixMicro(), 0)
	}
	n.AppendNull()
	ts.AppendNull()
	b.N = n.N
	cols := []bind.Column{{Name: "n", Type: n.Type}, {Name: "ts", Type: ts.Type}}
	got := evaluate(t, &expr.Context{}, cols, b, "POWER(n, 2)", "SQRT(n)", "LN(n)", "ROUND(n / 7.0, 2)", "SIGN(n)", "ABS(n)",
		"EXTRACT(SECOND FROM ts)", "FLOOR(ts TO MINUTE)", "DATE_FORMAT(ts, 'mm:ss')",
		"TIMESTAMPDIFF(SECOND, TIMESTAMP '2024-01-01 00:00:00', ts)", "ts + INTERVAL '1' MINUTE", "ARRAY[n, 1]", "MAP[n, ts]", "ROW(n, ts)")
	want := []string{
		`[100.0,3.1622776601683795,2.302585092994046,"1.43",1,10,2,"2024-01-01 00:00:00.000","00:02",2,"2024-01-01 00:01:02.000",[10,1],{"map":[[10,"2024-01-01 00:00:02.000"]]},{"row":[10,"2024-01-01 00:00:02.000"]}]`,
		`[1600.0,6.324555320336759,3.6888794541139363,"5.71",1,40,2,"2024-01-01 00:01:00.000","01:02",62,"2024-01-01 00:02:02.000",[40,1],{"map":[[40,"2024-01-01 00:01:02.000"]]},{"row":[40,"2024-01-01 00:01:02.000"]}]`,
		`[25.0,"NaN","NaN","-0.71",-1,5,2,"2024-01-01 00:02:00.000","02:02",122,"2024-01-01 00:03:02.000",[-5,1],{"map":[[-5,"2024-01-01 00:02:02.000"]]},{"row":[-5,"2024-01-01 00:02:02.000"]}]`,
		`[null,null,null,null,null,null,null,null,null,null,null,[null,1],{"map":[[null,null]]},{"row":[null,null]}]`,
	}
	if !SameRows(want, got, true) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Clock functions tell the time of the batch in the session's zone, and the watermark if there is one.
func TestClockFunctions(t *testing.T) {
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	ts := column.New(row.TimestampOf(3))
	ts.AppendTimestamp(0, 0)
	rowtime := row.TimestampOf(3)
	rowtime.Attribute = row.Rowtime
	cols := []bind.Column{{Name: "ts", Type: rowtime}}
	b := &column.Batch{N: 1, Cols: []*column.Vector{ts}}
	c := &expr.Context{Zone: zone, Now: time.Date(2024, 7, 2, 3, 4, 5, 678_900_000, time.UTC)}
	texts := []string{
		"CURRENT_DATE", "CURRENT_TIME", "LOCALTIME", "LOCALTIMESTAMP", "CURRENT_TIMESTAMP", "NOW()", "CURRENT_ROW_TIMESTAMP()", "PROCTIME()",
		"UNIX_TIMESTAMP()", "CURRENT_WATERMARK(ts)",
	}
	const now = `"2024-07-02 03:04:05.678Z"`
	local := `["2024-07-01","20:04:05","20:04:05","2024-07-01 20:04:05.678",` + now + `,` + now + `,` + now + `,` + now + `,1719889445,`
	if got := evaluate(t, c, cols, b, texts...); got[0] != local+`null]` {
		t.Errorf("got %s, want %s", got, local+`null]`)
	}
	c.Watermark, c.HasWatermark = 1500, true
	if got := evaluate(t, c, cols, b, texts...); got[0] != local+`"1970-01-01 00:00:01.500"]` {
		t.Errorf("got %s, want %s", got, local+`"1970-01-01 00:00:01.500"]`)
	}
	if _, err := bind.Expr(&bind.Scope{Columns: []bind.Column{{Name: "ts", Type: row.TimestampOf(3)}}}, mustParse(t, "CURRENT_WATERMARK(ts)")); err == nil {
		t.Error("CURRENT_WATERMARK takes a column without a watermark")
	}
}

func mustParse(t *testing.T, text string) ast.Expr {
	t.Helper()
	x, err := parse.Expr(text)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// Seeded random numbers are Java's, going on from row to row; others are in their range and differ.
func TestRandomFunctions(t *testing.T) {
	one := column.New(row.Of(row.Int))
	for range 3 {
		one.AppendI32(1)
	}
	cols := []bind.Column{{Name: "i", Type: one.Type}}
	b := &column.Batch{N: 3, Cols: []*column.Vector{one}}
	got := evaluate(t, &expr.Context{}, cols, b, "RAND(1)", "RAND(i)", "RAND_INTEGER(1, 100)")
	want := []string{
		"[0.7308781907032909,0.7308781907032909,85]",
		"[0.41008081149220166,0.7308781907032909,88]",
		"[0.20771484130971707,0.7308781907032909,47]",
	}
	if !SameRows(want, got, true) {
		t.Errorf("got %s, want %s", got, want)
	}
	const n = 1000
	b = &column.Batch{N: n}
	differ := map[string]bool{}
	inRange := evaluate(t, &expr.Context{}, nil, b, "RAND() >= 0", "RAND() < 1", "RAND_INTEGER(3) IN (0, 1, 2)")
	for i, r := range evaluate(t, &expr.Context{}, nil, b, "UUID()") {
		if inRange[i] != "[true,true,true]" {
			t.Fatalf("row %d: %s", i, inRange[i])
		}
		if len(r) != 40 || r[16] != '4' || strings.Count(r, "-") != 4 {
			t.Fatalf("%s is no UUID of version 4", r)
		}
		differ[r] = true
	}
	for _, r := range evaluate(t, &expr.Context{}, nil, b, "RAND()") {
		differ[r] = true
	}
	if len(differ) != 2*n {
		t.Errorf("%d random values of %d differ", len(differ), 2*n)
	}
}
