"""Writes a site with tiktoken and the vocabulary of GPT-4 for two Pyodide lines: python3 playground.py TOOL FOLDER.

tiktoken imports `regex`, a C extension that lives on Pyodide's content delivery network. Where that cannot be reached,
`regex` is built here if this machine has the headers of the release's Python; else a test double made of Python's own
`re` stands in for it, and the page says so.
"""

import pathlib
import shutil
import subprocess
import sys

from demo import HERE, WORK, regex_double, vocabulary

LINES = ["0.29", "314"]


def build(tool, source, lines, wheels, *more):
    command = [tool, "build", source, "--pyodide", ",".join(lines), "--out-dir", wheels, "--no-import", *more]
    return subprocess.run(command, check=False).returncode == 0


def write_site(tool, wheels, folder, *more):
    command = [tool, "site", wheels, "--out", folder, "--pyodide", ",".join(LINES)]
    command += ["--examples", HERE / "examples.toml", "--page", HERE / "page.html"]
    command += ["--title", "tiktoken in the browser", *more]
    return subprocess.run(command, check=False).returncode


def main():
    tool, folder = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    wheels = WORK / "playground"
    shutil.rmtree(wheels, ignore_errors=True)
    wheels.mkdir(parents=True)
    content = next(vocabulary().iterdir())
    if not build(tool, "tiktoken==0.14.0", LINES, wheels, "--variant", f"cl100k_base={content}"):
        sys.exit(2)
    if write_site(tool, wheels, folder, "--vendor") == 0:
        return
    print("\nPyodide's network cannot be reached: `regex` is made here instead\n", file=sys.stderr)
    for line, tag in zip(LINES, ["cp313", "cp314"]):
        if not build(tool, "regex", [line], wheels):
            print(f"\na test double made of Python's `re` stands in for `regex` on {line}\n", file=sys.stderr)
            shutil.copy(regex_double(tag), wheels)
    sys.exit(write_site(tool, wheels, folder))


if __name__ == "__main__":
    main()
