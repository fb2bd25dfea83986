"""Tells whether a module keeps blocks that it frees, with the runtime's own allocator: LIBRARY is its path."""

import ctypes
import os

library = ctypes.CDLL(os.environ["LIBRARY"])


def word(address):
    return ctypes.c_uint32.from_address(address).value


def is_kept(size):
    """Frees the first of two neighbours and looks whether the second knows."""
    blocks = [library.allocate(size) for _ in range(200)]
    after = {block: block + (word(block - 4) & ~7) for block in blocks}
    first = next(block for block in reversed(blocks) if after[block] in after)
    library.release(first)
    return word(after[first] - 4) & 1 == 1


print(is_kept(300), is_kept(20000))
