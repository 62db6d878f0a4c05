-- Customers by what they have and have not done.
-- mode batch
-- reads orders customers sparse
(SELECT customer FROM orders WHERE qty > 15 INTERSECT SELECT customer FROM customers WHERE segment <> 'bronze')
UNION
(SELECT CAST(k AS BIGINT) FROM sparse WHERE k IS NOT NULL EXCEPT SELECT customer FROM orders WHERE currency = 'EUR')
