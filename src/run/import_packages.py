"""Imports packages and modules by their names, given as arguments. The first that fails ends it."""

import importlib
import sys

for name in sys.argv[1:]:
    importlib.import_module(name)
