"""Runs code in the JupyterLite of a site, and fails unless its output is what is expected.

python3 drive_notebook.py URL --code CODE --expect TEXT [--screenshot FILE]

No host but this machine may be asked: the site has what the kernel needs.
"""

import argparse
import pathlib
import sys
import urllib.parse

import webdriver

OUTPUT = "[...document.querySelectorAll('.jp-OutputArea-output')].map((each) => each.textContent).join('')"
NOTEBOOK = "lite/lab/index.html?path=examples.ipynb"


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("url")
    parser.add_argument("--code", required=True)
    parser.add_argument("--expect", required=True)
    parser.add_argument("--screenshot", type=pathlib.Path, help="of the notebook with the examples")
    return parser.parse_args()


def main():
    options = parse()
    with webdriver.browser(1280, 900) as (page, end):
        query = urllib.parse.urlencode({"kernel": "python", "execute": 1, "code": options.code})
        try:
            page.open(f"{options.url}lite/repl/index.html?{query}")
            page.wait(f"({OUTPUT}).includes({options.expect!r}) || ({OUTPUT}).includes('Traceback')")
            if options.expect not in (said := page.run(f"return {OUTPUT}")):
                raise RuntimeError(said)
            page.open(options.url + NOTEBOOK)
            page.wait("document.querySelector('.jp-Notebook .jp-CodeCell')?.textContent.includes('import')")
        except RuntimeError as error:
            sys.exit(f"{options.url}: {error}\n{page.run(f'return {OUTPUT}')}")
        finally:
            if options.screenshot:
                page.screenshot(options.screenshot)
        others = end()
        if others:
            sys.exit(f"{options.url}: the page asked other hosts: {', '.join(others)}")


main()
