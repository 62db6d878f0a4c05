-- Clicks per campaign and impressions per campaign of each minute, side by side.
-- reads impressions clicks
WITH shown AS (
  SELECT window_start, window_end, MOD(id, 1000) AS bucket, COUNT(*) AS n, SUM(cost) AS cost
  FROM TABLE(TUMBLE(TABLE impressions, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, MOD(id, 1000)
), clicked AS (
  SELECT window_start, window_end, MOD(impression, 1000) AS bucket, COUNT(*) AS n, MIN(`position`) AS best
  FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, MOD(impression, 1000)
)
SELECT s.window_start, s.bucket, s.n AS shown, s.cost, c.n AS clicked, c.best
FROM shown AS s LEFT JOIN clicked AS c ON s.window_start = c.window_start AND s.window_end = c.window_end AND s.bucket = c.bucket
