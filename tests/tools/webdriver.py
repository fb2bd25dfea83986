"""Drives Chromium through its chromedriver, with Python's standard library alone.

`browser(...)` starts both and ends both. What the browser asked the network for is known afterwards, workers included.
"""

import base64
import contextlib
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
CONTROL = "\ue009"
ENTER = "\ue007"
TAB = "\ue004"
SHIFT = "\ue008"
ESCAPE = "\ue00c"
ARGUMENTS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-extensions",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--force-device-scale-factor=1",
]
# How long a script of ours may wait for the page, in seconds.
PATIENCE = 300
# A script that waits until an expression of the page is true, and gives its value.
WAITING = """
    const done = arguments[arguments.length - 1];
    const timer = setInterval(() => {
      const value = (%s);
      if (value) { clearInterval(timer); done(value); }
    }, 30);
"""
# Loopback is asked directly, whatever proxy the environment names.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Browser:
    """One window, by the commands of the WebDriver protocol."""

    def __init__(self, address, session):
        self._address = f"{address}/session/{session}"
        self._has_ended = False

    def call(self, method, path, body=None):
        return request(method, f"{self._address}{path}", body)

    def end(self):
        """Closes the window and the browser with it; does nothing the second time."""
        if not self._has_ended:
            self._has_ended = True
            self.call("DELETE", "")

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """Runs JavaScript and gives what it returns."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, condition):
        """Waits until an expression of the page is true, and gives its value."""
        return self.call("POST", "/execute/async", {"script": WAITING % condition, "args": []})

    def find(self, selector):
        found = self.call("POST", "/element", {"using": "css selector", "value": selector})
        return f"/element/{found[ELEMENT]}"

    def click(self, selector):
        self.call("POST", f"{self.find(selector)}/click", {})

    def keys(self, selector, text):
        self.call("POST", f"{self.find(selector)}/value", {"text": text})

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0]).textContent", selector)

    def screenshot(self, path, whole_page=False):
        if whole_page:
            size = self.run("return [innerWidth, document.documentElement.scrollHeight]")
            self.resize(size[0], size[1])
        path.write_bytes(base64.b64decode(self.call("GET", "/screenshot")))

    def resize(self, width, height):
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.command("Emulation.setDeviceMetricsOverride", size)

    def command(self, name, parameters):
        """A command of the DevTools protocol."""
        self.call("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})


def request(method, url, body=None):
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with OPENER.open(asked, timeout=PATIENCE + 20) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        said = json.load(error)["value"]
        raise RuntimeError(f"{said['error']}: {said['message']}") from None


def find_program(*names):
    for name in names:
        if found := shutil.which(name):
            return found
    sys.exit(f"there is none of {', '.join(names)} here\nhint: Debian: `apt-get install chromium chromium-driver`")


def asked_hosts(log):
    """The hosts, besides this machine, that pages and workers asked. What Chromium asks for itself has no initiator."""
    hosts = set()
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        url = re.search(r'"url":"((?:https?|wss?)://[^"]*)"', line)
        if url and re.search(r'"initiator":"https?://', line):
            hosts.add(urllib.parse.urlsplit(url[1]).hostname)
    return sorted(hosts - {"127.0.0.1", "localhost"})


@contextlib.contextmanager
def browser(width=1280, height=900, theme="light"):
    """A browser of its own; yields it and a function that ends it and tells which hosts it asked."""
    driver = find_program("chromedriver")
    chromium = find_program("chromium", "chromium-browser", "google-chrome")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        log = pathlib.Path(folder, "net-log.json")
        process = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, text=True)
        page = None
        # So that what follows ends the browser then, too.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        try:
            said = (re.search(r"successfully on port (\d+)", line) for line in process.stdout)
            port = next(found[1] for found in said if found)
            size = f"--window-size={width},{height}"
            own = [size, f"--user-data-dir={folder}/profile", f"--log-net-log={log}"]
            options = {"binary": chromium, "args": ARGUMENTS + own}
            wanted = {"goog:chromeOptions": options, "timeouts": {"script": PATIENCE * 1000}}
            address = f"http://127.0.0.1:{port}"
            session = request("POST", f"{address}/session", {"capabilities": {"alwaysMatch": wanted}})
            page = Browser(address, session["sessionId"])
            scheme = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
            page.command("Emulation.setEmulatedMedia", scheme)

            def end():
                page.end()
                return asked_hosts(log)

            page.resize(width, height)
            yield page, end
        finally:
            if page:
                page.end()
            process.terminate()
            process.wait()
