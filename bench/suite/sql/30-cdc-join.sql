-- A table that changes joined with customers.
-- reads users customers
SELECT u.id, UPPER(u.name) AS name, u.balance, c.segment, COALESCE(u.city, c.city) AS city
FROM users AS u JOIN customers AS c ON u.id = c.customer
WHERE u.balance > 10 OR c.segment = 'gold'
