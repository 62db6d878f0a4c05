-- Sessions of users.
-- reads impressions
SELECT user_id, window_start, window_end, COUNT(*) AS n, SUM(cost) AS cost
FROM TABLE(SESSION(TABLE impressions PARTITION BY user_id, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
GROUP BY user_id, window_start, window_end
