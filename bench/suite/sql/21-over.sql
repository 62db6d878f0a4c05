-- Sums over the rows before, and the row before.
-- reads ratings
SELECT user_id, movie, rating, COUNT(*) OVER w AS n, SUM(rating) OVER w AS s, MAX(rating) OVER w AS best, MIN(movie) OVER w AS least
FROM ratings
WINDOW w AS (PARTITION BY user_id ORDER BY ts ROWS BETWEEN 9 PRECEDING AND CURRENT ROW)
