"""Kills commands at random moments and checks that nothing is lost: python3 kills.py TOOL [options].

Each round starts a command, sends its main process a signal after a random part of the command's usual time, and then
checks: no process of it is left; the same command, run again, gives what it gave before; no file of the killed run is
left in the folder of temporary files, in the cache or beside the output. Ends with 1 at the first difference.

  --kills N         rounds (default 60)
  --commands A,B    of run, build, test, page, worker, site, sweep, setup (default: all but page, worker and setup)
  --pyodide V       the release (default 0.29.5)
  --cache FOLDER    a cache whose releases and standard libraries are used
  --seed N          for the same moments again
  --cold N          every Nth build starts with nothing compiled (default 0: none does)
  --minutes N       ends after so long at the latest

`page` and `worker` need a browser; `setup` fetches the release anew each time.
"""

import argparse
import collections
import hashlib
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT]
# How long the processes of a killed command may take to be gone.
PATIENCE = 10.0
PROGRAM = "print(6 * 7)"
TEST = "import fixture_pure\n\n\ndef test_it():\n    assert fixture_pure is not None\n"


class Lost(Exception):
    """A kill that did harm."""


class Campaign:
    def __init__(self, options, place):
        self.options, self.place = options, place
        self.tool = pathlib.Path(options.tool).resolve()
        self.mark = f"{os.getpid()}-{random.getrandbits(32)}"
        self.temporary, self.cache = place / "tmp", place / "cache"
        for folder in (self.temporary, self.cache):
            folder.mkdir()
        for kind in ("runtimes", "sysroots"):
            source = pathlib.Path(options.cache) / kind
            if source.is_dir():
                shutil.copytree(source, self.cache / kind)
        shutil.copytree(ROOT / "tests/fixtures/pure", place / "pure")
        (place / "pure/tests").mkdir()
        (place / "pure/tests/test_it.py").write_text(TEST)
        (place / "sdists").mkdir()
        name = "fixture_pure-1.0.0"
        (place / "pure/PKG-INFO").write_text("Metadata-Version: 2.1\nName: fixture-pure\nVersion: 1.0.0\n")
        with tarfile.open(place / f"sdists/{name}.tar.gz", "w:gz") as archive:
            archive.add(place / "pure", name)
        self.seconds, self.expected = {}, {}

    def arguments(self, name):
        line = ["--pyodide", self.options.pyodide]
        return {
            "run": ["run", *line, "-c", PROGRAM],
            "build": ["build", "./pure", *line, "-q", "--no-import", "--out-dir", "dist"],
            "test": ["test", "./pure", *line, "-q"],
            "page": ["run", *line, "--in", "page", "-c", PROGRAM],
            "worker": ["run", *line, "--in", "worker", "-c", PROGRAM],
            "site": ["site", *line, "-q", "wheels", "--out", "site"],
            "sweep": ["sweep", "sdists", *line, "--steps", "build,audit", "--out", "sweep", "--resume"],
            "setup": ["setup", *line, "-q"],
        }[name]

    def start(self, name):
        environment = {**os.environ, "KILLS_MARK": self.mark, "TMPDIR": str(self.temporary),
                       "CARGO_PYODIDE_CACHE_DIR": str(self.cache), "CARGO_PYODIDE_OPTIMIZE": "none",
                       "CARGO_PYODIDE_COMPRESS": "fast"}
        return subprocess.Popen([self.tool, *self.arguments(name)], cwd=self.place, env=environment, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def prepare(self, name, round_number):
        if name == "sweep":
            shutil.rmtree(self.place / "sweep", ignore_errors=True)
        if name == "setup":
            shutil.rmtree(self.cache / "runtimes", ignore_errors=True)
        cold = self.options.cold
        if name == "build" and cold and round_number % cold == 0:
            shutil.rmtree(self.cache / "builds", ignore_errors=True)

    def finish(self, name):
        """Runs a command to its end and returns what it gave."""
        started = time.monotonic()
        process = self.start(name)
        printed, _ = process.communicate(timeout=600)
        self.seconds[name] = time.monotonic() - started
        if process.returncode != 0:
            raise Lost(f"`{name}` ends with {process.returncode}:\n{printed}")
        if name in ("run", "page", "worker"):
            return printed.splitlines()[-1]
        # Times are told, and who waited for whom: what counts is what was made.
        folder = {"build": "dist", "site": "site", "sweep": "sweep/wheels"}.get(name)
        return digest(self.place / folder) if folder else ""

    def processes(self):
        """The processes that were started by us, but for those that only wait to be asked for their status."""
        found = []
        for folder in pathlib.Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    # Node has none of our variables, but its scripts lie among the temporary files.
                    is_ours = self.mark.encode() in (folder / "environ").read_bytes() or str(self.temporary) in words
                    if words and is_ours:
                        found.append(f"{folder.name} {words}")
                except OSError:
                    continue
        return found

    def left_files(self):
        patterns = [(self.temporary, "*"), (self.cache, "*/.tmp*"), (self.cache, "*/.removed-*"),
                    (self.cache, "*/.*.part"), (self.place, "dist/.*"),
                    (self.place, ".cargo-pyodide-site*"), (self.place, ".tmp*")]
        left = sorted(path for folder, pattern in patterns for path in folder.glob(pattern))
        return [f"{path} with {sorted(child.name for child in path.glob('*'))}" for path in left]

    def kill(self, name, round_number):
        self.prepare(name, round_number)
        process = self.start(name)
        delay, sent = random.uniform(0, self.seconds[name]), random.choice(SIGNALS)
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            process.send_signal(sent)
        killed = time.monotonic()
        process.communicate(timeout=60)
        while left := self.processes():
            if time.monotonic() - killed > PATIENCE:
                raise Lost(f"{sent.name} after {delay:.2f} s of `{name}` leaves processes:\n" + "\n".join(left))
            time.sleep(0.02)
        gone = time.monotonic() - killed
        where = f"after {sent.name}, {delay:.2f} s into `{name}`"
        try:
            given = self.finish(name)
        except Lost as lost:
            raise Lost(f"{where}: {lost}") from None
        if given != self.expected[name]:
            raise Lost(f"{where}: it gives\n{given}\nand gave\n{self.expected[name]}")
        if left := self.left_files():
            raise Lost(f"{where}: files are left:\n" + "\n".join(left))
        return sent.name, gone

    def run(self):
        names = self.options.commands.split(",")
        for name in dict.fromkeys(["build", *names]):
            self.prepare(name, 0)
            self.expected[name] = self.finish(name)
            if name == "build":
                shutil.copytree(self.place / "dist", self.place / "wheels", dirs_exist_ok=True)
            # The second time is the usual one: environments and compiled crates are there.
            self.prepare(name, 1)
            self.finish(name)
        counts, slowest = collections.Counter(), 0.0
        end = time.monotonic() + 60 * self.options.minutes
        for round_number in range(self.options.kills):
            if time.monotonic() > end:
                break
            name = names[round_number % len(names)]
            sent, gone = self.kill(name, round_number)
            counts[name, sent] += 1
            slowest = max(slowest, gone)
            if counts.total() % 100 == 0:
                print(f"{counts.total()} kills", file=sys.stderr)
        return counts, slowest


def digest(folder):
    """The names and digests of a folder's files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return "\n".join(f"{path.relative_to(folder)} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool")
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--commands", default="run,build,test,site,sweep")
    parser.add_argument("--pyodide", default="0.29.5")
    parser.add_argument("--cache", default=os.environ.get("CARGO_PYODIDE_CACHE_DIR", ""))
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--cold", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=60.0)
    options = parser.parse_args()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory() as place:
        try:
            counts, slowest = Campaign(options, pathlib.Path(place)).run()
        except Lost as lost:
            print(lost)
            return 1
    for (name, sent), count in sorted(counts.items()):
        print(f"{name:8} {sent:8} {count:5}")
    total = sum(counts.values())
    print(f"{total} kills; the last process was gone after {slowest:.2f} s at most; every next run was right")
    return 0


sys.exit(main())
