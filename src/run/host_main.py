"""Runs the harness of a session in a Python of this machine.

Called as `python host_main.py HARNESS REQUEST EVENTS`: the harness defines the function `run`, which is given the
request and a function that takes events as JSON.
"""

import pathlib
import sys


def main():
    harness, request, events = map(pathlib.Path, sys.argv[1:])
    defined = {"__name__": "harness"}
    exec(compile(harness.read_text(encoding="utf-8"), str(harness), "exec"), defined)
    with open(events, "a", encoding="utf-8") as written:

        def report(text):
            written.write(text + "\n")
            written.flush()

        status = defined["run"](request.read_text(encoding="utf-8"), report)
        report('{"event": "done", "status": %d}' % status)


if __name__ == "__main__":
    main()
