-- Groups by text, of which there are many.
-- reads sparse
SELECT s, k, COUNT(*) AS n, MIN(id) AS first_id, MAX(d) AS d, SUM(l / 1000000) AS l
FROM sparse
WHERE s IS NOT NULL
GROUP BY s, k
