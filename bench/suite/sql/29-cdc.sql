-- Totals of a table that changes, and how many cities have which level at most.
-- reads users
SELECT level, COUNT(*) AS cities, SUM(balance) AS balance, SUM(users) AS users
FROM (SELECT city, MAX(level) AS level, SUM(balance) AS balance, COUNT(*) AS users, MIN(name) AS name FROM users
  GROUP BY city, EXTRACT(DAY FROM since))
GROUP BY level
