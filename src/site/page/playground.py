"""Runs the code of the playground and tells its output, the value of its last expression, and its error."""

import io
import json
import linecache
import sys
import traceback

from pyodide.code import eval_code_async

FILE = "main.py"
namespace = {}
page = {"describe_panic": str}


class Stream(io.TextIOBase):
    """What is printed goes to the page at once, partial lines too."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, name, tell):
        self._name = name
        self._tell = tell

    def writable(self):
        return True

    def write(self, text):
        # A surrogate on its own cannot be sent as text.
        self._tell(self._name, text.encode("utf-8", "replace").decode("utf-8"))
        return len(text)


def begin(tell, describe_panic):
    """Sends all that Python prints to this function; another one describes where Rust panicked."""
    page["describe_panic"] = describe_panic
    sys.stdout = Stream("stdout", tell)
    sys.stderr = Stream("stderr", tell)


def describe(error):
    """An error as a value: its name, its text, and the traceback without the frames that run the code."""
    kind = type(error)
    frames = traceback.extract_tb(error.__traceback__)
    first = next((place for place, frame in enumerate(frames) if frame.filename == FILE), len(frames))
    trail = traceback.TracebackException.from_exception(error)
    trail.stack = traceback.StackSummary.from_list(frames[first:])
    text = "".join(trail.format()).rstrip()
    if kind.__name__ == "PanicException" and (functions := page["describe_panic"]()):
        text += f"\nRust panicked in\n{functions}"
    own = [frame.lineno for frame in frames if frame.filename == FILE]
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == FILE else (own or [None])[-1]
    return {
        "type": kind.__qualname__,
        "module": kind.__module__,
        "message": error.msg if isinstance(error, SyntaxError) else str(error),
        "line": line,
        "traceback": text,
    }


def say(outcome):
    """JSON without lone surrogates: they have no encoding that JavaScript's side could read."""
    return json.dumps(outcome)


async def run(code):
    """Runs code in the namespace of this page; JSON of its `result` or `error`, or of neither."""
    lines = code.splitlines(keepends=True)
    linecache.cache[FILE] = (len(code), None, lines, FILE)
    namespace.setdefault("__name__", "__main__")
    try:
        value = await eval_code_async(code, namespace, filename=FILE)
        if value is None:
            return say({})
        namespace["_"] = value
        return say({"result": repr(value)})
    except BaseException as error:
        return say({"error": describe(error)})
