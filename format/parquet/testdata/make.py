# Writes the files of this directory: pip install pyarrow && python3 make.py
import datetime, decimal
import pyarrow as pa
import pyarrow.parquet as pq

start = datetime.datetime(2024, 1, 1, 10, 0, 0, 123456)
n = 60
money = pa.struct([("currency", pa.string()), ("units", pa.int64())])
schema = pa.schema([
    ("id", pa.int64()), ("i8", pa.int8()), ("u8", pa.uint8()), ("u32", pa.uint32()), ("name", pa.string()), ("raw", pa.binary()),
    ("fixed", pa.binary(3)), ("d9", pa.decimal128(9, 2)), ("d38", pa.decimal128(38, 10)), ("day", pa.date32()), ("clock", pa.time32("ms")),
    ("clock_us", pa.time64("us")), ("ms", pa.timestamp("ms")), ("us", pa.timestamp("us", tz="UTC")), ("ns", pa.timestamp("ns")),
    ("flag", pa.bool_()), ("f", pa.float32()), ("d", pa.float64()), ("tags", pa.list_(pa.string())), ("grid", pa.list_(pa.list_(pa.int32()))),
    ("attrs", pa.map_(pa.string(), pa.int64())), ("price", money), ("lines", pa.list_(pa.struct([("item", pa.string()), ("prices", pa.list_(money))]))),
])
def row(i):
    if i % 7 == 3:
        return {"id": i}
    t = start + datetime.timedelta(seconds=i)
    return {
        "id": i, "i8": i - 30, "u8": 200 + i % 50, "u32": 4_000_000_000 + i, "name": f"name {i % 5}", "raw": bytes([i, 255]), "fixed": b"abc",
        "d9": decimal.Decimal(i * 125).scaleb(-2), "d38": -decimal.Decimal(10) ** 20 * i, "day": t.date() + datetime.timedelta(days=i),
        "clock": datetime.time(1, 2, 3, 4000), "clock_us": datetime.time(1, 2, 3, 4005), "ms": t, "us": t, "ns": t, "flag": i % 3 == 0, "f": i / 2,
        "d": i / 4, "tags": [None, "a", "b"][: i % 4], "grid": [[1, None], [], None, [2]][: i % 5], "attrs": [("k", i), ("l", None)][: i % 3],
        "price": {"currency": "EUR", "units": None} if i % 2 else None,
        "lines": [{"item": "x", "prices": [{"currency": "EUR", "units": i}, None]}, None, {"item": None, "prices": []}][: i % 4],
    }
table = pa.Table.from_pylist([row(i) for i in range(n)], schema=schema)
pq.write_table(table, "snappy.parquet", row_group_size=25)
pq.write_table(table, "v2.parquet", row_group_size=60, data_page_version="2.0", compression="zstd", data_page_size=200, write_batch_size=8)
pq.write_table(table, "int96.parquet", use_deprecated_int96_timestamps=True, compression="gzip", use_dictionary=False, store_decimal_as_integer=True,
               use_compliant_nested_type=False)
