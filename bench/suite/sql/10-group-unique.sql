-- Groups of one row each, of which few remain.
-- reads orders
SELECT id, MAX(amount) AS amount, SUM(qty) AS qty, MIN(product) AS product
FROM orders
GROUP BY id
HAVING SUM(qty) > 10
