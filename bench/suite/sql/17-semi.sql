-- Orders of some customers.
-- reads orders customers
SELECT id, customer, amount FROM orders
WHERE customer IN (SELECT customer FROM customers WHERE segment = 'gold' AND city IS NOT NULL)
