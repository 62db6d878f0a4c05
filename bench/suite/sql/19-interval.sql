-- Clicks within twenty seconds of what was shown.
-- reads impressions clicks
SELECT i.id, i.campaign, i.site, c.`position`, TIMESTAMPDIFF(SECOND, i.ts, c.ts) AS seconds
FROM impressions AS i JOIN clicks AS c ON c.impression = i.id AND c.ts BETWEEN i.ts AND i.ts + INTERVAL '20' SECOND
