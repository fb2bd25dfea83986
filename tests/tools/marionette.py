"""Drives Firefox by Marionette, its own protocol: WebDriver's commands as JSON over a socket. Needs no geckodriver."""

import base64
import contextlib
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from webdriver import ELEMENT, PATIENCE, WAITING

# Nothing but the page is to be loaded, and a port that is free.
PREFERENCES = {
    "marionette.port": 0,
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.safebrowsing.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.server": "data:,",
}


class Firefox:
    """One window; the methods are those of `webdriver.Browser`."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE + 20)
        self._stream = self._socket.makefile("rb")
        self._number = 0
        self._read()
        self.call("WebDriver:NewSession", {})
        self.call("WebDriver:SetTimeouts", {"script": PATIENCE * 1000})

    def _read(self):
        size = b""
        while (digit := self._stream.read(1)) != b":":
            if not digit:
                raise RuntimeError("Firefox has ended")
            size += digit
        return json.loads(self._stream.read(int(size)))

    def call(self, name, parameters):
        self._number += 1
        text = json.dumps([0, self._number, name, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(text), text))
        _, _, error, result = self._read()
        if error:
            raise RuntimeError(f"{error['error']}: {error['message']}")
        return result

    def open(self, url):
        self.call("WebDriver:Navigate", {"url": url})

    def run(self, script, *arguments):
        return self.call("WebDriver:ExecuteScript", {"script": script, "args": arguments})["value"]

    def wait(self, condition):
        return self.call("WebDriver:ExecuteAsyncScript", {"script": WAITING % condition, "args": []})["value"]

    def _find(self, selector):
        found = self.call("WebDriver:FindElement", {"using": "css selector", "value": selector})
        return found["value"][ELEMENT]

    def click(self, selector):
        self.call("WebDriver:ElementClick", {"id": self._find(selector)})

    def keys(self, selector, text):
        self.call("WebDriver:ElementSendKeys", {"id": self._find(selector), "text": text})

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0]).textContent", selector)

    def screenshot(self, path, whole_page=False):
        taken = self.call("WebDriver:TakeScreenshot", {"full": whole_page})
        path.write_bytes(base64.b64decode(taken["value"]))


def start(folder, theme):
    """Starts Firefox with a profile in this folder; gives the process and the port."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if not program:
        sys.exit("there is no Firefox here\nhint: Debian: `apt-get install firefox-esr`")
    scheme = {"layout.css.prefers-color-scheme.content-override": 0 if theme == "dark" else 1}
    preferences = {**PREFERENCES, **scheme}.items()
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences]
    pathlib.Path(folder, "user.js").write_text("".join(lines), encoding="utf-8")
    command = [program, "--headless", "--no-remote", "--marionette", "--profile", folder, "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    port = pathlib.Path(folder, "MarionetteActivePort")
    begun = time.monotonic()
    while not (port.is_file() and port.read_text(encoding="utf-8").strip()):
        if process.poll() is not None or time.monotonic() - begun > PATIENCE:
            process.kill()
            sys.exit("Firefox does not start")
        time.sleep(0.05)
    return process, int(port.read_text(encoding="utf-8"))


@contextlib.contextmanager
def browser(width=1280, height=900, theme="light"):
    """A Firefox of its own; yields it and a function that ends it. It does not tell which hosts were asked."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process, port = start(folder, theme)
        try:
            page = Firefox(port)
            page.call("WebDriver:SetWindowRect", {"width": width, "height": height})
            yield page, lambda: []
        finally:
            process.terminate()
            process.wait()
