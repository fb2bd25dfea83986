"""Changes a package that `serve --watch` serves, and fails unless the page follows.

python3 drive_watch.py URL --file SOURCE [--screenshot FILE] [--changes NUMBER --pause SECONDS]

SOURCE is the source file of the fixture `pure`. The page's code is written once; after that only the file changes.
Prints the seconds from each change to its output, and the median of their parts: until the build begins, until the page
takes what was built, until Python has the package, until the output. To measure, give `--pause`: a person thinks and
types between two changes, while Python gets ready for the next build.
"""

import argparse
import pathlib
import statistics
import sys
import time

import webdriver
from drive_playground import run, wait_for, write

CODE = "import fixture_pure\nprint('place is', fixture_pure.place())\n"
PLACE = "std::panic::Location::caller().file().to_owned()"
OUTPUT = "document.querySelector('#output').textContent"
ERROR = "document.querySelector('#build-error')"
# Notes when the page begins a phase.
MARKS = """
    globalThis.marks = [];
    const note = (name) => globalThis.marks.push([name, Date.now() / 1000]);
    const root = document.documentElement;
    const build = document.querySelector("#build");
    new MutationObserver(() => note(root.dataset.phase)).observe(root, { attributeFilter: ["data-phase"] });
    new MutationObserver(() => note(build.dataset.state)).observe(build, { attributeFilter: ["data-state"] });
"""
PARTS = ["building", "loading", "ready"]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("url")
    parser.add_argument("--file", type=pathlib.Path, required=True)
    parser.add_argument("--screenshot", type=pathlib.Path, help="of the page with a compile error")
    parser.add_argument("--changes", type=int, default=3)
    parser.add_argument("--pause", type=float, default=0, help="seconds before each change")
    return parser.parse_args()


class Package:
    """The package's source, and the page that shows what came of it."""

    def __init__(self, page, file):
        self.page = page
        self.file = file
        self.text = file.read_text(encoding="utf-8")
        self.parts = []

    def say(self, expression, expected):
        """Has a function return something else, waits for the page to run it, and gives the seconds that took."""
        self.page.run(MARKS)
        begun = time.time()
        self.file.write_text(self.text.replace(PLACE, expression), encoding="utf-8")
        self.page.wait(f"{OUTPUT}.includes({'place is ' + expected!r})")
        ended = time.time()
        marks = {}
        for name, at in self.page.run("return globalThis.marks"):
            marks.setdefault(name, at)
        times = [begun, *(marks.get(name, ended) for name in PARTS), ended]
        self.parts.append([after - before for before, after in zip(times, times[1:])])
        return ended - begun


def count_workers(page):
    targets = page.call("POST", "/goog/cdp/execute", {"cmd": "Target.getTargets", "params": {}})["targetInfos"]
    return sum(target["type"] == "worker" for target in targets)


def use(page, options):
    page.open(options.url)
    page.wait("document.documentElement.dataset.phase === 'ready'")
    write(page, CODE)
    run(page)
    package = Package(page, options.file)
    assert "lib.rs" in page.text("#output"), page.text("#output")
    assert count_workers(page) == 2, "Python for the next build is not started ahead"
    seconds = []
    for number in range(options.changes):
        time.sleep(options.pause)
        seconds.append(package.say(f'"change {number}".to_owned()', f"change {number}"))
    package.file.write_text(package.text.replace(PLACE, '"a text"'), encoding="utf-8")
    page.wait(f"!{ERROR}.hidden && {ERROR}.textContent")
    said = page.text("#build-error")
    assert "error[E0308]: mismatched types" in said and "src/lib.rs" in said, said
    if options.screenshot:
        page.screenshot(options.screenshot)
    # Python still has what was built before.
    run(page)
    wait_for(page, "ready")
    assert f"change {options.changes - 1}" in page.text("#output"), page.text("#output")
    seconds.append(package.say('"mended".to_owned()', "mended"))
    assert page.run(f"return {ERROR}.hidden"), "the error is still shown"
    code = page.run("return document.querySelector('#code').value")
    assert code == CODE, f"the code became {code!r}"
    parts = [statistics.median(part) for part in zip(*package.parts)]
    print("medians until the build begins, of the build, of loading, of running:", *(f"{each:.2f}" for each in parts))
    return seconds


def main():
    options = parse()
    with webdriver.browser(1280, 900) as (page, end):
        try:
            seconds = use(page, options)
            print("seconds from a change to its output:", *(f"{each:.1f}" for each in seconds))
        except (AssertionError, RuntimeError) as error:
            sys.exit(f"{options.url}: {error}\n{page.text('#build')}\n{page.text('#output')}")
        others = end()
        if others:
            sys.exit(f"{options.url}: the page asked other hosts: {', '.join(others)}")


main()
