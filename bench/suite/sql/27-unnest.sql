-- Items of impressions, summed up.
-- reads impressions
SELECT t.sku, COUNT(*) AS n, SUM(t.qty) AS qty, SUM(t.price * t.qty) AS revenue
FROM impressions CROSS JOIN UNNEST(items) AS t (sku, price, qty)
GROUP BY t.sku
