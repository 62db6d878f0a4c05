# Writes the files of this directory: pip install fastavro cramjam backports.zstd && python3 make.py
import datetime, decimal
from fastavro import parse_schema, writer

schema = parse_schema({
    "type": "record", "name": "example.Order", "fields": [
        {"name": "id", "type": "long"},
        {"name": "name", "type": ["null", "string"]},
        {"name": "unread", "type": {"type": "array", "items": {"type": "map", "values": ["null", "double", {"type": "fixed", "name": "F", "size": 3}]}}},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}},
        {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "attrs", "type": {"type": "map", "values": "int"}},
        {"name": "r", "type": ["null", {"type": "record", "name": "R", "fields": [
            {"name": "x", "type": "int"}, {"name": "z", "type": "F"}, {"name": "y", "type": "string"}]}]},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    ]})
start = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
records = [{
    "id": i, "name": f"name {i}" if i else None, "unread": [{"a": 1.5, "b": None, "c": b"xyz"}] * (i % 3),
    "amount": decimal.Decimal(125 * i).scaleb(-2), "ts": start + datetime.timedelta(seconds=i),
    "tags": ["a", "b"] if i else [], "attrs": {"k": i} if i else {}, "r": {"x": i, "z": b"zzz", "y": "y"} if i else None,
    "kind": "AB"[i % 2], "day": start.date() + datetime.timedelta(days=i),
} for i in range(200)]
for codec in ["null", "deflate", "snappy", "zstandard", "bzip2"]:
    with open(f"{codec}.avro", "wb") as f:
        writer(f, schema, records, codec=codec, sync_interval=900, sync_marker=b"0123456789abcdef")
