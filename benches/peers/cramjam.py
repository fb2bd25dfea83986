"""Compresses and decompresses text with several formats."""

import random

import cramjam

random.seed(1)
WORDS = ["".join(random.choices("abcdefghij", k=random.randint(2, 9))) for _ in range(300)]
TEXT = " ".join(random.choices(WORDS, k=20000)).encode()
FORMATS = (cramjam.gzip, cramjam.snappy, cramjam.zstd, cramjam.lz4)
GZIP, SNAPPY, ZSTD, LZ4 = (bytes(module.compress(TEXT)) for module in FORMATS)


def bench_gzip_compress():
    cramjam.gzip.compress(TEXT)


def bench_gzip_decompress():
    cramjam.gzip.decompress(GZIP)


def bench_snappy_compress():
    cramjam.snappy.compress(TEXT)


def bench_snappy_decompress():
    cramjam.snappy.decompress(SNAPPY)


def bench_zstd_compress():
    cramjam.zstd.compress(TEXT)


def bench_zstd_decompress():
    cramjam.zstd.decompress(ZSTD)


def bench_lz4_decompress():
    cramjam.lz4.decompress(LZ4)
