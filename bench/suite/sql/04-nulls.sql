-- Conditions on columns that are mostly NULL.
-- reads sparse
SELECT id, COALESCE(s, CAST(i AS STRING), 'none') AS what, NULLIF(k, 1) AS k, CASE WHEN b THEN 'yes' WHEN NOT b THEN 'no' ELSE 'unknown' END AS answer,
  IFNULL(d, CAST(-1 AS DECIMAL(20, 6))) AS d, i IS DISTINCT FROM k AS differs, CASE WHEN i > 0 THEN l END AS l, dt
FROM sparse
WHERE (b IS NOT FALSE OR i > 500) AND (s IS NULL OR s LIKE 'P%' OR s LIKE '%e%')
