-- Sliding windows by a skewed key.
-- reads logs
SELECT host, level, window_start, COUNT(*) AS n, MAX(CHAR_LENGTH(message)) AS longest, MIN(url) AS url
FROM TABLE(HOP(TABLE logs, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '5' MINUTE))
GROUP BY host, level, window_start, window_end
