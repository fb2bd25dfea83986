"""Runs pytest inside Pyodide, and on the host for comparison, and reports what each test came to.

Evaluated in the runtime; its value is the function `run`, which is given a JSON request and a function that takes
events as JSON. On the host `host_main.py` does the same.
"""


def run(request, report):
    import json
    import os
    import sys
    import warnings

    request = json.loads(request)

    def send(**event):
        # JSON for Rust has no lone surrogates.
        clean = {
            key: value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
            for key, value in event.items()
        }
        report(json.dumps(clean))

    os.chdir(request["folder"])
    os.environ.update(request["variables"])
    if sys.platform == "emscripten":
        # No file names the local time zone, as on other Unixes: JavaScript knows it.
        import js

        os.environ.setdefault("TZ", js.Intl.DateTimeFormat().resolvedOptions().timeZone)
    # As `pytest` does, and `python -m pytest` does not: the current folder stays off the path.
    sys.path[:] = [entry for entry in sys.path if entry not in ("", request["folder"])]

    import pytest

    # Some packages have absolute paths in the names of tests: they are to be the same wherever the tests lie.
    here = os.getcwd()

    def name_of(nodeid):
        """A test's name: its path is relative to the current folder, or to the folder that it is imported from."""
        path, separator, rest = nodeid.partition("::")
        if path:
            whole = os.path.normpath(os.path.join(recorder.root, path))
            for folder in (here, *sorted(filter(None, sys.path), key=len, reverse=True)):
                if whole.startswith(folder + os.sep):
                    path = os.path.relpath(whole, folder).replace(os.sep, "/")
                    break
        return path + separator + rest.replace(here, ".")

    def reason_for(nodeid):
        for key, reason in request["excused"].items():
            if nodeid == key or nodeid.startswith((key + "[", key + "::", key + "/")):
                return reason
        return None

    class Recorder:
        """Sends an event when a test starts and when it ends; drops tests that were run before."""

        def __init__(self):
            self.parts = {}
            self.started = False
            self.root = here

        def pytest_configure(self, config):
            # Names are relative to it: the folder of the settings that pytest found.
            self.root = str(getattr(config, "rootpath", None) or config.rootdir)
            if not any(config.pluginmanager.hasplugin(name) for name in ("benchmark", "codspeed")):
                config.pluginmanager.register(Benchmarks())
            # Settings and marks of plugins that are left out: some packages make errors of those that nobody knows.
            config.addinivalue_line("filterwarnings", "ignore::pytest.PytestUnknownMarkWarning")
            known = getattr(config._parser, "_inidict", {})
            with warnings.catch_warnings():
                # The newest pytest deprecates it, and offers nothing else for settings that it does not know.
                warnings.simplefilter("ignore")
                names = list(getattr(config, "inicfg", {}))
            for name in names:
                if name not in known:
                    config._parser.addini(name, "a setting of a plugin that is not here")

        @pytest.hookimpl(tryfirst=True)
        def pytest_collection_modifyitems(self, items, config):
            done, excused, kept = set(request["done"]), [], []
            for item in items:
                name = name_of(item.nodeid)
                reason = reason_for(name)
                if reason is not None:
                    excused.append(item)
                    if name not in done:
                        send(event="end", id=name, outcome="excused", seconds=0, message=reason)
                elif name not in done:
                    kept.append(item)
            dropped = len(items) - len(kept)
            if dropped:
                keeps = set(map(id, kept))
                config.hook.pytest_deselected(items=[item for item in items if id(item) not in keeps])
            items[:] = kept

        def pytest_collection_finish(self, session):
            send(event="collected", count=len(session.items))

        def pytest_collectreport(self, report):
            name = name_of(report.nodeid)
            if report.failed and name not in request["done"]:
                send(event="end", id=name, outcome="error", seconds=0, message=str(report.longrepr)[-4000:])

        def pytest_runtest_logstart(self, nodeid):
            self.started = True
            self.parts[nodeid] = []
            send(event="start", id=name_of(nodeid))

        def pytest_runtest_logreport(self, report):
            self.parts.setdefault(report.nodeid, []).append(report)
            if report.when != "teardown":
                return
            parts = self.parts.pop(report.nodeid)
            outcome, message = outcome_of(parts)
            seconds = sum(part.duration for part in parts)
            send(event="end", id=name_of(report.nodeid), outcome=outcome, seconds=seconds, message=message)

    class Benchmark:
        """Calls what is to be measured once: that it works is all that is asked here."""

        extra_info = {}
        group = None

        def __call__(self, function, *args, **kwargs):
            return function(*args, **kwargs)

        def pedantic(self, target, args=(), kwargs=None, setup=None, **_):
            args, kwargs = (setup and setup()) or (args, kwargs)
            return target(*args, **(kwargs or {}))

    class Benchmarks:
        """Stands for the plugins that measure, which are left out."""

        @pytest.fixture
        def benchmark(self):
            return Benchmark()

    def outcome_of(parts):
        for part in parts:
            if hasattr(part, "wasxfail"):
                return ("xpassed" if part.passed else "xfailed"), str(part.wasxfail)
            if part.failed:
                return ("failed" if part.when == "call" else "error"), text_of(part)
            if part.skipped:
                return "skipped", str(part.longrepr[2] if isinstance(part.longrepr, tuple) else part.longrepr)
        return "passed", ""

    def text_of(part):
        crash = getattr(part.longrepr, "reprcrash", None)
        text = str(part.longrepr)
        return (f"{crash.message}\n\n{text}" if crash else text)[-8000:]

    recorder = Recorder()
    # A file that cannot be read is one error; the tests of the others are run.
    arguments = [*request["arguments"], "-p", "no:cacheprovider", "--continue-on-collection-errors"]
    # pytest changes the list that it is given.
    status = pytest.main(list(arguments), plugins=[recorder])
    if status == pytest.ExitCode.USAGE_ERROR and not recorder.started:
        print("again without `addopts` of the package's pytest settings", file=sys.stderr)
        recorder = Recorder()
        status = pytest.main(["-o", "addopts=", *arguments], plugins=[recorder])
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return int(status)


run
