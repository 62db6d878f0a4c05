-- The last order of each customer.
-- reads orders
SELECT customer, id, product, amount, ts
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY customer ORDER BY ts DESC) AS nr FROM orders)
WHERE nr = 1
