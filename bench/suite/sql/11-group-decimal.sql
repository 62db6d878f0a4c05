-- Sums of wide decimals by a skewed key.
-- reads ledger
SELECT account, SUM(amount) AS balance, MIN(amount) AS least, MAX(amount) AS most, AVG(fee) AS fee, SUM(fee * 2) AS fees, COUNT(*) AS n
FROM ledger
GROUP BY account
