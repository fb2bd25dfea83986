"""Reads JSON: records, numbers and long texts."""

import json

import jiter

RECORD = {"id": 1, "name": "a name", "tags": ["a", "b"], "ok": True}
RECORDS = json.dumps([{**RECORD, "id": number} for number in range(300)]).encode()
NUMBERS = json.dumps([number * 1.37 for number in range(3000)]).encode()
TEXTS = json.dumps(["some longer text without anything to escape " * 20] * 50).encode()


def bench_records():
    jiter.from_json(RECORDS)


def bench_numbers():
    jiter.from_json(NUMBERS)


def bench_texts():
    jiter.from_json(TEXTS)
