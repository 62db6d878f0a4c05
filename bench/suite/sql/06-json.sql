-- JSON in a column.
-- reads logs
SELECT ts, JSON_VALUE(payload, '$.user.id' RETURNING INTEGER) AS user_id, JSON_VALUE(payload, '$.user.city') AS city,
  JSON_EXISTS(payload, '$.error') AS failed, JSON_VALUE(payload, '$.error.code') AS code, JSON_QUERY(payload, '$.items') AS items
FROM logs
