-- Mean price of the last ten auctions that each seller has sold.
CREATE TABLE res (seller BIGINT, mean BIGINT) WITH (${SINK});
INSERT INTO res
SELECT seller, AVG(price) OVER (PARTITION BY seller ORDER BY till, id ROWS BETWEEN 10 PRECEDING AND CURRENT ROW)
FROM (SELECT a.id, a.seller, b.price, b.`dateTime` AS till,
             ROW_NUMBER() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.`dateTime`) AS nr
      FROM auction a JOIN bid b ON b.auction = a.id
      WHERE b.`dateTime` >= a.`dateTime` AND b.`dateTime` <= a.expires)
WHERE nr = 1;
