-- Distinct aggregates by a skewed key.
-- reads ratings
SELECT movie, COUNT(DISTINCT user_id) AS users, COUNT(DISTINCT rating) AS grades, COUNT(*) AS n, SUM(DISTINCT rating) AS s,
  COUNT(DISTINCT CAST(ts AS DATE)) AS days
FROM ratings
GROUP BY movie
