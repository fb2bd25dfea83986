"""An interactive Python: what is awaitable is awaited, as in a notebook."""

import codeop
import sys
import traceback
from _ast import PyCF_ALLOW_TOP_LEVEL_AWAIT

import pyodide

# As `inspect` has it, which takes long to load.
CO_COROUTINE = 0x80

print(f"Python {sys.version.split()[0]} in Pyodide {pyodide.__version__}; Ctrl-D ends it")
compiler = codeop.CommandCompiler()
compiler.compiler.flags |= PyCF_ALLOW_TOP_LEVEL_AWAIT
namespace = {"__name__": "__main__"}
lines = []
while True:
    try:
        lines.append(input("... " if lines else ">>> "))
    except EOFError:
        print()
        break
    try:
        code = compiler("\n".join(lines), "<stdin>", "single")
    except (SyntaxError, ValueError, OverflowError):
        lines = []
        traceback.print_exc(limit=0)
        continue
    if code is None:
        continue
    lines = []
    try:
        # Values are shown as Python shows them, since the mode is `single`.
        value = eval(code, namespace)
        if code.co_flags & CO_COROUTINE:
            await value
    except SystemExit:
        raise
    except BaseException as error:
        # The first frame is this script's own.
        traceback.print_exception(type(error), error, error.__traceback__ and error.__traceback__.tb_next)
