"""Calls one hook of a build back end (PEP 517) and writes what it returns as JSON.

Usage: python pep517.py REQUEST, where REQUEST is a JSON file with the keys `backend`, `backend_path`, `hook`,
`arguments` and `answer`. The current folder is the source tree. A hook that the back end does not have answers null.
"""

import importlib
import json
import os
import sys


def load(backend, backend_path):
    sys.path[0:0] = [os.path.abspath(folder) for folder in backend_path]
    module, _, attribute = backend.partition(":")
    loaded = importlib.import_module(module)
    for name in filter(None, attribute.split(".")):
        loaded = getattr(loaded, name)
    return loaded


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        request = json.load(file)
    # This script's own folder must not shadow the package's modules.
    del sys.path[0]
    backend = load(request["backend"], request["backend_path"])
    hook = getattr(backend, request["hook"], None)
    value = hook(*request["arguments"]) if hook else None
    with open(request["answer"], "w", encoding="utf-8") as file:
        json.dump({"value": value}, file)


main()
