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
    from _ast import PyCF_ALLOW_TOP_LEVEL_AWAIT

    # As `inspect` has it, which takes long to load.
    CO_COROUTINE = 0x80

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

    def status_of(error):
        if not isinstance(error, SystemExit):
            # The first frame is this module's own.
            error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
            traceback.print_exception(type(error), error, error.__traceback__)
            return 1
        if error.code is None:
            return 0
        if isinstance(error.code, int):
            return error.code & 0xFF
        print(error.code, file=sys.stderr)
        return 1

    def finish(status):
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:
                status = status or 120
        return status

    async def wait_for(coroutine):
        try:
            await coroutine
        except BaseException as error:
            return finish(status_of(error))
        return finish(0)

    try:
        code = compile(request["source"], request["name"], "exec", PyCF_ALLOW_TOP_LEVEL_AWAIT)
        value = eval(code, main.__dict__)
    except BaseException as error:
        return finish(status_of(error))
    # `await` at the top of a script makes it a coroutine, as in a notebook: the runner waits for its end.
    return wait_for(value) if code.co_flags & CO_COROUTINE else finish(0)


run
