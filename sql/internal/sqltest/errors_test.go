package sqltest

import (
	"testing"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/sql/internal/bind"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/parse"
)

// TestErrorsOfTexts has expressions that Flink 2.2.1 rejects, and when.
func TestErrorsOfTexts(t *testing.T) {
	for _, c := range []struct{ kind, text string }{
		{"validate", `CHR('a')`},
		{"runtime", `ENCODE('a', '')`},
		{"runtime", `DECODE(x'61', 'NOPE')`},
		{"validate", `DECODE('a', 'UTF-8')`},
		{"runtime", `FROM_BASE64('aGVs bG8=')`},
		{"runtime", `FROM_BASE64('aGVsb')`},
		{"validate", `STARTSWITH('hello', x'01')`},
		{"validate", `UPPER(1)`},
		{"validate", `UPPER()`},
		{"validate", `CONCAT(x'01', x'02')`},
		{"validate", `CONCAT('a', 1)`},
		{"validate", `CONCAT()`},
		{"validate", `CONCAT_WS(',', 'a', 1)`},
		{"validate", `SHA2('a', 1)`},
		{"validate", `SHA2('a', 0)`},
		{"validate", `IS_DECIMAL(TRUE)`},
		{"validate", `ELT(-1, 'a')`},
		{"validate", `ELT(1)`},
		{"validate", `ELT('1', 'a')`},
		{"validate", `ELT(1, 'a', x'01')`},
		{"validate", `CHAR_LENGTH(x'0102')`},
		{"validate", `OCTET_LENGTH('日')`},
		{"validate", `LENGTH('abc')`},
		{"validate", `'abc' LIKE 'a!bc' ESCAPE '!'`},
		{"validate", `'abc' LIKE 'abc!' ESCAPE '!'`},
		{"validate", `'abc' LIKE 'abc' ESCAPE '!!'`},
		{"validate", `'abc' LIKE 1`},
		{"runtime", `'abc' LIKE 'a!' || 'bc' ESCAPE '!'`},
		{"validate", `LPAD('hi', CAST(5 AS BIGINT), 'x')`},
		{"validate", `LPAD('hi', 5)`},
		{"runtime", `INSTR('hello world', 'o', 1, 0)`},
		{"runtime", `INSTR('hello world', 'o', 1, -1)`},
		{"validate", `PRINTF()`},
		{"validate", `REGEXP('a', 1)`},
		{"validate", `REPEAT('a', CAST(2 AS BIGINT))`},
		{"runtime", `'abc' SIMILAR TO '['`},
		{"runtime", `'abc' SIMILAR TO '('`},
		{"runtime", `'abd' SIMILAR TO 'a[b%]d'`},
		{"runtime", `'a%d' SIMILAR TO 'a[b%]d'`},
		{"validate", `SPLIT_INDEX('a,b', ',', CAST(1 AS BIGINT))`},
		{"validate", `STR_TO_MAP('a=1', ',')`},
		{"validate", `SUBSTR('hello', CAST(2 AS BIGINT))`},
		{"validate", `SUBSTRING('hello', CAST(2 AS BIGINT))`},
		{"validate", `SUBSTRING('hello', '2')`},
		{"validate", `SUBSTRING('hello', 1.5)`},
		{"validate", `SUBSTRING(x'010203', 2)`},
		{"validate", `LEFT('hello', CAST(2 AS BIGINT))`},
		{"validate", `RIGHT('hello', CAST(2 AS BIGINT))`},
		{"validate", `TRIM(1)`},
		{"validate", `URL_ENCODE(1)`},
		{"validate", `1 IS JSON`},
		{"runtime", `JSON_EXISTS('{"a":1}', 'strict $.b' ERROR ON ERROR)`},
		{"runtime", `JSON_EXISTS('nope', '$.b' ERROR ON ERROR)`},
		{"runtime", `JSON_EXISTS('nope', 'strict $.b' ERROR ON ERROR)`},
		{"validate", `JSON_EXISTS('{"a":1}', CAST(NULL AS STRING))`},
		{"validate", `JSON_EXISTS(1, '$')`},
		{"validate", `JSON_EXISTS('{"a":1}', CONCAT('$', '.a'))`},
		{"runtime", `JSON_OBJECT('a' VALUE JSON('nope'))`},
		{"validate", `JSON('{"b":1}')`},
		{"validate", `JSON_STRING(JSON('{"b":1}'))`},
		{"validate", `JSON_OBJECT('a' VALUE DATE '2024-01-01')`},
		{"validate", `JSON_OBJECT(CAST(NULL AS STRING) VALUE 1)`},
		{"validate", `JSON_OBJECT(1 VALUE 1)`},
		{"validate", `JSON_OBJECT('a' VALUE NULL)`},
		{"validate", `JSON_ARRAY(NULL)`},
		{"validate", `JSON_ARRAY(DATE '2024-01-01')`},
		{"validate", `JSON_OBJECT('a' VALUE INTERVAL '1' DAY)`},
		{"runtime", `JSON_QUERY('{"a":1}', 'lax $.b' ERROR ON EMPTY)`},
		{"runtime", `JSON_QUERY('{"a":1}', 'strict $.a' ERROR ON ERROR)`},
		{"runtime", `JSON_QUERY('nope', 'strict $.b' ERROR ON ERROR)`},
		{"validate", `JSON_QUERY('{"a":1}', '$.b' RETURNING ARRAY<STRING> EMPTY OBJECT ON EMPTY)`},
		{"validate", `JSON_QUERY('{"a":["x","y"]}', '$.a' RETURNING ARRAY<INT>)`},
		{"validate", `JSON_STRING(DATE '2024-01-02')`},
		{"validate", `JSON_STRING(TIME '03:04:05')`},
		{"validate", `JSON_STRING(INTERVAL '1' DAY)`},
		{"runtime", `JSON_VALUE('{"a":[1]}', 'lax $.a' ERROR ON EMPTY)`},
		{"runtime", `JSON_VALUE('{"a":[1]}', 'strict $.a' ERROR ON ERROR)`},
		{"runtime", `JSON_VALUE('{"a":1}', 'lax $.b' ERROR ON EMPTY)`},
		{"runtime", `JSON_VALUE('nope', 'strict $.b' ERROR ON ERROR)`},
		{"validate", `JSON_VALUE('{"a":1}', '$.a' RETURNING BIGINT)`},
		{"validate", `JSON_VALUE('{"a":1}', '$.a' RETURNING DECIMAL(5,2))`},
		{"validate", `JSON_VALUE('{"a":1}', '$.a' RETURNING CHAR(3))`},
		{"validate", `JSON_VALUE('{"a":1}', '$.b' DEFAULT UPPER('x') ON EMPTY)`},
		{"validate", `JSON_VALUE('{"a":"2024-01-01"}', '$.a' RETURNING DATE)`},
		{"runtime", `PARSE_JSON('nope')`},
		{"runtime", `PARSE_JSON('{"a":1,"a":2}')`},
		{"validate", `PARSE_JSON('1', 1)`},
		{"validate", `PARSE_JSON(1)`},
		{"validate", `PARSE_JSON('[1,2]')[1]`},
		{"runtime", `PARSE_JSON('')`},
		{"runtime", `JSON_EXISTS('{"a":1}', 'lax $.' ERROR ON ERROR)`},
		{"runtime", `STR_TO_MAP('a=1', '[', '=')`},
		{"runtime", `'abc' SIMILAR TO 'ab!c' ESCAPE '!'`},
		{"runtime", `'a]' SIMILAR TO 'a]'`},
		{"runtime", `'a' SIMILAR TO '[[:NOPE:]]'`},
		{"runtime", `'abc' SIMILAR TO 'abc' ESCAPE '!!'`},
	} {
		kind := "none"
		syntax, err := parse.Expr(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		x, err := bind.Expr(&bind.Scope{}, syntax)
		if err != nil {
			kind = "validate"
		} else if _, err = expr.Compile(x).Eval(&expr.Context{Zone: time.UTC}, &column.Batch{N: 3}); err != nil {
			kind = "runtime"
		}
		if kind != c.kind {
			t.Errorf("%s has an error of kind %s: %v; want %s", c.text, kind, err, c.kind)
		}
	}
}

// TestTextsOfNull gives NULL without a type to functions of text: they are NULL, or do not bind.
func TestTextsOfNull(t *testing.T) {
	for _, text := range []string{
		"UPPER(NULL)", "NULL || 'a'", "NULL || NULL", "CONCAT(NULL, 'a')", "SUBSTRING(NULL, 1)", "SUBSTRING('a', NULL)", "LEFT('a', NULL)", "TRIM(NULL)", "LTRIM(NULL)", "LPAD(NULL, 1, 'a')",
		"REPLACE('a', NULL, 'b')", "OVERLAY(NULL PLACING 'a' FROM 1)", "TRANSLATE(NULL, 'a', 'b')", "CHAR_LENGTH(NULL)", "POSITION(NULL IN 'a')", "INSTR(NULL, 'a')", "STARTSWITH(NULL, 'a')", "CHR(NULL)", "ENCODE(NULL, 'UTF-8')",
		"DECODE(NULL, 'UTF-8')", "TO_BASE64(NULL)", "MD5(NULL)", "SHA2(NULL, 256)", "NULL LIKE 'a'", "'a' LIKE NULL", "'a' SIMILAR TO NULL", "REGEXP(NULL, 'a')", "REGEXP_EXTRACT('a', 'a', NULL)", "REGEXP_EXTRACT_ALL(NULL, 'a')",
		"SPLIT(NULL, ',')", "SPLIT_INDEX('a', NULL, 1)", "STR_TO_MAP(NULL)", "PARSE_URL(NULL, 'HOST')", "URL_ENCODE(NULL)", "PRINTF(NULL)", "JSON_QUOTE(NULL)", "JSON_VALUE(NULL, '$')", "JSON_QUERY(NULL, '$')", "JSON_EXISTS(NULL, '$')",
		"PARSE_JSON(NULL)", "ELT(NULL, 'a')", "ELT(1, NULL)", "CONCAT_WS(NULL, 'a')", "REVERSE(NULL)", "REPEAT(NULL, 2)", "HASH_CODE(NULL)", "JSON_STRING(NULL)",
	} {
		syntax, err := parse.Expr(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		x, err := bind.Expr(&bind.Scope{}, syntax)
		if err != nil {
			continue
		}
		v, err := expr.Compile(x).Eval(&expr.Context{Zone: time.UTC}, &column.Batch{N: 70})
		if err != nil || !v.IsNull(0) || !v.IsNull(69) {
			t.Errorf("%s is not NULL: %v", text, err)
		}
	}
}
