"""Measures the functions `bench_*` of a script, inside Pyodide and on the host.

Evaluated in the runtime; its value is the function `run`, which is given a JSON request and a function that takes
events as JSON. On the host `host_main.py` does the same.

As in pyperf, a value is the seconds of one call, measured over so many calls (`loops`) that they take long enough for
the clock; the first values of an interpreter warm it up and do not count.
"""


def run(request, report):
    import importlib
    import inspect
    import itertools
    import json
    import os
    import sys
    import time
    import traceback
    import types

    request = json.loads(request)
    own_file = run.__code__.co_filename

    def send(**event):
        report(json.dumps(event))

    def fail(message):
        flush()
        send(event="failed", message=message)
        return 1

    def flush():
        for stream in (sys.stdout, sys.stderr):
            stream.flush()

    def spend(function, loops):
        """The seconds that so many calls take."""
        calls = itertools.repeat(None, loops)
        started = time.perf_counter()
        for _ in calls:
            function()
        return time.perf_counter() - started

    def calibrate(function):
        """The number of calls that take long enough, a power of two."""
        loops = 1
        while spend(function, loops) < request["min_time"]:
            loops *= 2
        return loops

    def measure(name, function):
        loops = request["loops"].get(name) or calibrate(function)
        values = [spend(function, loops) / loops for _ in range(request["warmups"] + request["values"])]
        send(
            event="benchmark",
            name=name,
            loops=loops,
            warmups=values[: request["warmups"]],
            values=values[request["warmups"] :],
        )

    def load():
        """The module that the script makes, run under a name of its own: `if __name__ == "__main__"` is not meant."""
        module = types.ModuleType("benchmarks")
        module.__file__ = request["name"]
        sys.modules["benchmarks"] = module
        exec(compile(request["source"], request["name"], "exec"), module.__dict__)
        return module

    def show(error):
        """Prints the traceback without the frames of this program, and returns its last line."""
        trace = error.__traceback__
        while trace and trace.tb_frame.f_code.co_filename in (own_file, importlib.__file__):
            trace = trace.tb_next
        traceback.print_exception(type(error), error, trace)
        return "".join(traceback.format_exception_only(type(error), error)).strip().splitlines()[-1]

    os.chdir(request["folder"])
    importlib.invalidate_caches()
    send(event="python", version="%d.%d.%d" % sys.version_info[:3])
    for name in request["imports"]:
        started = time.perf_counter()
        try:
            importlib.import_module(name)
        except BaseException as error:
            return fail(f"`{name}` cannot be imported: {show(error)}")
        send(event="imported", seconds=time.perf_counter() - started)
    if request["source"] is None:
        return 0
    try:
        module = load()
    except BaseException as error:
        return fail(f"the script failed: {show(error)}")
    found = {
        name: value
        for name, value in vars(module).items()
        if name.startswith("bench_") and inspect.isroutine(value)
    }
    send(event="found", names=list(found))
    for name, function in found.items():
        # The start of all names tells none from the others.
        if not any(wanted in name[len("bench_") :] or wanted == name for wanted in request["only"] or [""]):
            continue
        if inspect.iscoroutinefunction(function):
            return fail(f"`{name}` is a coroutine: only functions can be measured")
        try:
            measure(name, function)
        except BaseException as error:
            return fail(f"`{name}` failed: {show(error)}")
    flush()
    return 0


run
