-- A report by parts of the day, campaign and site.
-- mode batch
-- reads impressions
SELECT EXTRACT(HOUR FROM ts) AS h, campaign, device.os AS os, COUNT(*) AS n, SUM(cost) AS cost, COUNT(DISTINCT user_id) AS users
FROM impressions
GROUP BY ROLLUP (EXTRACT(HOUR FROM ts), campaign, device.os)
