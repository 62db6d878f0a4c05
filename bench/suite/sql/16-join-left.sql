-- Unique keys on both sides, some without a partner.
-- reads orders shipments
SELECT o.id, o.amount, s.carrier, TIMESTAMPDIFF(MINUTE, o.ts, s.ts) AS minutes
FROM orders AS o LEFT JOIN shipments AS s ON o.id = s.order_id
