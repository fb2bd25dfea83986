"""Changes a package that `serve --watch` serves, and fails unless the page follows.

python3 drive_watch.py URL --file SOURCE [--screenshot FILE]

SOURCE is the source file of the fixture `pure`. The page's code is written once; after that only the file changes.
"""

import argparse
import pathlib
import sys
import time

import webdriver
from drive_playground import run, wait_for, write

CODE = "import fixture_pure\nprint('place is', fixture_pure.place())\n"
PLACE = "std::panic::Location::caller().file().to_owned()"
OUTPUT = "document.querySelector('#output').textContent"
ERROR = "document.querySelector('#build-error')"


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("url")
    parser.add_argument("--file", type=pathlib.Path, required=True)
    parser.add_argument("--screenshot", type=pathlib.Path, help="of the page with a compile error")
    return parser.parse_args()


class Package:
    """The package's source, and the page that shows what came of it."""

    def __init__(self, page, file):
        self.page = page
        self.file = file
        self.text = file.read_text(encoding="utf-8")

    def say(self, expression, expected):
        """Has a function return something else, waits for the page to run it, and gives the seconds that took."""
        begun = time.monotonic()
        self.file.write_text(self.text.replace(PLACE, expression), encoding="utf-8")
        self.page.wait(f"{OUTPUT}.includes({'place is ' + expected!r})")
        return time.monotonic() - begun


def use(page, options):
    page.open(options.url)
    page.wait("document.documentElement.dataset.phase === 'ready'")
    write(page, CODE)
    run(page)
    package = Package(page, options.file)
    assert "lib.rs" in page.text("#output"), page.text("#output")
    seconds = [package.say(f'"change {number}".to_owned()', f"change {number}") for number in range(3)]
    package.file.write_text(package.text.replace(PLACE, '"a text"'), encoding="utf-8")
    page.wait(f"!{ERROR}.hidden && {ERROR}.textContent")
    said = page.text("#build-error")
    assert "error[E0308]: mismatched types" in said and "src/lib.rs" in said, said
    if options.screenshot:
        page.screenshot(options.screenshot)
    # Python still has what was built before.
    run(page)
    wait_for(page, "ready")
    assert "change 2" in page.text("#output"), page.text("#output")
    seconds.append(package.say('"mended".to_owned()', "mended"))
    assert page.run(f"return {ERROR}.hidden"), "the error is still shown"
    code = page.run("return document.querySelector('#code').value")
    assert code == CODE, f"the code became {code!r}"
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
