package sqltest

import (
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/bind"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/parse"
)

// inputs are the columns of the test below.
var inputs = []bind.Column{
	{Name: "i", Type: row.Of(row.Int)},
	{Name: "j", Type: row.Of(row.Int)},
	{Name: "y", Type: row.Of(row.TinyInt)},
	{Name: "l", Type: row.Of(row.BigInt)},
	{Name: "x", Type: row.Of(row.Double)},
	{Name: "f", Type: row.Of(row.Float)},
	{Name: "d", Type: row.DecimalOf(10, 2)},
	{Name: "e", Type: row.DecimalOf(38, 10)},
	{Name: "s", Type: row.StringType()},
	{Name: "b", Type: row.Of(row.Boolean)},
	{Name: "t", Type: row.TimestampOf(3)},
	{Name: "dt", Type: row.Of(row.Date)},
}

// randomBatch is rows of these columns: small numbers, the edges, and NULLs.
func randomBatch(rng *rand.Rand, n int) *column.Batch {
	b := &column.Batch{N: n}
	texts := []string{"", "a", "abc", "12", "-3.5", "TRUE", "2024-02-29", " 7 ", "日本", "1e3"}
	for _, c := range inputs {
		v := column.New(c.Type)
		for range n {
			small := rng.Int64N(7) - 3
			if rng.IntN(5) == 0 {
				v.AppendNull()
				continue
			}
			switch column.FormOf(c.Type) {
			case column.FormBool:
				v.AppendBool(small > 0)
			case column.FormI32:
				if rng.IntN(8) == 0 && c.Type.Kind == row.Int {
					small = math.MaxInt32
				}
				v.AppendI32(int32(small))
			case column.FormI64:
				v.AppendI64(small << (20 * rng.IntN(3)))
			case column.FormF32:
				v.AppendF32(float32(small) / 2)
			case column.FormF64:
				v.AppendF64([]float64{float64(small), math.NaN(), math.Inf(1), 0.1, math.Copysign(0, -1)}[rng.IntN(5)])
			case column.FormDecimal:
				x := column.Int128From(small * 150)
				if c.Type.Precision == 38 && rng.IntN(3) == 0 {
					x, _ = x.Mul(column.PowersOf10[30])
				}
				v.AppendDecimal(x)
			case column.FormTimestamp:
				v.AppendTimestamp(small*86_400_000_000/2+small*1000, 0)
			case column.FormBytes:
				v.AppendString(texts[rng.IntN(len(texts))])
			}
		}
		b.Cols = append(b.Cols, v)
	}
	return b
}

// Expressions give for a row of a batch what they give for the row alone, and fail where, and only where,
// one of the selected rows fails alone.
func TestBatchesAgreeWithRows(t *testing.T) {
	agreeWithRows(t, []string{
		"i + j", "i - y * 2", "-y", "i / j", "i % j", "MOD(l, 3)", "l * l + i", "x / f", "x % 2", "f + i", "d + e", "d * e", "d / e", "e - d", "e % d", "-e", "d * i / 7",
		"i < j", "i = l", "x <> x", "x >= f", "d <= e", "s > 'a'", "b = TRUE", "t < TIMESTAMP '1970-01-01 12:00:00'", "dt = DATE '1970-01-02'",
		"i IS DISTINCT FROM j", "s IS NOT DISTINCT FROM 'a'", "x IS NOT DISTINCT FROM x", "i IN (1, j, NULL)", "x IN (0.1, f)", "i NOT IN (1, 2)", "i BETWEEN SYMMETRIC j AND 2",
		"b AND i > 0", "b OR i / j > 0", "j <> 0 AND i / j > 0", "NOT b", "b IS TRUE", "i IS NULL", "b IS NOT UNKNOWN", "b IS FALSE OR x > 0",
		"CASE WHEN j <> 0 THEN i / j WHEN b THEN l END", "CASE i WHEN 1 THEN 'x' WHEN 2, 3 THEN s ELSE 'zzz' END", "IF(b, d, e)", "COALESCE(i, j, 7)", "IFNULL(s, 'none')",
		"NULLIF(i, j)", "NULLIF(s, 'a')", "CASE WHEN i > 0 THEN CASE WHEN j <> 0 THEN 1 / j ELSE 2 END ELSE 1 / i END", "COALESCE(NULLIF(j, 0), i / j)",
		"s || s", "s || 'x'", "CONCAT(s, 'a', s)", "CONCAT_WS(s, 'a', s)", "ELT(i, s, 'b')", "INITCAP(s)", "CHAR_LENGTH(s)", "POSITION('2' IN s)", "LOCATE('2', s, i)", "INSTR(s, '2', j, i)", "STARTSWITH(s, 'a')",
		"SUBSTRING(s, i)", "SUBSTRING(s, i, j)", "LEFT(s, i)", "RIGHT(s, j)", "TRIM(s)", "TRIM(LEADING s FROM 'abc')", "LTRIM(s, 'a')", "LPAD(s, i, s)", "RPAD(s, 3, 'xy')", "REPEAT(s, i)", "REVERSE(s)",
		"REPLACE(s, '2', s)", "OVERLAY(s PLACING 'x' FROM i FOR j)", "TRANSLATE(s, 'a2', s)", "ASCII(s)", "CHR(i)", "ENCODE(s, 'UTF-16')", "TO_BASE64(s)", "FROM_BASE64(s)", "URL_ENCODE(s)", "URL_DECODE(s)",
		"MD5(s)", "SHA2(s, 256)", "IS_ALPHA(s)", "IS_DECIMAL(s)", "HASH_CODE(s)", "s LIKE '%2%'", "s LIKE s", "s LIKE 'a_' || s", "s SIMILAR TO '[a-z]+|%2'", "REGEXP(s, '^[0-9]')", "REGEXP_REPLACE(s, '[ab]', '')",
		"REGEXP_EXTRACT(s, '([0-9])([0-9])?', i)", "REGEXP_EXTRACT_ALL(s, '([0-9])')", "REGEXP_COUNT(s, '')", "REGEXP_INSTR(s, '-')", "SPLIT(s, '-')", "SPLIT_INDEX(s, '-', i)", "STR_TO_MAP(s, '-', '0')",
		"PARSE_URL('http://h/' || s, 'PATH')", "PRINTF('%d %s %5.1f', i, s, x)", "JSON_QUOTE(s)", "JSON_UNQUOTE(s)", "s IS JSON", "s IS NOT JSON SCALAR", "JSON_VALUE(s, '$')", "JSON_VALUE(s, '$' RETURNING INT DEFAULT -1 ON ERROR)",
		"JSON_EXISTS(s, '$' UNKNOWN ON ERROR)", "JSON_QUERY(s, 'lax $' WITH WRAPPER EMPTY ARRAY ON EMPTY)", "JSON_VALUE(s, '$' ERROR ON ERROR)", "JSON_OBJECT('a' VALUE s, 'b' VALUE x ABSENT ON NULL)", "JSON_ARRAY(s, i, d NULL ON NULL)",
		"JSON_STRING(t)", "JSON_OBJECT('a' VALUE JSON(s))", "TRY_PARSE_JSON(s)", "PARSE_JSON(s)",
		"CAST(i AS STRING)", "CAST(x AS INT)", "CAST(x AS TINYINT)", "CAST(l AS SMALLINT)", "CAST(d AS INT)", "CAST(x AS DECIMAL(5, 2))", "TRY_CAST(x AS DECIMAL(5, 2))", "CAST(e AS DECIMAL(10, 1))",
		"TRY_CAST(s AS INT)", "CAST(s AS INT)", "TRY_CAST(s AS DOUBLE)", "TRY_CAST(s AS DATE)", "TRY_CAST(s AS TIMESTAMP(3))", "TRY_CAST(s AS BOOLEAN)", "TRY_CAST(s AS DECIMAL(6, 2))",
		"CAST(t AS DATE)", "CAST(t AS STRING)", "CAST(t AS TIME)", "CAST(dt AS TIMESTAMP(3))", "CAST(t AS TIMESTAMP_LTZ(3))", "CAST(b AS INT)", "CAST(i AS BOOLEAN)", "CAST(s AS CHAR(2))",
		"CAST(s AS VARCHAR(1))", "CAST(s AS BYTES)", "CAST(CAST(s AS BYTES) AS STRING)", "CAST(b AS STRING)", "CAST(x AS STRING)", "CAST(f AS DOUBLE)", "UPPER(s)", "LOWER(UPPER(s)) = LOWER(s)",
	})
}

func agreeWithRows(t *testing.T, texts []string) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	c := &expr.Context{Zone: time.UTC}
	for _, text := range texts {
		t.Run(text, func(t *testing.T) {
			syntax, err := parse.Expr(text)
			if err != nil {
				t.Fatal(err)
			}
			x, err := bind.Expr(&bind.Scope{Columns: inputs}, syntax)
			if err != nil {
				t.Fatal(err)
			}
			together, alone := expr.Compile(x), expr.Compile(x)
			for range 40 {
				b := randomBatch(rng, 1+rng.IntN(130))
				if rng.IntN(3) > 0 {
					b.Sel = []int32{}
					for i := range b.N {
						if rng.IntN(3) > 0 {
							b.Sel = append(b.Sel, int32(i))
						}
					}
				}
				checkRows(t, c, b, together, alone)
			}
		})
	}
}

func checkRows(t *testing.T, c *expr.Context, b *column.Batch, together, alone *expr.Program) {
	t.Helper()
	all, err := together.Eval(c, b)
	if e := (*expr.Error)(nil); err != nil && !errors.As(err, &e) {
		t.Fatal(err)
	}
	failed := false
	for i := range b.Len() {
		one := &column.Batch{N: b.N, Cols: b.Cols, Sel: []int32{int32(b.Row(i))}}
		v, errOne := alone.Eval(c, one)
		if errOne != nil {
			failed = true
			if err == nil {
				t.Fatalf("row %d of %d fails alone only: %v", i, b.Len(), errOne)
			}
			continue
		}
		if err == nil {
			want, got := string(AppendValue(nil, v, 0)), string(AppendValue(nil, all, i))
			if want != got || v.IsNull(0) && alone.Type().NotNull {
				t.Fatalf("row %s of %d is %s, alone %s", strconv.Itoa(i), b.Len(), got, want)
			}
		}
	}
	if err != nil && !failed {
		t.Fatalf("no row fails alone, all together: %v", err)
	}
}
