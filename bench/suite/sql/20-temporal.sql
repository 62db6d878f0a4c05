-- Orders at the rate of their time.
-- reads orders rates
SELECT o.id, o.currency, CAST(o.amount * r.rate AS DECIMAL(30, 4)) AS amount, r.ts AS rate_ts
FROM orders AS o JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.currency = r.currency
