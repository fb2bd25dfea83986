"""An interactive Python: what is awaitable is awaited, as in a notebook."""

import sys

import pyodide
from pyodide.console import PyodideConsole

print(f"Python {sys.version.split()[0]} in Pyodide {pyodide.__version__}; Ctrl-D ends it")
console = PyodideConsole(vars(sys.modules["__main__"]))
prompt = ">>> "
while True:
    try:
        line = input(prompt)
    except EOFError:
        print()
        break
    future = console.push(line)
    if future.syntax_check == "incomplete":
        prompt = "... "
        continue
    prompt = ">>> "
    if future.syntax_check == "syntax-error":
        print(future.formatted_error, end="", file=sys.stderr)
        continue
    try:
        value = await future
    except SystemExit:
        raise
    except BaseException as error:
        print(future.formatted_error or f"{error!r}\n", end="", file=sys.stderr)
    else:
        if value is not None:
            print(repr(value))
