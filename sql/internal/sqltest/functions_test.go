package sqltest

import "testing"

// Functions of times, numbers and collections give for batches what they give for rows, NULLs among them included.
func TestFunctionsAgreeWithRows(t *testing.T) {
	agreeWithRows(t, []string{
		"dt + INTERVAL '1' MONTH", "dt - INTERVAL '36' HOUR", "t + INTERVAL '1' DAY * i", "t - INTERVAL '1' YEAR", "INTERVAL '1' DAY / j", "(t - dt) DAY", "(dt - t) MONTH",
		"EXTRACT(WEEK FROM t)", "EXTRACT(MILLISECOND FROM t)", "HOUR(t)", "DAYOFWEEK(dt)", "FLOOR(t TO WEEK)", "CEIL(t TO HOUR)", "CEIL(dt TO MONTH)", "FLOOR(CAST(t AS TIME) TO MINUTE)",
		"TIMESTAMPADD(MONTH, i, t)", "TIMESTAMPADD(HOUR, y, dt)", "TIMESTAMPDIFF(MONTH, t, dt)", "TIMESTAMPDIFF(SECOND, dt, t)", "(t, INTERVAL '1' DAY) OVERLAPS (TIMESTAMP '1970-01-01 00:00:00', t)",
		"DATE_FORMAT(t, 'yyyy-MM-dd HH:mm')", "DATE_FORMAT(t, s)", "DATE_FORMAT(s, 'yyyy')", "TO_DATE(s)", "TO_DATE(s, 'yyyy-MM-dd')", "TO_TIMESTAMP(s)", "TO_TIMESTAMP(s, 'yyyy-MM-dd')",
		"TO_TIMESTAMP(s, s)", "TO_TIMESTAMP_LTZ(l, 0)", "TO_TIMESTAMP_LTZ(x)", "FROM_UNIXTIME(l)", "FROM_UNIXTIME(i, s)", "UNIX_TIMESTAMP(s, 'yyyy-MM-dd')", "CONVERT_TZ(s, 'UTC', s)",
		"ABS(y)", "ABS(e)", "SIGN(d)", "SIGN(x)", "SQRT(x)", "LN(e)", "POWER(i, f)", "LOG(x, d)", "ATAN2(y, x)", "ROUND(e, 2)", "ROUND(x, j)", "ROUND(i, y)", "ROUND(d, i)", "TRUNCATE(f, 1)", "TRUNCATE(e)",
		"CEIL(d)", "FLOOR(e)", "CEIL(x)", "FLOOR(f)", "BIN(l)", "HEX(i)", "HEX(s)", "UNHEX(s)", "GREATEST(i, l, y)", "LEAST(s, 'b')", "GREATEST(x, f)", "LEAST(d, i)", "TYPEOF(x)",
		"ARRAY[i, j]", "ARRAY[i, d]", "ARRAY[i, j][j]", "ARRAY[s, 'x'][i]", "MAP[s, i]", "MAP[i, s, j, 'x'][y]", "MAP[s, x]['a']", "ROW(i, s, t)", "ROW(i, s)[2]", "CARDINALITY(ARRAY[i, j])",
		"ELEMENT(ARRAY_REMOVE(ARRAY[i, j], 1))", "ARRAY_APPEND(ARRAY[i], j)", "ARRAY_PREPEND(ARRAY[s], s)", "ARRAY_REMOVE(ARRAY[i, j, 1], j)", "ARRAY_CONTAINS(ARRAY[i, 1], j)", "ARRAY_POSITION(ARRAY[i, j], 2)",
		"ARRAY_DISTINCT(ARRAY[i, j, i])", "ARRAY_UNION(ARRAY[i], ARRAY[j, l])", "ARRAY_EXCEPT(ARRAY[i, j], ARRAY[1, y])", "ARRAY_INTERSECT(ARRAY[s], ARRAY['a', ''])", "ARRAY_CONCAT(ARRAY[i], ARRAY[j])",
		"ARRAY_JOIN(ARRAY[s, 'b'], '-')", "ARRAY_JOIN(ARRAY[s, 'b'], '-', 'nil')", "ARRAY_MAX(ARRAY[i, j])", "ARRAY_MIN(ARRAY[x, 0.5e0])", "ARRAY_SLICE(ARRAY[i, j, 3], i, j)", "ARRAY_SORT(ARRAY[i, j, 1], b)",
		"ARRAY_SORT(ARRAY[s, 'b'], FALSE, b)", "ARRAY_REVERSE(ARRAY[i, j])", "MAP_KEYS(MAP[s, i])", "MAP_VALUES(MAP[s, i])", "MAP_ENTRIES(MAP[s, i])", "MAP_FROM_ARRAYS(ARRAY[i, j], ARRAY[s, s])",
		"MAP_UNION(MAP[i, s], MAP[j, 'x'])", "ARRAY_CONCAT(IF(b, ARRAY[i], CAST(NULL AS ARRAY<INT>)), ARRAY[j])", "CARDINALITY(IF(b, ARRAY[i], CAST(NULL AS ARRAY<INT>)))",
		"ARRAY_APPEND(IF(b, ARRAY[i], CAST(NULL AS ARRAY<INT>)), j)", "ARRAY_CONTAINS(IF(b, ARRAY[i], CAST(NULL AS ARRAY<INT>)), j)", "IF(b, MAP[i, s], CAST(NULL AS MAP<INT, STRING>))[1]",
	})
}
