"""Uses a playground as a person does, and fails unless it does what is expected.

python3 drive_playground.py URL --release 314.0.7 --package NAME --expect TEXT [--screenshot FILE]

In Chromium or Firefox. Chooses, waits until Python is there, runs an example or `--code` by Ctrl+Enter, and holds the
output against the texts expected. In Chromium, no host but this machine may have been asked, except those named by
`--host`.
"""

import argparse
import pathlib
import sys

import marionette
import webdriver

PHASE = "document.documentElement.dataset.phase"
ENDLESS = "print('on and on')\nwhile True:\n    pass\n"


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("url")
    parser.add_argument("--package", help="name, or name and version as the page shows them")
    parser.add_argument("--release")
    parser.add_argument("--thread", choices=["worker", "main"], default="worker")
    parser.add_argument("--code", help="instead of an example")
    parser.add_argument("--example", help="title of an example")
    parser.add_argument("--expect", action="append", default=[], help="text in the output; may be repeated")
    parser.add_argument("--expect-error", help="title of the error that the code ends with")
    parser.add_argument("--expect-failure", action="store_true", help="the package is not loaded")
    parser.add_argument("--stop", action="store_true", help="first stop a program that does not end")
    parser.add_argument("--editor", action="store_true", help="first type into the editor, by its keys")
    parser.add_argument("--link", action="store_true", help="then copy the link, open it, and run again")
    parser.add_argument("--host", action="append", default=[], help="a host that may be asked")
    parser.add_argument("--browser", choices=["chromium", "firefox"], default="chromium")
    parser.add_argument("--theme", choices=["light", "dark"], default="light")
    parser.add_argument("--size", default="1280x900")
    parser.add_argument("--whole-page", action="store_true", help="a screenshot as high as the page")
    parser.add_argument("--screenshot", type=pathlib.Path)
    return parser.parse_args()


def wait_for(page, *phases):
    phase = page.wait(f"[{', '.join(map(repr, phases))}, 'broken'].includes({PHASE}) && {PHASE}")
    if phase not in phases:
        raise AssertionError(f"the page is {phase}: {page.text('#status')}\n{page.text('#output')}")


def choose(page, selector, text):
    """Chooses the option whose text is this, or begins with it and a space."""
    found = page.run("""
        const [selector, text] = arguments;
        const list = document.querySelector(selector);
        const fits = (option) => option.textContent === text || option.textContent.startsWith(`${text} `);
        const option = [...list.options].find(fits);
        if (!option || option.disabled) return [...list.options].map((each) => each.textContent);
        // An example can be asked for again, to have it as it was.
        if (option.selected && selector !== "#example") return null;
        list.value = option.value;
        list.dispatchEvent(new Event("change", { bubbles: true }));
        return null;
    """, selector, text)
    if found is not None:
        raise AssertionError(f"`{text}` cannot be chosen; there are: {'; '.join(found)}")


def write(page, code):
    """Types as a person would paste: over all that is there."""
    page.run("document.querySelector('#code').select()")
    page.run("document.execCommand('insertText', false, arguments[0])", code)


def run(page):
    page.keys("#code", webdriver.CONTROL + webdriver.ENTER)
    wait_for(page, "ready", "failed")


def stop_endless(page):
    code = page.run("return document.querySelector('#code').value")
    write(page, ENDLESS)
    page.click("#run")
    page.wait("document.querySelector('#output').textContent.includes('on and on')")
    page.click("#stop")
    wait_for(page, "ready")
    write(page, code)


def type_code(page):
    """Types with the keyboard: indentation follows, Tab indents, undo knows of it, and Escape then Tab leaves."""
    value = "return document.querySelector('#code').value"
    write(page, "")
    page.keys("#code", f"if 1:{webdriver.ENTER}pass{webdriver.ENTER}x = 1{webdriver.ENTER}{webdriver.TAB}y")
    typed = page.run(value)
    assert typed == "if 1:\n    pass\nx = 1\n    y", f"typed was {typed!r}"
    page.keys("#code", f"{webdriver.CONTROL}/")
    assert page.run(value).endswith("\n    # y"), f"a comment is {page.run(value)!r}"
    page.keys("#code", f"{webdriver.CONTROL}z")
    assert page.run(value).endswith("\n    y"), f"undone is {page.run(value)!r}"
    page.keys("#code", f"{webdriver.SHIFT}{webdriver.TAB}")
    assert page.run(value).endswith("\ny"), f"dedented is {page.run(value)!r}"
    page.keys("#code", webdriver.ESCAPE + webdriver.TAB)
    focus = page.run("return document.activeElement.id")
    assert focus == "run", f"Escape and Tab lead to `{focus}`"


def follow_link(page):
    code = page.run("return document.querySelector('#code').value")
    page.click("#share")
    address = page.wait("location.hash.length > 1 && location.href")
    page.run("sessionStorage.clear()")
    page.open("about:blank")
    page.open(address)
    wait_for(page, "ready")
    opened = page.run("return document.querySelector('#code').value")
    assert opened == code, f"the link carries {opened!r} instead of {code!r}"
    return address


def check(page, options):
    output = page.text("#output")
    for text in options.expect:
        assert text in output, f"`{text}` is not in the output:\n{output}"
    title = page.run("return document.querySelector('#output .error strong')?.textContent ?? null")
    if not options.expect_failure:
        assert title == options.expect_error, f"the error is {title!r}, not {options.expect_error!r}:\n{output}"
    return output


def use(page, options):
    page.open(options.url)
    wait_for(page, "loading", "ready", "failed")
    for selector, text in (("#package", options.package), ("#release", options.release)):
        if text:
            choose(page, selector, text)
    choose(page, "#thread", {"worker": "a worker", "main": "the page itself"}[options.thread])
    wait_for(page, "failed" if options.expect_failure else "ready")
    if options.expect_failure:
        return check(page, options)
    if options.stop:
        stop_endless(page)
    if options.editor:
        type_code(page)
    if options.example:
        choose(page, "#example", options.example)
    if options.code is not None:
        write(page, options.code)
    run(page)
    output = check(page, options)
    if options.link:
        print(follow_link(page))
        run(page)
        check(page, options)
    return output


def main():
    options = parse()
    width, height = map(int, options.size.split("x"))
    driver = {"chromium": webdriver, "firefox": marionette}[options.browser]
    with driver.browser(width, height, options.theme) as (page, end):
        try:
            print(use(page, options))
            print(page.run("return document.querySelector('#facts').innerText"), flush=True)
        except (AssertionError, RuntimeError) as error:
            sys.exit(f"{options.url}: {error}")
        finally:
            if options.screenshot:
                page.screenshot(options.screenshot, options.whole_page)
        others = [host for host in end() if host not in options.host]
        if others:
            sys.exit(f"{options.url}: the page asked other hosts: {', '.join(others)}")


if __name__ == "__main__":
    main()
