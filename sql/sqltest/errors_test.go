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

// TestTextsOfNull has functions of NULL without a type: Flink refuses most of them, the others are NULL.
func TestTextsOfNull(t *testing.T) {
	refused := []string{
		"UPPER(NULL)", "NULL || 'a'", "CONCAT(NULL, 'a')", "SUBSTRING(NULL, 1)", "TRIM(NULL)", "'a' LIKE NULL", "MD5(NULL)", "REGEXP(NULL, 'a')",
		"JSON_VALUE(NULL, '$')", "CONCAT_WS(NULL, 'a')", "REVERSE(NULL)", "CHAR_LENGTH(NULL)", "LPAD(NULL, 1, 'a')", "LPAD('a', NULL, 'a')", "IS_ALPHA(NULL)", "NULL IS JSON",
		"LOCATE(NULL, 'a')", "STR_TO_MAP(NULL)", "JSON_EXISTS(NULL, '$')", "JSON_QUERY(NULL, '$')", "TRANSLATE(NULL, 'a', 'b')", "TRANSLATE('a', NULL, 'b')", "ENCODE(NULL, 'UTF-8')", "DECODE(NULL, 'UTF-8')",
		"HASH_CODE(NULL)", "SPLIT_INDEX(NULL, ',', 0)", "PARSE_URL(NULL, 'HOST')", "OVERLAY(NULL PLACING 'a' FROM 1)", "REPLACE('a', NULL, 'b')", "CHR(NULL)", "FROM_BASE64(NULL)", "TO_BASE64(NULL)",
		"SHA2('a', NULL)", "'a' SIMILAR TO NULL", "'a' LIKE 'a' ESCAPE NULL", "TRY_PARSE_JSON(NULL)", "INSTR(NULL, 'a')", "POSITION(NULL IN 'a')", "REPEAT('a', NULL)", "LEFT('a', NULL)",
		"LTRIM('a', NULL)", "REGEXP_EXTRACT('a', NULL)", "REGEXP_REPLACE('a', 'a', NULL)", "INITCAP(NULL)", "ASCII(NULL)", "SUBSTRING('a' FROM NULL)", "CONCAT_WS(',', NULL)", "IS_DIGIT(NULL)",
	}
	taken := []string{
		"SPLIT(NULL, ',')", "PARSE_JSON(NULL)", "JSON_QUOTE(NULL)", "PRINTF(NULL)", "JSON_STRING(NULL)", "URL_ENCODE(NULL)", "STARTSWITH(NULL, 'a')", "STARTSWITH('a', NULL)",
		"ENDSWITH(NULL, 'a')", "REGEXP_COUNT(NULL, 'a')", "REGEXP_INSTR(NULL, 'a')", "REGEXP_SUBSTR('a', NULL)", "REGEXP_EXTRACT_ALL(NULL, 'a')", "REGEXP_EXTRACT_ALL('a', 'a', NULL)", "BTRIM(NULL)", "BTRIM('a', NULL)",
		"ELT(1, NULL, 'a')", "ELT(1, NULL)", "ELT(2, 'a', NULL)", "JSON_UNQUOTE(NULL)", "URL_DECODE(NULL)", "PRINTF(NULL, 1)",
	}
	for i, text := range append(refused, taken...) {
		syntax, err := parse.Expr(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		x, err := bind.Expr(&bind.Scope{}, syntax)
		if i < len(refused) {
			if err == nil {
				t.Errorf("%s is not refused", text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		v, err := expr.Compile(x).Eval(&expr.Context{Zone: time.UTC}, &column.Batch{N: 70})
		if err != nil || !v.IsNull(0) || !v.IsNull(69) {
			t.Errorf("%s is not NULL: %v", text, err)
		}
	}
}
