-- Totals of orders that are not shipped by post.
-- reads orders shipments
SELECT customer, COUNT(*) AS n, SUM(amount) AS amount FROM orders AS o
WHERE NOT EXISTS (SELECT 1 FROM shipments AS s WHERE s.order_id = o.id AND s.carrier = 'post')
GROUP BY customer
