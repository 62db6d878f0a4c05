-- The five largest orders of each product.
-- reads orders
SELECT product, nr, id, customer, amount
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY product ORDER BY amount DESC, id) AS nr FROM orders)
WHERE nr <= 5
