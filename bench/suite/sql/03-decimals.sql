-- Arithmetic of wide decimals.
-- reads ledger
SELECT id, amount * factor AS converted, amount + fee AS total, amount - factor AS difference, fee / factor AS part, ROUND(amount, 2) AS rounded,
  ABS(amount) AS size, SIGN(amount) AS side, CAST(factor AS DECIMAL(10, 4)) AS shorter, MOD(CAST(fee AS DECIMAL(20, 0)), 7) AS rest,
  TRUNCATE(factor, 3) AS cut
FROM ledger
WHERE amount > 100 OR amount < -100
