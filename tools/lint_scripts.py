"""Checks that Python and JavaScript files parse, and that no line there, in styles and in pages is too long."""

import ast
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def files(*patterns):
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def faults():
    for path in files("*.py"):
        try:
            ast.parse(path.read_text(encoding="utf-8"), str(path))
        except SyntaxError as error:
            yield f"{path}: {error}"
    for path in files("*.mjs", "*.js"):
        checked = subprocess.run(["node", "--check", str(path)], capture_output=True, text=True)
        if checked.returncode:
            yield f"{path}: {checked.stderr}"
    for path in files("*.py", "*.mjs", "*.js", "*.sh", "*.css", "*.html"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if len(line) > 120 or line != line.rstrip():
                yield f"{path}:{number}: too long, or white space at its end"


found = list(faults())
print("\n".join(found))
sys.exit(bool(found))
