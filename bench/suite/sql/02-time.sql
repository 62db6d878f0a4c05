-- Functions of time.
-- reads orders
SELECT id, EXTRACT(HOUR FROM ts) AS h, DAYOFWEEK(CAST(ts AS DATE)) AS dow, FLOOR(ts TO HOUR) AS hour_of, CEIL(ts TO DAY) AS day_end,
  DATE_FORMAT(ts, 'yyyy-MM-dd HH:mm') AS minute_of, TIMESTAMPDIFF(SECOND, TIMESTAMP '2024-01-01 00:00:00', ts) AS s,
  TIMESTAMPADD(DAY, qty, ts) AS due, ts + INTERVAL '90' MINUTE AS later, CAST(ts AS DATE) AS d
FROM orders
