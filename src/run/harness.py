"""Runs a script inside Pyodide as `python SCRIPT ARGS` would, and returns its exit status.

Evaluated in the runtime; its value is the function `run`, which the runner calls with a JSON request.
"""


def run(request, report=None):
    import importlib
    import json
    import os
    import sys
    import traceback
    import types

    request = json.loads(request)
    os.environ.update(request["variables"])
    os.chdir(request["folder"])
    sys.argv = [request["name"], *request["arguments"]]
    sys.path.insert(0, request["path"])
    main = types.ModuleType("__main__")
    main.__builtins__ = __builtins__
    if request["file"]:
        main.__file__ = request["file"]
    sys.modules["__main__"] = main
    importlib.invalidate_caches()

    def status_of(stop):
        if stop.code is None:
            return 0
        if isinstance(stop.code, int):
            return stop.code & 0xFF
        print(stop.code, file=sys.stderr)
        return 1

    def show(error):
        # The first frame is this function's own.
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
        traceback.print_exception(type(error), error, error.__traceback__)
        return 1

    try:
        exec(compile(request["source"], request["name"], "exec"), main.__dict__)
        status = 0
    except SystemExit as stop:
        status = status_of(stop)
    except BaseException as error:
        status = show(error)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            status = status or 120
    return status


run
