-- Grouping sets of a stream.
-- reads orders
SELECT currency, product, GROUPING(currency) AS g, COUNT(*) AS n, SUM(amount) AS amount, MAX(ts) AS last_ts
FROM orders
GROUP BY GROUPING SETS ((currency, product), (currency), (product), ())
