"""Builds arrays and tables, casts, concatenates and takes."""

import arro3.core as core

NUMBERS = list(range(5000))
TEXTS = [f"text {number}" for number in NUMBERS]
INTEGERS = core.Array(NUMBERS, core.DataType.int64())
STRINGS = core.Array(TEXTS, core.DataType.utf8())
INDICES = core.Array(list(range(0, 5000, 3)), core.DataType.uint32())


def bench_build_integers():
    core.Array(NUMBERS, core.DataType.int64())


def bench_build_texts():
    core.Array(TEXTS, core.DataType.utf8())


def bench_cast():
    INTEGERS.cast(core.DataType.float64())


def bench_take():
    STRINGS.take(INDICES)


def bench_to_python():
    STRINGS.to_pylist()
