-- Fields of rows, elements of arrays and values of maps.
-- reads impressions
SELECT id, device.os AS os, device.version.major * 100 + device.version.minor AS version, tags[1] AS tag, CARDINALITY(tags) AS tags,
  props['lang'] AS lang, props['slot'] AS slot, items[1].sku AS sku, items[1].price * items[1].qty AS price, CARDINALITY(items) AS items
FROM impressions
WHERE device.os <> 'tv'
