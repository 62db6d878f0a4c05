-- LIKE and regular expressions.
-- reads logs
SELECT ts, REGEXP_EXTRACT(message, 'took ([0-9]+) ms', 1) AS took, REGEXP_REPLACE(host, '[0-9]+', '#') AS host, REGEXP(url, 'user=[0-9]{3}&') AS small,
  message LIKE '%payment%order%' AS paid, url SIMILAR TO 'https://www.(news|sport).%' AS press
FROM logs
WHERE message LIKE '%timeout%' OR REGEXP(message, 'user=1[0-9]* ')
