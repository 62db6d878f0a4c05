-- Functions of long strings.
-- reads logs
SELECT UPPER(level) || ':' || host AS source, CHAR_LENGTH(message) AS n, SUBSTRING(message, 5, 40) AS head, RIGHT(message, 12) AS tail,
  REPLACE(host, 'host-', 'h') AS short, POSITION('timeout' IN message) AS at_timeout, LPAD(level, 8, '.') AS padded,
  SPLIT_INDEX(url, '/', 3) AS folder, TRIM(LEADING 'W' FROM level) AS trimmed, INITCAP(level) AS cap
FROM logs
