-- Many aggregates of few groups.
-- reads sparse
SELECT b, COUNT(*) AS n, COUNT(k) AS ks, SUM(CAST(i AS BIGINT)) AS total, AVG(i) AS middle, MIN(l) AS least, MAX(l) AS most, SUM(d) AS ds,
  AVG(d) AS da, MIN(dt) AS since, MAX(ts) AS until, COUNT(*) FILTER (WHERE s IS NULL) AS bare, SUM(i) FILTER (WHERE i > 0) AS above
FROM sparse
GROUP BY b
