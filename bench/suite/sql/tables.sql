-- The files of data.go, as both engines read them.
CREATE TABLE impressions (
  id BIGINT, ts TIMESTAMP(3), user_id BIGINT, campaign INT, site STRING,
  device ROW<os STRING, model STRING, version ROW<major INT, minor INT>>,
  tags ARRAY<STRING>, props MAP<STRING, STRING>,
  items ARRAY<ROW<sku STRING, price DECIMAL(10, 2), qty INT>>, cost DECIMAL(10, 4),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'filesystem', 'path' = '${DATA}/impressions.json', 'format' = 'json');

CREATE TABLE clicks (
  impression BIGINT, ts TIMESTAMP(3), `position` INT,
  WATERMARK FOR ts AS ts - INTERVAL '40' SECOND
) WITH ('connector' = 'filesystem', 'path' = '${DATA}/clicks.json', 'format' = 'json');

CREATE TABLE ratings (
  user_id BIGINT, movie BIGINT, rating DECIMAL(2, 1), ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'filesystem', 'path' = '${DATA}/ratings.csv', 'format' = 'csv');

CREATE TABLE movies (movie BIGINT, title STRING, released INT, genres STRING)
WITH ('connector' = 'filesystem', 'path' = '${DATA}/movies.csv', 'format' = 'csv');

CREATE TABLE sparse (
  id BIGINT, k INT, b BOOLEAN, i INT, l BIGINT, s STRING, d DECIMAL(20, 6), dt DATE, ts TIMESTAMP(3)
) WITH ('connector' = 'filesystem', 'path' = '${DATA}/sparse.csv', 'format' = 'csv', 'csv.null-literal' = '');

CREATE TABLE ledger (
  id BIGINT, account BIGINT, amount DECIMAL(38, 10), factor DECIMAL(38, 18), fee DECIMAL(20, 4), currency STRING
) WITH ('connector' = 'filesystem', 'path' = '${DATA}/ledger.csv', 'format' = 'csv');

CREATE TABLE logs (
  ts TIMESTAMP(3), level STRING, host STRING, url STRING, agent STRING, message STRING, payload STRING,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'filesystem', 'path' = '${DATA}/logs.json', 'format' = 'json');

CREATE TABLE orders (
  id BIGINT, customer BIGINT, product STRING, currency STRING, amount DECIMAL(20, 4), qty INT, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'filesystem', 'path' = '${DATA}/orders.csv', 'format' = 'csv');

CREATE TABLE shipments (order_id BIGINT, carrier STRING, ts TIMESTAMP(3))
WITH ('connector' = 'filesystem', 'path' = '${DATA}/shipments.csv', 'format' = 'csv');

CREATE TABLE customers (customer BIGINT, segment STRING, city STRING, name STRING)
WITH ('connector' = 'filesystem', 'path' = '${DATA}/customers.csv', 'format' = 'csv', 'csv.null-literal' = '');

CREATE TABLE rates (
  currency STRING, rate DECIMAL(20, 10), ts TIMESTAMP(3),
  PRIMARY KEY (currency) NOT ENFORCED,
  WATERMARK FOR ts AS ts
) WITH ('connector' = 'filesystem', 'path' = '${DATA}/rates.csv', 'format' = 'csv');

CREATE TABLE users (
  id BIGINT, name STRING, city STRING, balance DECIMAL(20, 4), level INT, since TIMESTAMP(3)
) WITH ('connector' = 'filesystem', 'path' = '${DATA}/users.debezium.json', 'format' = 'debezium-json');
